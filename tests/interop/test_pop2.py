"""POP2 from a started server: a kill, an identification, our own client."""

from __future__ import annotations

import socket

from mailapp.app.demo.pop2_client import Pop2Mailbox
from tests.interop.client_case import ClientCase, needs
from tests.interop.demo import PASSWORD
from tests.threats import threat


class Pop2Tests(ClientCase):
    """There is no other client to be had: RFC 937 is from 1985."""

    def mailbox(self) -> Pop2Mailbox:
        """A client, greeted."""
        address = ("localhost", self.server.port("pop2"))
        return Pop2Mailbox(socket.create_connection(address, 20))

    @threat(77)
    def test_fetch(self) -> None:
        """Nothing is gone before QUIT; what was deleted is gone after it."""
        self.send()
        count = 0
        for ends in (False, True):
            with self.mailbox() as mailbox:
                count = mailbox.log_in(b"alice", PASSWORD.encode())
                self.assertGreater(count, 0)
                octets = mailbox.measure(count)
                message = mailbox.retrieve()
                self.assertEqual(octets, len(message))
                self.assertTrue(message.isascii())
                self.assertIn(self.subject.encode(), message)
                self.assertEqual(octets, mailbox.repeat())
                self.assertEqual(message, mailbox.retrieve())
                mailbox.delete()
                if ends:
                    mailbox.quit()
        with self.mailbox() as mailbox:
            left = mailbox.log_in(b"alice", PASSWORD.encode())
            self.assertEqual(count - 1, left)
            mailbox.quit()

    def test_refused(self) -> None:
        """A wrong password is a "-" and the end."""
        with self.mailbox() as mailbox:
            with self.assertRaises(ConnectionError) as caught:
                mailbox.log_in(b"alice", b"wrong")
            self.assertIn("invalid credentials", str(caught.exception))

    @needs("nmap")
    def test_nmap(self) -> None:
        """The service probes of nmap name it; POP3 would cost them 15 seconds."""
        port = str(self.server.port("pop2"))
        command = ("nmap", "-sV", "--version-light", "-Pn", "-n", "-p", port)
        said = self.run_client(*command, "127.0.0.1")
        self.assertRegex(said, rb"/tcp +open +pop2 +UW POP2 server mailapp\b")

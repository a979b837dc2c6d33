"""A POP3 listener for old machines."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from mailapp.net.threads import inline
from mailapp.pop.vintage import Vintage
from tests.svt import make_message
from tests.unit.pop.support import ask
from tests.unit.pop2.test_vintage import MESSAGE
from tests.unit.pop3.support import Server

LIMIT = 16 * 1024


class VintageListenerTests(SynchronousTestCase):
    """RFC 1939, section 11: sizes are those of what is sent."""

    def test_sizes(self) -> None:
        """STAT, LIST and RETR agree, octet for octet, also after DELE and RSET."""
        messages = (MESSAGE, make_message("dots:4096"), make_message("300000"))
        server = Server(*messages)
        server.present = Vintage(LIMIT, inline).counted
        wire = server.login()
        sizes = {}
        for line in ask(wire, b"LIST").split(b"\r\n")[1:-2]:
            number, size = map(int, line.split())
            said = ask(wire, b"RETR %d" % number)
            status, text = said.split(b"\r\n", 1)
            body = text[: -len(b".\r\n")].replace(b"\r\n..", b"\r\n.")
            self.assertEqual(status, b"+OK %d octets" % len(body))
            self.assertEqual(size, len(body))
            self.assertEqual(ask(wire, b"LIST %d" % number).split()[2], b"%d" % size)
            self.assertTrue(body.isascii())
            self.assertLessEqual(size, LIMIT)
            sizes[number] = size
        self.assertEqual(sorted(sizes), [1, 2, 3])
        total = sum(sizes.values())
        self.assertEqual(ask(wire, b"STAT"), b"+OK 3 %d\r\n" % total)
        ask(wire, b"DELE 3")
        self.assertEqual(ask(wire, b"STAT"), b"+OK 2 %d\r\n" % (total - sizes[3]))
        ask(wire, b"RSET")
        self.assertEqual(ask(wire, b"STAT"), b"+OK 3 %d\r\n" % total)
        self.assertIn(b"\r\nSubject: ", ask(wire, b"TOP 1 0"))
        ask(wire, b"DELE 1\r\nQUIT")
        self.assertEqual(server.bodies(), list(messages[1:]))

    def test_unique_ids(self) -> None:
        """A message has the same UIDL on every listener."""
        server = Server(MESSAGE)
        plain = ask(server.login(), b"UIDL\r\nQUIT").split(b"\r\n")[1]
        server.present = Vintage(LIMIT, inline).counted
        self.assertEqual(ask(server.login(), b"UIDL").split(b"\r\n")[1], plain)

"""A listener for old machines, by hand: the dialogue that docs/vintage.rst prints."""

from __future__ import annotations

from pathlib import Path
from textwrap import indent

from twisted.trial.unittest import SynchronousTestCase

from mailapp.net.threads import inline
from mailapp.pop.vintage import Vintage
from tests.svt import make_message
from tests.unit.pop.support import ask
from tests.unit.pop2.support import Server

PAGE = Path(__file__).parents[3] / "docs" / "vintage.rst"
MESSAGE = (
    "Received: from mx.example.org by mx.example.test; Mon, 23 Nov 2026 08:00:00 +0000"
    "\r\nFrom: =?utf-8?q?J=C3=BCrgen_Gro=C3=9F?= <jg@example.org>\r\n"
    "To: alice@example.test\r\n"
    "Date: Mon, 23 Nov 2026 09:00:00 +0100\r\n"
    "Subject: =?utf-8?q?Gr=C3=BC=C3=9Fe_aus_=E2=80=9EK=C3=B6ln=E2=80=9C?=\r\n"
    "MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n"
    "--b\r\nContent-Type: text/html; charset=utf-8\r\n\r\n"
    "<p>Liebe Alice,</p><p>schöne Grüße &ndash; bis <b>bald</b>!<br>Jürgen</p>\r\n"
    "--b\r\nContent-Type: image/jpeg\r\nContent-Transfer-Encoding: base64\r\n"
    'Content-Disposition: attachment; filename="dom.jpg"\r\n\r\n'
    "/9j/4AAQSkZJRg==\r\n--b--\r\n"
).encode()


def dialogue(server: Server, *commands: bytes) -> bytes:
    """All that a telnet prompt shows."""
    wire = server.connect()
    shown = b"+ POP2 mail.example.test mailapp server ready\r\n"
    for command in commands:
        shown += command + b"\r\n" + ask(wire, command)
    return shown


class VintageListenerTests(SynchronousTestCase):
    """The count of READ is the count of RETR, whatever the message was."""

    def vintage(self, *messages: bytes) -> Server:
        """A server with such a listener."""
        server = Server(*messages)
        server.present = Vintage(32 * 1024, inline).uncounted
        return server

    def test_page(self) -> None:
        """The dialogue goes as the page prints it."""
        server = self.vintage(MESSAGE)
        commands = (b"HELO u p\\ w", b"READ 1", b"RETR", b"ACKS", b"QUIT")
        shown = dialogue(server, *commands).decode("ascii").replace("\r\n", "\n")
        shown = shown.replace("HELO u p\\ w", "HELO alice a\\ b")
        shown = shown.replace("mail.example.test", "mx.example.test")
        self.assertIn(indent(shown, "    "), PAGE.read_text(encoding="utf-8"))

    def test_counts(self) -> None:
        """They agree for every message; the mailbox keeps what was delivered."""
        messages = (MESSAGE, make_message("dots:4096"), make_message("300000"))
        server = self.vintage(*messages)
        wire = server.login()
        for number in (1, 2, 3):
            said = ask(wire, b"READ %d" % number)
            text = ask(wire, b"RETR")
            self.assertEqual(said, b"=%d characters\r\n" % len(text))
            self.assertTrue(text.isascii())
            self.assertLessEqual(len(text), 32 * 1024)
            ask(wire, b"NACK")
        self.assertEqual(server.bodies(), list(messages))

    def test_delete(self) -> None:
        """ACKD and QUIT remove the message that stands behind the text."""
        server = self.vintage(MESSAGE, b"Subject: x\r\n\r\nstays\r\n")
        wire = server.login()
        for command in (b"READ 1", b"RETR", b"ACKD", b"QUIT"):
            ask(wire, command)
        self.assertEqual(server.bodies(), [b"Subject: x\r\n\r\nstays\r\n"])

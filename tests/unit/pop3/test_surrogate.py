"""Messages in UTF-8, shown to clients with and without UTF8 mode (RFC 6856)."""

from __future__ import annotations

import re

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailapp.core.peer import TLS
from mailapp.pop3 import surrogate
from tests.rows import rows, tabled
from tests.unit.pop.support import ask
from tests.unit.pop3.support import LOGIN, Server

SUBJECT = "Subject: Gr\xfc\xdfe\r\n".encode()
PLAIN = b"Subject: a\r\n\r\nb\r\n"
EIGHT_BIT = "Subject: a\r\nContent-Type: text/plain\r\n\r\nGr\xfc\xdfe\r\n".encode()
IN_PART = (
    b'Content-Type: multipart/mixed; boundary="x"\r\n\r\n'
    b"--x\r\n" + SUBJECT + b"\r\n.dot\r\n--x--\r\n"
)
_OK = re.compile(rb"\+OK ([0-9]+) octets\r\n")


def downgrade(octets: bytes) -> bytes:
    """Longer than before, so that a wrong size shows."""
    return octets.replace("\xfc".encode(), b"=C3=BC").replace(b"\xc3\x9f", b"ss")


def _server(*messages: bytes) -> Server:
    server = Server(*messages)
    server.downgrade = downgrade
    return server


def _content(reply: bytes) -> bytes:
    """The message; its octets are as many as the first line says."""
    found = _OK.match(reply)
    assert found, reply
    content = b"\r\n" + reply[found.end() :]
    assert content.endswith(b"\r\n.\r\n")
    content = content[:-3].replace(b"\r\n.", b"\r\n")[2:]
    assert len(content) == int(found[1])
    return content


@tabled
class SurrogateTests(SynchronousTestCase):
    """RFC 6856, section 2.1."""

    @rows(
        plain=(PLAIN, PLAIN),
        header=(SUBJECT + b"\r\nb\r\n", b"Subject: Gr=C3=BCsse\r\n\r\nb\r\n"),
        no_body=(SUBJECT, b"Subject: Gr=C3=BCsse\r\n"),
        body=(EIGHT_BIT, EIGHT_BIT),
        no_header=(b"\r\n" + SUBJECT, b"\r\n" + SUBJECT),
        part=(IN_PART, downgrade(IN_PART)),
        large=(SUBJECT + b"\r\n" + b"x\r\n" * 50_000, None),
    )
    def test_retr(self, message: bytes, shown: bytes | None) -> None:
        """Headers come in ASCII, the count is of what comes, bodies stay."""
        wire = _server(message).login()
        want = downgrade(message) if shown is None else shown
        self.assertEqual(want, _content(ask(wire, b"RETR 1")))
        top = ask(wire, b"TOP 1 99999").split(b"\r\n", 1)[1]
        self.assertEqual(want, top[:-3].replace(b"\r\n..", b"\r\n."))

    @rows(header=SUBJECT + b"\r\nb\r\n", body=EIGHT_BIT, part=IN_PART)
    def test_utf8_mode(self, message: bytes) -> None:
        """With UTF8 a message comes as it is."""
        wire = _server(message).connect()
        self.assertEqual(b"+OK UTF8 mode is on\r\n", ask(wire, b"UTF8"))
        ask(wire, LOGIN[:-2])
        self.assertEqual(message, _content(ask(wire, b"RETR 1")))
        self.assertEqual(b"+OK 1 %d\r\n" % len(message), ask(wire, b"LIST 1"))

    def test_list(self) -> None:
        """LIST of one message says what RETR sends; that of all, as far as known."""
        message = SUBJECT + b"\r\nb\r\n"
        old, new = len(message), len(downgrade(message))
        wire = _server(message, message, PLAIN).login()
        everything = b"+OK 3 messages (%d octets)\r\n" % (2 * old + len(PLAIN))
        rows_before = b"1 %d\r\n2 %d\r\n3 %d\r\n.\r\n" % (old, old, len(PLAIN))
        self.assertEqual(everything + rows_before, ask(wire, b"LIST"))
        self.assertEqual(b"+OK 2 %d\r\n" % new, ask(wire, b"LIST 2"))
        self.assertEqual(b"+OK 3 %d\r\n" % len(PLAIN), ask(wire, b"LIST 3"))
        rows_after = b"1 %d\r\n2 %d\r\n3 %d\r\n.\r\n" % (old, new, len(PLAIN))
        self.assertEqual(everything + rows_after, ask(wire, b"LIST"))

    def test_list_vanished(self) -> None:
        """LIST of what somebody else removed is its size as it was."""
        server = _server(SUBJECT)
        wire = server.login()
        server.expunge(1)
        self.assertEqual(b"+OK 1 %d\r\n" % len(SUBJECT), ask(wire, b"LIST 1"))
        self.assertTrue(ask(wire, b"RETR 1").startswith(b"-ERR [SYS/TEMP] "))

    def test_refused(self) -> None:
        """Where no surrogate can be made, [UTF8] says so (RFC 6856, section 5)."""
        wire = Server(SUBJECT + b"\r\n", PLAIN).login()
        for command in (b"RETR 1", b"TOP 1 0", b"LIST 1"):
            self.assertTrue(ask(wire, command).startswith(b"-ERR [UTF8] "))
        self.assertEqual(PLAIN, _content(ask(wire, b"RETR 2")))

    def test_too_large(self) -> None:
        """A large message is not taken into memory: refused, or as it is."""
        self.patch(surrogate, "LIMIT_OCTETS", 70_000)
        filling = b"x\r\n" * 30_000
        large_part = IN_PART + filling
        wire = _server(SUBJECT + b"\r\n" + filling, large_part).login()
        self.assertTrue(ask(wire, b"RETR 1").startswith(b"-ERR [UTF8] "))
        self.assertEqual(large_part, _content(ask(wire, b"RETR 2")))

    def test_tls_forgets(self) -> None:
        """UTF8 said in the clear does not count under TLS (RFC 2595, section 4)."""
        wire = _server(SUBJECT).connect()
        ask(wire, b"UTF8")
        ask(wire, b"STLS")
        wire.start_tls(TLS(version="TLSv1.3"))
        ask(wire, LOGIN[:-2])
        self.assertEqual(downgrade(SUBJECT), _content(ask(wire, b"RETR 1")))

    @settings(deadline=None, max_examples=60)
    @given(
        st.lists(
            st.sampled_from([b"\r\n", b"\r\n\r\n", SUBJECT, b"a: b", b".", b"--x"])
        )
    )
    def test_any_message(self, pieces: list[bytes]) -> None:
        """The count is right, and no header has 8 bits, whatever the message."""
        message = b"".join(pieces) + b"\r\n"
        content = _content(ask(_server(message).login(), b"RETR 1"))
        header = b"" if content.startswith(b"\r\n") else content.split(b"\r\n\r\n")[0]
        self.assertTrue(header.isascii())

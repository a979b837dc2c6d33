"""What attackers send, over real sockets, to a server as it is started in earnest."""

from __future__ import annotations

import contextlib
import re
import socket
from typing import ClassVar, Final

from tests.interop.case import TRUSTING, ServedCase
from tests.interop.served import Setup, wait_for
from tests.interop.wire import ALICE, Wire
from tests.rows import rows, tabled
from tests.threats import threat

SMUGGLED: Final = (
    b"MAIL FROM:<evil@example.test>\r\nRCPT TO:<alice@example.test>\r\n"
    b"DATA\r\nSubject: smuggled\r\n\r\nevil\r\n.\r\n"
)
HTTP: Final = b"GET /echo-me HTTP/1.1\r\nHost: echo-me\r\n\r\n"
STRANGE: Final = {
    "newlines": b"\r\n" * 5000,
    "nul": bytes(5000),
    "high": b"\xff" * 5000,
    "all": bytes(range(256)) * 50,
    "hello": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(range(256)) * 4,
    "heartbeat": b"\x18\x03\x02\x00\x03\x01\x40\x00",
    "sslv2": b"\x80\x2e\x01\x00\x02\x00\x15\x00\x00\x00\x10" + bytes(36),
    "proxy": b"PROXY TCP4 192.0.2.1 192.0.2.2 1 25\r\n",
    "telnet": b"\xff\xfb\x01\xff\xfb\x03\xff\xfd\x18" * 500,
    "parentheses": b"(" * 50_000 + b"\r\n",
    "percent": b"%s%n%x{0}{self.__class__}\r\n" * 20,
}


@tabled
class ContentTests(ServedCase):
    """Ends of data that are none."""

    setup: ClassVar = Setup(tables=TRUSTING)

    @rows(
        lf_lf=(b"\n.\n",),
        lf_crlf=(b"\n.\r\n",),
        cr_cr=(b"\r.\r",),
        cr_crlf=(b"\r.\r\n",),
        crlf_cr=(b"\r\n.\r",),
        crlf_lf=(b"\r\n.\n",),
        crlf_crcrlf=(b"\r\n.\r\r\n",),
        crcrlf=(b"\r\r\n.\r\r\n",),
        lf_cr=(b"\n.\r",),
        nul=(b"\r\n.\0\r\n",),
        nul_before=(b"\r\n\0.\r\n",),
        nul_cr=(b"\r\0\n.\r\n",),
    )
    @threat(1)
    def test_no_end(self, end: bytes) -> None:
        """In one segment or octet by octet: one message, refused, nothing stored."""
        before = self.stored()
        content = b"Subject: x\r\n\r\nx" + end + SMUGGLED
        for slowly in (False, True):
            wire = self.dial("smtp").begin()
            if slowly:
                wire.send_slowly(content)
            else:
                wire.send(content)
            self.assertEqual(wire.reply()[:9], b"550 5.6.0")
            self.assertEqual(wire.ask(b"NOOP")[:3], b"250")
        self.assertEqual(self.stored(), before)
        self.assertEqual(self.waiting(), 0)

    @threat(2)
    def test_only_crlf_ends_a_line(self) -> None:
        """What Python takes for a line end is an octet of the message."""
        before = self.stored()
        for octets in (b"\v", b"\f", b"\x1c", b"\x85", "\u2028".encode()):
            wire = self.dial("smtp").begin()
            wire.send(b"Subject: x\r\n\r\nx" + octets + b"." + octets + SMUGGLED)
            self.assertEqual(wire.reply()[:3], b"250")
            self.assertEqual(wire.ask(b"NOOP")[:3], b"250")
        self.assertEqual(self.stored(), before + 5)

    @threat(38)
    def test_connection_breaks_before_the_dot(self) -> None:
        """Reset, closed, or closed without TLS's leave: nothing is stored."""
        before = self.stored()
        for how in ("reset", "closed", "tls"):
            wire = self.dial("smtp")
            if how == "tls":
                wire.reply()
                wire.ask(b"EHLO client", b"STARTTLS")
                wire.secure(self.server.ca)
                wire.ask(b"EHLO client", b"MAIL FROM:<>")
                wire.ask(b"RCPT TO:<%s>" % ALICE.encode(), b"DATA")
            else:
                wire.begin()
            wire.send(b"Subject: cut\r\n\r\n" + b"x\r\n" * 500_000 + b".\r")
            wait_for(lambda: self.waiting() == 1)
            if how == "reset":
                linger = b"\1\0\0\0\0\0\0\0"
                wire.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
            wire.socket.close()
            wait_for(lambda: self.waiting() == 0)
        self.assertEqual(self.stored(), before)


@tabled
class DialogueTests(ServedCase):
    """Commands where none may be."""

    setup: ClassVar = Setup(tables=TRUSTING)

    @rows(
        smtp=("smtp", b"STARTTLS", b"NOOP", b"250"),
        smtp_mail=("smtp", b"STARTTLS", b"MAIL FROM:<a@example.test>", b"250"),
        pop3=("pop3", b"STLS", b"CAPA", b"+OK"),
    )
    @threat(7)
    def test_injection(
        self, protocol: str, start: bytes, injected: bytes, positive: bytes
    ) -> None:
        """A command behind STARTTLS is never answered, in clear or after it."""
        for slowly in (False, True):
            wire = self.dial(protocol)
            wire.line()
            if protocol == "smtp":
                wire.ask(b"EHLO client")
            octets = b"%s\r\n%s\r\n" % (start, injected)
            if slowly:
                wire.send_slowly(octets)
                # if the go-ahead was said before the rest came, TLS chokes on it
                self.assertIn(wire.line()[:3], (b"220", b"503", b"+OK", b"-ER", b""))
            else:
                wire.send(octets)
            self.assertNotIn(b"\r\n" + positive, b"\r\n" + wire.rest())

    @rows(
        all=(
            b"EHLO c\r\nMAIL FROM:<>\r\nRCPT TO:<alice@example.test>\r\nDATA\r\n"
            b"Subject: early\r\n\r\nx\r\n.\r\nQUIT\r\n",
        ),
        helo=(
            b"HELO c\r\nMAIL FROM:<>\r\nRCPT TO:<alice@example.test>\r\nDATA\r\n"
            b"Subject: early\r\n\r\nx\r\n.\r\nQUIT\r\n",
        ),
    )
    @threat(6)
    def test_everything_at_once(self, octets: bytes) -> None:
        """Commands behind EHLO in the same segment: 503 and closed."""
        before = self.stored()
        wire = self.dial("smtp")
        wire.reply()
        wire.send(octets)
        self.assertEqual(wire.rest()[:9], b"503 5.5.0")
        self.assertEqual(self.stored(), before)

    @threat(6)
    def test_content_with_data(self) -> None:
        """Content in the segment of DATA: 503, closed, nothing stored."""
        before = self.stored()
        wire = self.dial("smtp")
        wire.reply()
        wire.ask(b"EHLO c", b"MAIL FROM:<>", b"RCPT TO:<alice@example.test>")
        wire.send(b"DATA\r\nSubject: early\r\n\r\nx\r\n.\r\n")
        self.assertEqual(wire.rest()[:9], b"503 5.5.0")
        self.assertEqual(self.stored(), before)

    @threat(12)
    def test_bad_commands(self) -> None:
        """A thousand of them in a row: the session ends after some."""
        wire = self.dial("smtp")
        wire.reply()
        wire.send(b"XYZZY\r\n" * 1000)
        lines = wire.rest().split(b"\r\n")
        self.assertLessEqual(len(lines), 25)
        self.assertEqual(lines[-2][:3], b"421")
        wire = self.dial("pop3")
        wire.line()
        wire.send(b"XYZZY\r\n" * 1000)
        self.assertLessEqual(len(wire.rest().split(b"\r\n")), 25)

    @threat(32)
    def test_http(self) -> None:
        """An HTTP request ends the connection, and nothing of it comes back."""
        for protocol in ("smtp", "pop3", "pop3s"):
            wire = self.dial(protocol)
            if protocol == "pop3s":
                wire.secure(self.server.ca)
            wire.line()
            wire.send(HTTP * 20)
            self.assertNotIn(b"echo-me", wire.rest(), protocol)
        wire = self.dial("smtp")
        wire.reply()
        wire.ask(b"EHLO client", b"STARTTLS")
        wire.secure(self.server.ca).send(HTTP)
        self.assertNotIn(b"echo-me", wire.rest())
        wire = self.dial("pop3s")  # in clear, where TLS is spoken
        wire.send(HTTP)
        self.assertNotIn(b"echo-me", wire.rest())

    @threat(32)
    def test_another_protocol_by_alpn(self) -> None:
        """A client that asks for HTTP by ALPN gets no connection."""
        with self.assertRaises(OSError):
            self.dial("pop3s").secure(self.server.ca, alpn=["h2", "http/1.1"])
        wire = self.dial("pop3s").secure(self.server.ca, alpn=["pop3"])
        self.assertEqual(wire.line()[:3], b"+OK")

    @rows(**{name: (octets,) for name, octets in STRANGE.items()})
    @threat(129)
    def test_strange(self, octets: bytes) -> None:
        """Whatever is sent to any port, at once or piecemeal, is survived."""
        for protocol in ("smtp", "pop3", "pop3s"):
            for pieces in (False, True):
                with Wire(self.server.port(protocol)) as wire:
                    if pieces:
                        wire.send_slowly(octets[:400])
                    else:
                        wire.send(octets)
                    with contextlib.suppress(OSError):  # it may have hung up already
                        wire.socket.shutdown(socket.SHUT_WR)
                    self.assertNotIn(b"192.0.2.1", wire.rest())


NAMES: Final = (
    b"evil\x1b[2J\x1b]0;owned\x07",
    b"a\rb",
    b"a\x00b\x08\x7f",
    b"2026-01-01T00:00:00.000Z info server.ready",
    b"%s%n{peer}{log_time!r}",
    "\u202etset.elpmaxe\u2066".encode(),
    b"\xc2\x9b31m\xff\xfe",
    "a\u2028b\u0085c".encode(),
    b'","event":"forged","x":"',
)
_LINE: Final = {
    "human": re.compile(r"20\d\d-\d\d-\d\dT[\d:.]+Z (debug|info|warn|error) \S.*"),
    "json": re.compile(r'\{"time": "[^"]*", "level": "(debug|info|warn|error)", .*\}'),
}


class LogCase(ServedCase):
    """Names that would write the log themselves."""

    form: ClassVar[str] = "human"
    setup: ClassVar = Setup(tables=f'{TRUSTING}[log]\nlevel = "debug"\n')

    @threat(122)
    def test_hostile_names(self) -> None:
        """Every line is one event of ours and moves no cursor."""
        for name in NAMES:
            wire = self.dial("smtp")
            wire.reply()
            wire.ask(b"EHLO " + name, b"MAIL FROM:<%s@example.test>" % name)
            wire.ask(b"HELO " + name.replace(b"\r", b""), b"MAIL FROM:<>")
            wire.ask(b"RCPT TO:<%s@example.test>" % name, name, b"QUIT")
            wire = self.dial("pop3")
            wire.line()
            for command in (b"USER " + name, b"PASS x", b"AUTH " + name, name):
                wire.send(command + b"\r\n")
                wire.line()
        wait_for(lambda: "QUIT" in self.server.log or "closed" in self.server.log)
        # the log as it lies on disk: newlines as they are
        raw = (self.server.data / "mailapp.log").read_bytes()
        self.assertEqual(re.findall(rb"[\x00-\x09\x0b-\x1f\x7f]", raw), [])
        text = raw.decode("utf-8")
        self.assertEqual([c for c in text if c != "\n" and not c.isprintable()], [])
        for line in text.rstrip("\n").split("\n"):
            self.assertIsNotNone(_LINE[self.form].fullmatch(line), line)
        self.assertNotIn('"event": "forged"', text)


class JsonLogTests(LogCase):
    """The same as JSON."""

    form: ClassVar = "json"
    setup: ClassVar = Setup(
        tables=f'{TRUSTING}[log]\nlevel = "debug"\nformat = "json"\n'
    )

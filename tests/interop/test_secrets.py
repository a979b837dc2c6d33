"""Passwords appear nowhere: not in logs, not on disk, not in what a crash leaves."""

from __future__ import annotations

import hashlib
from base64 import b64decode, b64encode
from collections.abc import Iterator
from typing import ClassVar, Final

from mailapp.core.secret import Secret
from mailapp.sasl.scram_client import ScramClient
from tests.interop.case import TRUSTING, ServedCase
from tests.interop.demo import PASSWORD
from tests.interop.served import Setup
from tests.interop.wire import ALICE, Wire
from tests.rows import rows, tabled
from tests.threats import threat

# Each is sent somewhere, and none of them is the right one.
WRONG: Final = (
    "tr0ub4dor and three",
    "wrong {password} %s",
    "wrong\x1b[2J password",
    "grüße an alle",
)


@tabled
class SecretTests(ServedCase):
    """Every way to log in, at the most talkative log level."""

    setup: ClassVar = Setup(tables=f'{TRUSTING}[log]\nlevel = "debug"\n')

    def log_in(self, wire: Wire, name: str, password: str, way: str) -> bytes:
        """The last line of the server."""
        octets = f"\0{name}\0{password}".encode()
        plain = b64encode(octets)
        encoded = [b64encode(word.encode()) for word in (name, password)]
        match way:
            case "USER":
                wire.send(f"USER {name}\r\n".encode())
                wire.line()
                wire.send(f"PASS {password}\r\n".encode())
            case "PLAIN":
                wire.send(b"AUTH PLAIN %s\r\n" % plain)
            case "PLAIN later":
                wire.send(b"AUTH PLAIN\r\n")
                wire.line()
                wire.send(plain + b"\r\n")
            case "LOGIN":
                wire.send(b"AUTH LOGIN\r\n")
                for word in encoded:
                    wire.line()
                    wire.send(word + b"\r\n")
            case _:
                return _scram(wire, name, password)
        return wire.line()

    @rows(
        user=("USER",),
        plain=("PLAIN",),
        plain_later=("PLAIN later",),
        login=("LOGIN",),
        scram=("SCRAM-SHA-256",),
    )
    @threat(53)
    def test_login(self, way: str) -> None:
        """Good or bad, in the right place or as a command of its own: no trace."""
        for name, password, good in (
            (ALICE, PASSWORD, True),
            *((ALICE, password, False) for password in WRONG),
            ("nobody@example.test", WRONG[0], False),
            (WRONG[0].replace(" ", ""), WRONG[0], False),
        ):
            if way.startswith("SCRAM") and not password.isprintable():
                continue  # SASLprep has no such passwords
            wire = self.dial("pop3s").secure(self.server.ca)
            wire.line()
            reply = self.log_in(wire, name, password, way)
            self.assertEqual(reply[:3] == b"+OK", good, reply)
        if way != "USER":
            self.log_in_to_submit(way)
        # at the wrong time, and to the wrong protocol
        for password in (PASSWORD, *WRONG):
            wire = self.dial("smtp")
            wire.reply()
            wire.ask(f"PASS {password}".encode(), password.encode())
            wire.ask(b"AUTH PLAIN " + b64encode(f"\0{ALICE}\0{password}".encode()))
            wire = self.dial("pop3")
            wire.line()
            for text in (f"PASS {password}", f"XYZZY {password}", f"APOP {password}"):
                wire.send(text.encode() + b"\r\n")
                wire.line()
        self.assert_no_trace()

    def log_in_to_submit(self, way: str) -> None:
        """The same by SMTP; a wrong word in the middle, too."""
        for password in (PASSWORD, WRONG[0], WRONG[3]):
            wire = self.dial("submissions").secure(self.server.ca)
            wire.reply()
            wire.ask(b"EHLO a.test")
            reply = self.log_in(wire, ALICE, password, way)
            self.assertEqual(reply[:3] == b"235", password == PASSWORD, reply)
            wire.ask(b"AUTH LOGIN", password.encode(), b64encode(password.encode()))

    def assert_no_trace(self) -> None:
        """No file of the server holds a password, in clear or merely encoded."""
        for path in self.server.data.rglob("*"):
            if path.is_file():
                octets = path.read_bytes()
                for form in _forms():
                    self.assertNotIn(form, octets, path)


def _forms() -> Iterator[bytes]:
    """The passwords as they might show up."""
    for password in (PASSWORD, *WRONG):
        octets = password.encode()
        yield octets
        yield b64encode(octets)
        yield octets.hex().encode()
        yield password.encode("unicode_escape")
        yield repr(octets)[2:-1].encode()
        yield b64encode(f"\0{ALICE}\0{password}".encode())
        for algorithm in ("md5", "sha1", "sha256"):
            yield hashlib.new(algorithm, octets).hexdigest().encode()


def _scram(wire: Wire, name: str, password: str) -> bytes:
    client = ScramClient(name, Secret(password.encode()), lambda: "a" * 24)
    wire.send(b"AUTH SCRAM-SHA-256 " + b64encode(client.first()) + b"\r\n")
    challenge = _decoded(wire.line())
    wire.send(b64encode(client.answer(challenge)) + b"\r\n")
    reply = wire.line()
    if reply[:2] == b"+ " or reply[:4] == b"334 ":
        client.verify(_decoded(reply))
        wire.send(b"\r\n")
        reply = wire.line()
    return reply


def _decoded(line: bytes) -> bytes:
    return b64decode(line.removeprefix(b"+ ").removeprefix(b"334 "))

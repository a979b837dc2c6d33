"""Two mailapps exchange everything that mail can be, over sockets and their own DNS."""

from __future__ import annotations

import os
from typing import Final

from tests.interop.neighbours import LARGE, PEOPLE, NeighbourCase, told, wait_until
from tests.rows import rows, tabled

EIGHT_BIT: Final = (
    b"Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n"
    b"\r\nGr\xc3\xbc\xc3\x9fe\r\n.dot\r\n..\r\n.\r\n\r\nFrom here \r\n"
)
BINARY: Final = (
    b"Content-Type: image/png\r\nContent-Transfer-Encoding: binary\r\n\r\n"
    + bytes(range(256)) * 20
    + b"\r\n.\r\n"
    + b"x" * 3000
)
DIRECTIONS: Final = {"a_to_b": ("a", "b"), "b_to_a": ("b", "a")}


@tabled
class ExchangeTests(NeighbourCase):
    """From one to the other, whatever it is."""

    @rows(**DIRECTIONS)
    def test_octets(self, origin: str, target: str) -> None:
        """Plain, 8-bit and binary mail arrives octet for octet, by BDAT and TLS."""
        for kind, rest, parameters in (
            ("plain", b"\r\nhello\r\n.\r\n..\r\n", []),
            ("eight", EIGHT_BIT, ["BODY=8BITMIME"]),
            ("binary", BINARY, ["BODY=BINARYMIME"]),
        ):
            token = f"{self.token}-{kind}"
            message = self.message(token, rest, f"alice@{origin}.test")
            self.send(origin, [f"alice@{target}.test"], message, mail=parameters)
            stored = self.arrived(target, token.encode())
            self.assertTrue(stored.endswith(b"\r\n" + message), stored[:2000])
            self.assertIn(b" with ESMTPS id\r\n", stored)
            self.assertIn(b" with ESMTPSA id\r\n", stored)

    @rows(**DIRECTIONS)
    def test_utf8(self, origin: str, target: str) -> None:
        """Addresses and header fields in UTF-8 (RFC 6531)."""
        self.send(
            origin,
            [f"jürgen@{target}.test"],
            self.message(
                self.token,
                "X-Gruss: schön\r\n\r\nä\r\n".encode(),
                f"jürgen@{origin}.test",
            ),
            sender="jürgen",
            mail=["SMTPUTF8", "BODY=8BITMIME"],
        )
        stored = self.arrived(target, self.token.encode())
        self.assertIn("X-Gruss: schön\r\n\r\nä\r\n".encode(), stored)
        self.assertIn(f"Return-Path: <jürgen@{origin}.test>".encode(), stored)
        self.assertIn(b" with UTF8SMTPS id\r\n", stored)

    @rows(**DIRECTIONS)
    def test_large(self, origin: str, target: str) -> None:
        """Millions of octets, none of them text."""
        content = os.urandom(LARGE)
        rest = BINARY.partition(b"\0")[0] + content
        message = self.message(self.token, rest, f"alice@{origin}.test")
        parameters = ["BODY=BINARYMIME", f"SIZE={len(message)}"]
        self.send(origin, [f"alice@{target}.test"], message, mail=parameters)
        self.assertTrue(self.arrived(target, self.token.encode()).endswith(message))

    def test_many_recipients(self) -> None:
        """Each of hundreds has it once."""
        people = [f"u{number:03d}" for number in range(PEOPLE)]
        self.send("a", [f"{u}@b.test" for u in people], self.message(self.token))
        wait_until(lambda: self.stored("b", people[-1]), "the last")
        counts = wait_until(
            lambda: (
                all(counts := [len(self.stored("b", u)) for u in people]) and counts
            ),
            "all",
        )
        self.assertEqual(set(counts), {1})


@tabled
class ReportTests(NeighbourCase):
    """Each kind of report comes back to who asked for it."""

    def report(
        self, address: str, *mail: str, notify: str = "SUCCESS,FAILURE"
    ) -> bytes:
        """Send a message from a; the report that alice gets."""
        self.send(
            "a",
            [address],
            self.message(self.token),
            mail=[f"ENVID={self.token}", *mail],
            rcpt=[f"NOTIFY={notify}", "ORCPT=rfc822;first@x.test"],
        )
        return self.arrived("a", f"\r\nOriginal-Envelope-Id: {self.token}\r\n".encode())

    @rows(
        delivered=("bob@b.test", "delivered", "2."),
        expanded=("team@b.test", "expanded", "2."),
        unknown=("nobody@b.test", "failed", "5.1.1"),
    )
    def test_report(self, address: str, action: str, status: str) -> None:
        """Who knows the outcome reports it, with what the sender gave along."""
        report = self.report(address)
        fields = told(report)
        self.assertEqual(fields["action"], action)
        self.assertTrue(fields["status"].startswith(status), fields)
        original = fields["original-recipient"].replace(" ", "")
        self.assertEqual(original, "rfc822;first@x.test")
        self.assertEqual(fields["null"], "<>")
        self.assertIn(f"Message-ID: <{self.token}@x.test>".encode(), report)
        self.remove_report()

    def test_nothing(self) -> None:
        """Nobody is told who does not want to be."""
        self.send(
            "a", ["nobody@b.test"], self.message(self.token), rcpt=["NOTIFY=NEVER"]
        )
        before = len(self.stored("a"))
        self.send("a", ["bob@b.test"], self.message(self.token))
        self.arrived("b", self.token.encode(), "bob")
        self.assertEqual(len(self.stored("a")), before)

    def remove_report(self) -> None:
        """So that the next test finds its own."""
        for name in "new", "cur":
            for path in (self.a.maildir("alice") / name).iterdir():
                path.unlink()

"""Two mailapps and a Postfix exchange all that mail can be, in all directions."""

from __future__ import annotations

import os
from typing import Final

from mailapp.message.structure import scan
from tests.interop.neighbours import LARGE, PEOPLE, NeighbourCase, told, wait_until
from tests.interop.test_neighbours import BINARY, EIGHT_BIT
from tests.rows import rows, tabled
from tests.threats import threat
from tests.unit.message.trees import leaves

DIRECTIONS: Final = {
    f"{origin}_to_{target}": (origin, target)
    for origin, target in ("ap", "pa", "bp", "pb")
}


@tabled
class PostfixTests(NeighbourCase):
    """Ours, ours, and Postfix 3.5 or later: all but BINARYMIME."""

    with_postfix = True

    @rows(**DIRECTIONS)
    def test_octets(self, origin: str, target: str) -> None:
        """Plain and 8-bit mail arrives octet for octet."""
        for kind, rest, parameters in (
            ("plain", b"\r\nhello\r\n.\r\n..\r\n", []),
            ("eight", EIGHT_BIT, ["BODY=8BITMIME"]),
        ):
            token = f"{self.token}-{kind}"
            message = self.message(token, rest, f"alice@{origin}.test")
            self.send(origin, [f"alice@{target}.test"], message, mail=parameters)
            stored = self.arrived(target, token.encode())
            self.assertTrue(stored.endswith(b"\r\n" + message), stored[:2000])

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
        user = "jürgen" if target == "p" else "alice"
        stored = self.arrived(target, self.token.encode(), user)
        self.assertIn("X-Gruss: schön\r\n\r\nä\r\n".encode(), stored)
        self.assertIn(f"Return-Path: <jürgen@{origin}.test>".encode(), stored)

    @threat(24)
    def test_binary(self) -> None:
        """Postfix has no BINARYMIME: it gets the same content as 7-bit MIME."""
        message = self.message(self.token, BINARY)
        self.send("a", ["alice@p.test"], message, mail=["BODY=BINARYMIME"])
        stored = self.arrived("p", self.token.encode())
        self.assertTrue(stored.isascii())
        [(_, _, was)] = leaves(message, scan(message))
        [(_, _, found)] = leaves(stored, scan(stored))
        self.assertEqual(found, was)

    @rows(a_to_p=("a", "p"), p_to_a=("p", "a"))
    def test_large(self, origin: str, target: str) -> None:
        """Millions of octets."""
        line = os.urandom(38).hex().encode() + b"\r\n"
        rest = b"\r\n" + line * (LARGE // len(line))
        message = self.message(self.token, rest, f"alice@{origin}.test")
        parameters = [f"SIZE={len(message)}"]
        self.send(origin, [f"alice@{target}.test"], message, mail=parameters)
        self.assertTrue(self.arrived(target, self.token.encode()).endswith(message))

    @rows(a_to_p=("a", "p"), p_to_b=("p", "b"))
    def test_many_recipients(self, origin: str, target: str) -> None:
        """Each of hundreds has it once."""
        people = [f"u{number:03d}" for number in range(PEOPLE)]
        message = self.message(self.token, author=f"alice@{origin}.test")
        self.send(origin, [f"{u}@{target}.test" for u in people], message)
        counts = wait_until(
            lambda: all(n := [len(self.stored(target, u)) for u in people]) and n,
            f"all {PEOPLE}",
        )
        self.assertEqual(set(counts), {1})


@tabled
class PostfixReportTests(NeighbourCase):
    """Reports of each kind, from either side to the other."""

    with_postfix = True

    def report(self, origin: str, address: str, *mail: str) -> bytes:
        """Send a message; the report that its sender gets."""
        self.send(
            origin,
            [address],
            self.message(self.token, author=f"alice@{origin}.test"),
            mail=[f"ENVID={self.token}", *mail],
            rcpt=["NOTIFY=SUCCESS,FAILURE", "ORCPT=rfc822;first@x.test"],
        )
        envelope_id = f"\r\nOriginal-Envelope-Id: {self.token}\r\n"
        return self.arrived(origin, envelope_id.encode())

    @rows(
        delivered_there=("a", "bob@p.test", "delivered", "mx.p.test"),
        delivered_here=("p", "bob@a.test", "delivered", "mx.a.test"),
        relayed_to_old=("a", "bob@old.test", "relayed", "mx.a.test"),
        expanded_there=("a", "team@p.test", "expanded", "mx.p.test"),
        expanded_here=("p", "team@b.test", "expanded", "mx.b.test"),
        unknown_there=("a", "nobody@p.test", "failed", "mx.a.test"),
        unknown_here=("p", "nobody@a.test", "failed", "mx.p.test"),
    )
    def test_report(self, origin: str, address: str, action: str, who: str) -> None:
        """Who knows the outcome reports it, with what the sender gave along."""
        fields = told(self.report(origin, address))
        self.assertEqual(fields["action"], action)
        original = fields["original-recipient"].replace(" ", "")
        self.assertEqual(original, "rfc822;first@x.test")
        self.assertEqual(fields["reporting-mta"].replace(" ", ""), f"dns;{who}")
        self.assertEqual(fields["null"], "<>")
        if action == "failed":
            self.assertEqual(fields["status"], "5.1.1")
            self.assertIn("550 5.1.1", fields["diagnostic-code"])

    @rows(headers=("HDRS", "text/rfc822-headers"), full=("FULL", "message/rfc822"))
    def test_returned(self, ret: str, kind: str) -> None:
        """As much of the message comes back as its sender wanted."""
        fields = told(self.report("a", "nobody@p.test", f"RET={ret}"))
        self.assertEqual(fields["returned"], kind)

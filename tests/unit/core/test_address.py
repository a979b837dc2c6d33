"""Mailboxes as SMTP writes them (RFC 5321, section 4.1.2; RFC 6531)."""

from __future__ import annotations

import ast
from pathlib import Path

from attrs import evolve
from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailapp.core.address import (
    Address,
    canonical_domain,
    parse_address,
    quote_local_part,
    read_address_literal,
)
from mailapp.core.cursor import Cursor
from mailapp.core.failures import SyntaxProblem
from tests.rows import rows, tabled
from tests.threats import threat


def read_table() -> list[tuple[str, bytes, str]]:
    """Verdict, octets, and canonical form or reason."""
    text = (Path(__file__).parent / "addresses.tsv").read_text(encoding="utf-8")
    table = []
    for line in text.split("\n"):
        if line and not line.startswith("#"):
            verdict, octets, outcome = line.split("\t")
            # 'b"..."' with its quotes escaped is what the column holds the inside of
            quoted = "b'" + octets.replace("'", "\\'") + "'"
            table.append((verdict, ast.literal_eval(quoted), outcome))
    return table


class AddressTableTests(SynchronousTestCase):
    """Every row of addresses.tsv."""

    table = read_table()

    def test_enough_rows(self) -> None:
        """The table is the whole table."""
        self.assertGreaterEqual(len(self.table), 290)

    @threat(16, 26)
    def test_accepted(self) -> None:
        """What is well-formed gives its canonical form, which parses to itself."""
        for verdict, octets, canonical in self.table:
            if verdict != "bad":
                with self.subTest(octets=octets):
                    address = parse_address(octets)
                    self.assertEqual(str(address), canonical)
                    self.assertEqual(parse_address(address.encode()), address)

    @threat(16, 17, 26)
    def test_refused(self) -> None:
        """What is not well-formed is a SyntaxProblem that quotes nothing."""
        for verdict, octets, _ in self.table:
            if verdict == "bad":
                with self.subTest(octets=octets):
                    problem = self.assertRaises(SyntaxProblem, parse_address, octets)
                    self.assertTrue(problem.reason.isprintable())
                    self.assertLess(len(problem.reason), 60)

    @threat(25)
    def test_needs_smtputf8(self) -> None:
        """Octets beyond ASCII are refused unless SMTPUTF8 was given."""
        for verdict, octets, _ in self.table:
            with self.subTest(octets=octets):
                if verdict == "ok":
                    parse_address(octets, utf8=False)
                elif not octets.isascii():
                    self.assertRaises(SyntaxProblem, parse_address, octets, utf8=False)


@tabled
class AddressTests(SynchronousTestCase):
    """What an Address promises."""

    @rows(crlf="a\r\nb", nul="\0", delete="a\x7f", surrogate="\ud800", newline="a\n")
    @threat(17)
    def test_unsafe_local_part(self, local_part: str) -> None:
        """No Address can be built that would break out of a command."""
        self.assertRaises(SyntaxProblem, Address, local_part, "x")

    @rows(crlf="x\r\n", space="x y", angle="x>", at="x@y", unicode="bücher", nul="x\0")
    @threat(17)
    def test_unsafe_domain(self, domain: str) -> None:
        """Nor one whose domain would."""
        self.assertRaises(SyntaxProblem, Address, "a", domain)

    def test_postmaster(self) -> None:
        """``<postmaster>`` has no domain (RFC 5321, section 4.1.1.3)."""
        self.assertEqual(Address("Postmaster", "").encode(), b"Postmaster")

    def test_kinds(self) -> None:
        """Literal and ASCII are told."""
        literal = parse_address(b"a@[192.0.2.1]")
        self.assertTrue(literal.is_literal)
        self.assertTrue(literal.is_ascii)
        self.assertFalse(evolve(literal, local_part="ö").is_ascii)
        self.assertFalse(parse_address(b"a@x").is_literal)

    def test_equal(self) -> None:
        """The domain has no case, the local part keeps its own (section 2.4)."""
        self.assertEqual(parse_address(b'"a"@X'), parse_address(b"a@x"))
        self.assertNotEqual(parse_address(b"A@x"), parse_address(b"a@x"))

    @rows(nothing=b"", open=b"[", wrong=b"[x]", closed=b"]", space=b"[127.0.0.1 ]")
    def test_bad_literal(self, octets: bytes) -> None:
        """What is no address literal is refused."""
        self.assertRaises(SyntaxProblem, read_address_literal, Cursor(octets))

    def test_octets_of_local_part(self) -> None:
        """All 256 octets: only atext stands alone, only 32-126 in quotes."""
        atext = b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
        atext += b"!#$%&'*+-/=?^_`{|}~"
        for octet in range(256):
            one = bytes([octet])
            for octets, good in (
                (one + b"@x", octet in atext),
                (b'"' + one + b'"@x', 32 <= octet <= 126 and one not in {b'"', b"\\"}),
                (b'"\\' + one + b'"@x', 32 <= octet <= 126),
            ):
                with self.subTest(octets=octets):
                    if good:
                        address = parse_address(octets, utf8=False)
                        self.assertEqual(address.local_part, one.decode())
                    else:
                        self.assertRaises(
                            SyntaxProblem, parse_address, octets, utf8=False
                        )

    def test_octets_of_domain(self) -> None:
        """All 256 octets in the middle of a label."""
        letters = b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-."
        for octet in range(256):
            octets = b"a@b" + bytes([octet]) + b"c"
            with self.subTest(octets=octets):
                if octet in letters:
                    parse_address(octets)
                else:
                    self.assertRaises(SyntaxProblem, parse_address, octets)


class AddressProperties(SynchronousTestCase):
    """For any input."""

    @threat(16)
    @settings(deadline=None, max_examples=200)
    @given(st.binary(max_size=80))
    def test_never_raises_else(self, octets: bytes) -> None:
        """Any octets give an Address or a SyntaxProblem."""
        try:
            address = parse_address(octets)
        except SyntaxProblem:
            return
        self.assertEqual(parse_address(address.encode()), address)

    @settings(deadline=None, max_examples=200)
    @given(
        st.text(st.characters(exclude_categories=("Cs", "Cc")), max_size=30).filter(
            lambda text: len(quote_local_part(text).encode()) <= 64
        )
    )
    def test_round_trip(self, local_part: str) -> None:
        """What is written is read as it was."""
        address = Address(local_part, "example.test")
        self.assertEqual(parse_address(address.encode()), address)

    @threat(26)
    @settings(deadline=None, max_examples=200)
    @given(st.text(max_size=20))
    def test_canonical_domain(self, domain: str) -> None:
        """A canonical domain is ASCII and canonical."""
        try:
            canonical = canonical_domain(domain)
        except SyntaxProblem:
            return
        self.assertTrue(canonical.isascii())
        self.assertEqual(canonical_domain(canonical), canonical)

"""Mailbox names in two encodings, and the patterns of LIST."""

from __future__ import annotations

import time

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailapp.core.failures import SyntaxProblem
from mailapp.imap.grammar.mailbox import canonical, decode, encode
from mailapp.imap.grammar.pattern import Pattern
from tests.rows import rows, tabled
from tests.threats import threat

_names = st.text(
    st.characters(blacklist_categories=["Cc", "Cs", "Zl", "Zp"], max_codepoint=0x1FFFF),
    max_size=20,
)


@tabled
class NameTests(SynchronousTestCase):
    """RFC 3501, section 5.1.3; RFC 9051, section 5.1."""

    @rows(
        ascii=(b"Work/2024", "Work/2024"),
        ampersand=(b"A&-B", "A&B"),
        rfc=(b"~peter/mail/&U,BTFw-/&ZeVnLIqe-", "~peter/mail/台北/日本語"),
        umlaut=(b"Gr&APYA3w-e", "Größe"),
        emoji=(b"&2D3cjA-", "\U0001f48c"),
    )
    def test_utf7(self, octets: bytes, name: str) -> None:
        """Modified UTF-7 and back."""
        self.assertEqual(name, decode(octets, utf8=False))
        self.assertEqual(octets, encode(name, utf8=False))

    @threat(109)
    @rows(
        ascii_encoded=b"&AGE-",
        slash_encoded=b"&AC8-",
        dots_encoded=b"&AC4ALg-",
        unterminated=b"A&",
        open=b"&AOk",
        bits=b"&AOl-",
        surrogate=b"&2D0-",
        reversed=b"&3IzYPQ-",
        control=b"&AAE-",
        nul=b"&AAA-",
        slash_char=b"&AO/-",
        eight_bits="é".encode(),
        twice=b"&AOk-&AOk-",
        delete=b"\x7f",
        newline=b"a\nb",
    )
    def test_refused(self, octets: bytes) -> None:
        """A name has one form, and no characters that could be another one."""
        with self.assertRaises(SyntaxProblem):
            decode(octets, utf8=False)

    @threat(109)
    def test_every_pair(self) -> None:
        """Whatever two octets are encoded: refused, or the same again."""
        alphabet = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+,"
        for first in alphabet:
            for second in alphabet[::5]:
                for third in b"AEIQgw48,":
                    octets = b"&" + bytes([first, second, third]) + b"-"
                    try:
                        name = decode(octets, utf8=False)
                    except SyntaxProblem:
                        continue
                    self.assertTrue(set(name).isdisjoint('/.*%&"\\\r\n\0'), octets)

    @rows(upper="INBOX", lower="inbox", mixed="InBoX")
    @threat(110)
    def test_inbox(self, name: str) -> None:
        """INBOX in any case is INBOX, and nothing else is."""
        self.assertEqual("INBOX", canonical(name))

    @threat(110)
    def test_no_inbox(self) -> None:
        """Other names keep their case."""
        for name in ("INBOX/", "inbox2", "work", "\u0131nbox"):
            self.assertEqual(name, canonical(name))

    @given(_names)
    @settings(max_examples=200, deadline=None)
    def test_round_trip(self, name: str) -> None:
        """What is a name in one encoding is the same in the other."""
        try:
            there = decode(name.encode(), utf8=True)
        except SyntaxProblem:
            return
        self.assertEqual(there, decode(encode(there, utf8=False), utf8=False))

    @given(st.binary(max_size=30), st.booleans())
    @settings(max_examples=200, deadline=None)
    def test_any_octets(self, octets: bytes, utf8: bool) -> None:  # noqa: FBT001
        """No octets raise anything but a problem."""
        try:
            name = decode(octets, utf8=utf8)
        except SyntaxProblem:
            return
        if not utf8:
            self.assertEqual(name, decode(encode(name, utf8=False), utf8=False))


def naive(pattern: str, name: str) -> bool:
    """By definition, in exponential time."""
    if not pattern:
        return not name
    first, rest = pattern[0], pattern[1:]
    if first in "*%":
        if naive(rest, name):
            return True
        return (
            bool(name)
            and not (first == "%" and name[0] == "/")
            and naive(pattern, name[1:])
        )
    return name[:1] == first and naive(rest, name[1:])


@tabled
class PatternTests(SynchronousTestCase):
    """RFC 9051, section 6.3.9."""

    @rows(
        star=("*", "a/b/c", True),
        percent=("%", "a/b", False),
        level=("%", "ab", True),
        deep=("a/%/c", "a/b/c", True),
        both=("%*", "a/b", True),
        prefix=("a*", "b", False),
        end=("*c", "a/bc", True),
        exact=("Work", "work", False),
        empty=("", "a", False),
        dots=("a.c", "abc", False),
        regex=("(a+)+$", "aaaa", False),
        brackets=("[ab]", "a", False),
    )
    def test_match(self, pattern: str, name: str, expected: bool) -> None:  # noqa: FBT001
        """Wildcards are wildcards, all else is itself."""
        self.assertEqual(expected, Pattern(pattern, "/").matches(name))

    @given(st.text("ab/*%", max_size=8), st.text("ab/", max_size=8))
    @settings(max_examples=400, deadline=None)
    def test_as_defined(self, pattern: str, name: str) -> None:
        """As the definition says, for every pattern and name."""
        self.assertEqual(naive(pattern, name), Pattern(pattern, "/").matches(name))

    @threat(59)
    def test_bombs(self) -> None:
        """No pattern takes longer than its length says: none of 1,000 takes 10 ms."""
        name = "a" * 500 + "/" + "a" * 499
        for text in ("%*" * 500, "%a" * 500, "*a" * 500, "(a+)+$" * 160, "*" * 1000):
            pattern = Pattern(text + "b", "/")
            began = time.process_time()
            self.assertFalse(pattern.matches(name))
            self.assertLess(time.process_time() - began, 0.01)

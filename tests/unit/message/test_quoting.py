"""Strings as IMAP writes them."""

from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailapp.message.quoting import (
    QUOTED_LIMIT,
    astring,
    literal,
    literal8,
    nstring,
    string,
    without_nul,
)
from tests.rows import rows, tabled
from tests.threats import threat

LONG = b"x" * (QUOTED_LIMIT + 1)


def read(octets: bytes) -> bytes | None:
    """What a client reads: a quoted string, a literal, NIL or an atom."""
    if octets == b"NIL":
        return None
    if octets.startswith(b'"'):
        assert re.fullmatch(rb'"(?:[^"\\\r\n\0]|\\["\\])*"', octets), octets
        return re.sub(rb'\\(["\\])', rb"\1", octets[1:-1])
    found = re.match(rb"~?\{(\d+)\}\r\n", octets)
    if found is not None:
        assert len(octets) == found.end() + int(found[1]), octets
        return octets[found.end() :]
    assert re.fullmatch(rb'[^\x00-\x20\x7f-\xff(){%*"\\]+', octets), octets
    return octets


@tabled
class QuotingTests(SynchronousTestCase):
    """Which form is taken."""

    @rows(
        plain=(b"abc", b'"abc"'),
        empty=(b"", b'""'),
        quote=(b'a"b\\c', b'"a\\"b\\\\c"'),
        tab=(b"a\tb", b'"a\tb"'),
        cr=(b"a\rb", b"{3}\r\na\rb"),
        lf=(b'"\n', b'{2}\r\n"\n'),
        eight_bit=(b"caf\xc3\xa9", b"{5}\r\ncaf\xc3\xa9"),
        nul=(b"a\0b", b"{3}\r\na\x80b"),
        longest=(LONG[1:], b'"' + LONG[1:] + b'"'),
        long=(LONG, b"{1001}\r\n" + LONG),
        long_quote=(b'"' + LONG, b'{1002}\r\n"' + LONG),
    )
    def test_string(self, octets: bytes, written: bytes) -> None:
        """Quoted if it is short ASCII without CR, LF and NUL."""
        self.assertEqual(written, string(octets))

    @rows(
        text=("café".encode(), '"café"'.encode()),
        quote=('é"'.encode(), '"é\\""'.encode()),
        wrong=(b"caf\xe9", b"{4}\r\ncaf\xe9"),
        nul=("é\0".encode(), b"{3}\r\n\xc3\xa9\x80"),
    )
    def test_utf8(self, octets: bytes, written: bytes) -> None:
        """A client that asked for UTF-8 gets it between quotes."""
        self.assertEqual(written, string(octets, utf8=True))

    @rows(
        atom=(b"INBOX", b"INBOX"),
        bracket=(b"a]b", b"a]b"),
        space=(b"a b", b'"a b"'),
        empty=(b"", b'""'),
        nil=(b"nil", b'"nil"'),
        star=(b"a*", b'"a*"'),
        percent=(b"%", b'"%"'),
        brace=(b"{1}", b'"{1}"'),
        backslash=(b"\\", b'"\\\\"'),
        long=(LONG, b"{1001}\r\n" + LONG),
        eight_bit=(b"\xc3\xa9", b"{2}\r\n\xc3\xa9"),
    )
    def test_astring(self, octets: bytes, written: bytes) -> None:
        """An atom if it can be one."""
        self.assertEqual(written, astring(octets))

    def test_others(self) -> None:
        """NIL is for what is not there; literal8 keeps NUL."""
        self.assertEqual(b"NIL", nstring(None))
        self.assertEqual(b'""', nstring(b""))
        self.assertEqual(b"{1}\r\n\x80", literal(b"\0"))
        self.assertEqual(b"~{1}\r\n\0", literal8(b"\0"))
        self.assertIs(LONG, without_nul(LONG))

    @threat(58)
    def test_every_octet(self) -> None:
        """Each octet comes back, alone and in every form; NUL as 0x80."""
        for octet in range(256):
            octets = bytes([octet])
            expected = octets if octet else b"\x80"
            for form in (string, nstring, astring):
                with self.subTest(octet=octet, form=form.__name__):
                    self.assertEqual(expected, read(form(octets)))

    @given(st.binary(max_size=60), st.booleans())
    def test_round_trip(self, octets: bytes, utf8: bool) -> None:  # noqa: FBT001
        """Whatever it is, a client reads it again."""
        expected = octets.replace(b"\0", b"\x80")
        for form in (string, astring):
            self.assertIn(read(form(octets, utf8=utf8)), {expected, octets})

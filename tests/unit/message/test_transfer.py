"""Encoding leaves (RFC 2045, section 6)."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailapp.message.content import Encoding
from mailapp.message.encodings import decode_leaf
from mailapp.message.splice import Edit, splice
from mailapp.message.transfer import (
    base64,
    base64_length,
    quoted_printable,
    shortest,
)
from tests.rows import rows, tabled

TEXT = st.lists(
    st.sampled_from([b"a" * 30, b"=", b".", b"--", b" ", b"\t", b"\r\n", b"\r", b"\n"])
    | st.binary(max_size=5),
    max_size=40,
).map(b"".join)


@tabled
class QuotedPrintableTests(SynchronousTestCase):
    """RFC 2045, section 6.7."""

    @rows(
        empty=(b"", b""),
        plain=(b"abc\r\ndef", b"abc\r\ndef"),
        high=(b"\xc3\xa9=\x00\x7f", b"=C3=A9=3D=00=7F"),
        trailing=(b"a \r\nb\t\r\nc  ", b"a=20\r\nb=09\r\nc =20"),
        inner_tab=(b"a\tb", b"a\tb"),
        bare=(b"a\rb\nc\n\rd\r\r\n\r", b"a=0Db=0Ac=0A=0Dd=0D\r\n=0D"),
        dot=(b".\r\n..a.\r\n", b"=2E\r\n=2E.a.\r\n"),
        mbox=(b"From x\r\nFrom\r\n From x", b"=46rom x\r\nFrom\r\n From x"),
        dashes=(b"--b\r\n-b\r\n", b"=2D-b\r\n-b\r\n"),
        exact=(b"x" * 76, b"x" * 76),
        long=(b"x" * 77, b"x" * 75 + b"=\r\nxx"),
        escape_at_cut=(b"x" * 74 + b"\xff" * 2, b"x" * 74 + b"=\r\n=FF=FF"),
        escape_before_cut=(b"x" * 73 + b"\xffyy", b"x" * 73 + b"=\r\n=FFyy"),
        dot_at_cut=(b"x" * 75 + b".y", b"x" * 75 + b"=\r\n=2Ey"),
        dash_at_cut=(b"x" * 75 + b"--b", b"x" * 75 + b"=\r\n=2D-b"),
        mbox_at_cut=(b"x" * 75 + b"From y", b"x" * 75 + b"=\r\n=46rom y"),
    )
    def test_encode(self, text: bytes, encoded: bytes) -> None:
        """Each rule, and each place where a line may be broken."""
        self.assertEqual(quoted_printable(text), encoded)

    @given(TEXT)
    def test_round_trip(self, text: bytes) -> None:
        """Decoding gives each octet again; no line is too long or a delimiter."""
        encoded = quoted_printable(text)
        decoded = b"".join(decode_leaf([encoded], Encoding.QUOTED_PRINTABLE))
        self.assertEqual(decoded, text)
        for line in encoded.split(b"\r\n"):
            self.assertLessEqual(len(line), 76)
            self.assertFalse(line.startswith((b".", b"--", b"From ")))
            self.assertTrue(line.isascii() and b"\r" not in line and b"\n" not in line)


@tabled
class Base64Tests(SynchronousTestCase):
    """RFC 2045, section 6.8."""

    @rows(
        empty=(b"", b""),
        one=(b"a", b"YQ==\r\n"),
        line=(b"abc" * 19, b"YWJj" * 19 + b"\r\n"),
        more=(b"abc" * 20, b"YWJj" * 19 + b"\r\nYWJj\r\n"),
    )
    def test_encode(self, octets: bytes, encoded: bytes) -> None:
        """Lines of 76 octets."""
        self.assertEqual(base64(octets), encoded)

    @given(st.integers(0, 200_000))
    def test_length(self, length: int) -> None:
        """The length is known before."""
        self.assertEqual(base64_length(length), len(base64(bytes(length))))


@tabled
class ShortestTests(SynchronousTestCase):
    """Which one is taken."""

    @rows(
        text=(b"caf\xc3\xa9 au lait, s'il vous plait", Encoding.QUOTED_PRINTABLE),
        dense=(b"\xff" * 60, Encoding.BASE64),
        broken=(b"a" * 3 + b"\xff", Encoding.QUOTED_PRINTABLE),
        # Short by the count of octets, not by that of the escapes at line ends.
        blanks=(b" \r\n" * 50, Encoding.BASE64),
    )
    def test_shortest(self, text: bytes, encoding: Encoding) -> None:
        """Quoted-printable, which people can read, unless base64 is shorter."""
        self.assertIs(shortest(text)[0], encoding)


class SpliceTests(SynchronousTestCase):
    """Replacing stretches."""

    def test_splice(self) -> None:
        """Insertions, removals, and nothing at all."""
        octets = b"abcdef"
        edits = [Edit(0, 0, b"<"), Edit(1, 3, b""), Edit(5, 6, b"F"), Edit(6, 6, b">")]
        self.assertEqual(splice(octets, edits), b"<adeF>")
        self.assertIs(splice(octets, []), octets)

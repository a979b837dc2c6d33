"""Decoding leaves (RFC 2045, section 6)."""

from __future__ import annotations

import base64
import quopri

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailapp.message.content import Encoding
from mailapp.message.encodings import decode_leaf
from tests.rows import rows, tabled

QP, B64 = Encoding.QUOTED_PRINTABLE, Encoding.BASE64
CUTS = st.lists(st.integers(1, 7), min_size=1, max_size=8)


def decoded(octets: bytes, encoding: Encoding, steps: list[int] | None = None) -> bytes:
    """The body, fed in pieces of these lengths, over and over."""
    pieces: list[bytes] = []
    at, turn = 0, 0
    while at < len(octets):
        step = steps[turn % len(steps)] if steps else len(octets)
        pieces.append(octets[at : at + step])
        at, turn = at + step, turn + 1
    return b"".join(decode_leaf(pieces, encoding))


@tabled
class DecodeTests(SynchronousTestCase):
    """What comes out."""

    @rows(
        plain=(b"abc\r\n", b"abc\r\n"),
        escape=(b"=41=c3=A9", b"A\xc3\xa9"),
        soft=(b"a=\r\nb", b"ab"),
        soft_space=(b"a= \t\r\nb", b"ab"),
        soft_lf=(b"a=\nb", b"ab"),
        soft_twice=(b"a=\r\n=\r\nb", b"ab"),
        soft_end=(b"a=", b"a"),
        soft_end_crlf=(b"a=\r\n", b"a"),
        trailing=(b"a \t\r\nb \n", b"a\r\nb\n"),
        trailing_end=(b"a  ", b"a"),
        escaped_space=(b"a=20\r\n", b"a \r\n"),
        lone=(b"a=b=ZZ=4", b"a=b=ZZ=4"),
        empty=(b"", b""),
        blank=(b"\r\n\r\n", b"\r\n\r\n"),
        # RFC 2045, section 6.7
        rfc=(
            b"Now's the time =\r\nfor all folk to come=\r\n to the aid of their "
            b"country.",
            b"Now's the time for all folk to come to the aid of their country.",
        ),
    )
    def test_quoted_printable(self, octets: bytes, body: bytes) -> None:
        """RFC 2045, section 6.7, whole and octet by octet."""
        self.assertEqual(decoded(octets, QP), body)
        self.assertEqual(decoded(octets, QP, [1]), body)

    @rows(
        padded=(b"aGVsbG8=", b"hello"), two=(b"aGVsbA==", b"hell"),
        none=(b"aGVs", b"hel"), lines=(b"aGVs\r\nbG8=\r\n", b"hello"),
        open=(b"aGVsbG8", b"hello"), junk=(b"a*G-V s", b"hel"), single=(b"a", b""),
        joined=(b"aGVsbG8=aGVsbG8=", b"hellohello"), pads=(b"====", b""),
        dashes=(b"aGVs\r\n--x", b"hel" ), empty=(b"", b""),
    )  # fmt: skip
    def test_base64(self, octets: bytes, body: bytes) -> None:
        """RFC 2045, section 6.8: other octets are left out."""
        self.assertEqual(decoded(octets, B64), body)
        self.assertEqual(decoded(octets, B64, [1]), body)

    @rows(
        seven=Encoding.SEVEN_BIT, eight=Encoding.EIGHT_BIT, binary=Encoding.BINARY,
        unknown=Encoding.UNKNOWN,
    )  # fmt: skip
    def test_identity(self, encoding: Encoding) -> None:
        """What is not encoded, or in a way we do not know, stays."""
        self.assertEqual(decoded(bytes(range(256)), encoding, [7]), bytes(range(256)))

    def test_endless_line(self) -> None:
        """A line of a megabyte comes out in pieces."""
        body = decoded(b"ab=3D" * 200_000, QP, [999])
        self.assertEqual(body, b"ab=" * 200_000)


class EncodingProperties(SynchronousTestCase):
    """For any octets, at any cut."""

    @settings(deadline=None)
    @given(st.binary(max_size=200), CUTS)
    def test_base64(self, body: bytes, steps: list[int]) -> None:
        """What another encoder wrote is read."""
        self.assertEqual(decoded(base64.encodebytes(body), B64, steps), body)

    @settings(deadline=None)
    @given(st.binary(max_size=200), CUTS)
    def test_quoted_printable(self, body: bytes, steps: list[int]) -> None:
        """The same, where line ends are those of text."""
        body = body.replace(b"\r", b"").replace(b"\n", b"\n")
        self.assertEqual(decoded(quopri.encodestring(body), QP, steps), body)

    @settings(deadline=None, max_examples=200)
    @given(
        st.lists(st.sampled_from([b"=", b"\r", b"\n", b" ", b"a", b"=4", b"\xff"]),
                 max_size=40).map(b"".join),
        st.sampled_from([QP, B64]), CUTS,
    )  # fmt: skip
    def test_any_cut(self, octets: bytes, encoding: Encoding, steps: list[int]) -> None:
        """The cut makes no difference, and nothing raises."""
        whole = decoded(octets, encoding)
        self.assertEqual(decoded(octets, encoding, steps), whole)

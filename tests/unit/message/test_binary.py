"""BINARY and BINARY.SIZE."""

from __future__ import annotations

from base64 import encodebytes
from quopri import encodestring

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailapp.message.binary import (
    BinaryPiece,
    Measure,
    UnknownEncoding,
    Window,
    binary_piece,
)
from mailapp.message.structure import scan
from tests.rows import rows, tabled
from tests.unit.message import trees
from tests.unit.message.fixtures import MIXED, RFC822

IMAGE = b"Content-Type: image/png\r\n"
TEXT = b"Content-Type: text/plain\r\n"
BASE64 = b"Content-Transfer-Encoding: base64\r\n\r\n"
QUOTED = b"Content-Transfer-Encoding: quoted-printable\r\n\r\n"


def decoded(octets: bytes, *numbers: int, cut: int = 7) -> bytes | None:
    """The decoded part, read in small chunks; None where there is none."""
    piece = binary_piece(numbers, scan(octets))
    assert not isinstance(piece, UnknownEncoding)
    if piece is None:
        return None
    decoder = piece.decoder()
    places = range(piece.start, piece.end, cut)
    pieces = [
        decoder.feed(octets[start : min(start + cut, piece.end)]) for start in places
    ]
    return b"".join([*pieces, decoder.finish()])


@tabled
class BinaryTests(SynchronousTestCase):
    """RFC 3516, section 4."""

    @rows(
        base64=(IMAGE + BASE64 + b"AAEC\r\nAwQ=\r\n", (1,), b"\0\1\2\3\4"),
        quoted=(TEXT + QUOTED + b"caf=C3=A9=\r\n.\r\n", (1,), b"caf\xc3\xa9.\r\n"),
        plain=(TEXT + b"\r\na\r\n", (1,), b"a\r\n"),
        # section 6: lines of text end with CRLF, whatever was encoded
        lines=(TEXT + BASE64 + b"YQpiDQpjCg==", (1,), b"a\r\nb\r\nc\r\n"),
        no_lines=(IMAGE + BASE64 + b"YQpiDQpjCg==", (1,), b"a\nb\r\nc\n"),
        wide=(
            b"Content-Type: text/plain; charset=UTF-16LE\r\n" + BASE64 + b"CgA=",
            (1,),
            b"\n\0",
        ),
        whole=(IMAGE + BASE64 + b"AAEC", (), IMAGE + BASE64 + b"AAEC"),
        missing=(IMAGE + BASE64 + b"AAEC", (2,), None),
        second=(
            MIXED + b"--b\r\n\r\nx\r\n--b\r\n" + IMAGE + BASE64 + b"QUI=\r\n--b--",
            (2,),
            b"AB",
        ),
        message=(
            MIXED + b"--b\r\n" + RFC822 + BASE64 + b"QUI=\r\n--b--",
            (1,),
            BASE64 + b"QUI=",
        ),
        in_message=(
            MIXED + b"--b\r\n" + RFC822 + BASE64 + b"QUI=\r\n--b--",
            (1, 1),
            b"AB",
        ),
        encoded_message=(
            b"Content-Transfer-Encoding: base64\r\n" + RFC822 + b"QTogYg==",
            (1,),
            b"A: b",
        ),
        broken=(IMAGE + BASE64 + b"Q*UI", (1,), b"AB"),
    )
    def test_parts(
        self, octets: bytes, numbers: tuple[int, ...], expected: bytes | None
    ) -> None:
        """A part without its encoding."""
        self.assertEqual(expected, decoded(octets, *numbers))

    def test_unknown(self) -> None:
        """RFC 3516, section 4.3: UNKNOWN-CTE."""
        root = scan(IMAGE + b"Content-Transfer-Encoding: x-uue\r\n\r\nx")
        self.assertIsInstance(binary_piece((1,), root), UnknownEncoding)
        self.assertIsInstance(binary_piece((), root), BinaryPiece)

    @rows(
        text=(TEXT + BASE64 + b"YQpi", 4, False),
        nul=(IMAGE + BASE64 + b"AAEC", 3, True),
        empty=(IMAGE + BASE64, 0, False),
    )
    def test_measure(self, octets: bytes, size: int, has_nul: bool) -> None:  # noqa: FBT001
        """BINARY.SIZE is what BINARY will send; NUL needs a literal8."""
        piece = binary_piece((1,), scan(octets))
        assert isinstance(piece, BinaryPiece)
        measure = Measure(piece.decoder())
        measure.feed(octets[piece.start : piece.end])
        measure.finish()
        self.assertEqual((size, has_nul), (measure.size_octets, measure.has_nul))

    @given(
        st.binary(max_size=90),
        st.booleans(),
        st.integers(1, 20),
        st.integers(0, 100),
        st.integers(0, 100),
    )
    def test_window(
        self,
        octets: bytes,
        quoted: bool,  # noqa: FBT001
        cut: int,
        origin: int,
        length: int,
    ) -> None:
        """A partial fetch is a slice of what is decoded; it ends as soon as it can."""
        if quoted:
            message = IMAGE + QUOTED + encodestring(octets)
        else:
            message = IMAGE + BASE64 + encodebytes(octets)
        piece = binary_piece((1,), scan(message))
        assert isinstance(piece, BinaryPiece)
        window = Window(piece.decoder(), origin, length)
        pieces: list[bytes] = []
        for start in range(piece.start, piece.end, cut):
            if window.done:
                break
            pieces.append(window.feed(message[start : min(start + cut, piece.end)]))
        pieces.append(window.finish())
        expected = decoded(message, 1) or b""
        self.assertEqual(expected[origin : origin + length], b"".join(pieces))
        self.assertTrue(length or window.done)

    @given(trees.messages, st.integers(1, 9))
    def test_cuts(self, octets: bytes, cut: int) -> None:
        """How a part is cut into chunks changes nothing."""
        self.assertEqual(
            decoded(octets, 1, cut=len(octets)), decoded(octets, 1, cut=cut)
        )

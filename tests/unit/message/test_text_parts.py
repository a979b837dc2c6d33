"""The text of one part as a stream."""

from __future__ import annotations

from base64 import encodebytes

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailapp.message import charsets
from mailapp.message.charsets import decode
from mailapp.message.structure import scan
from mailapp.message.text_parts import TextReader
from tests.threats import threat

NAMES = sorted(charsets._CODECS)


def head(charset: str, encoding: str = "8bit") -> bytes:
    """The header of a text in this charset."""
    kind = f"Content-Type: text/plain; charset={charset}\r\n"
    return f"{kind}Content-Transfer-Encoding: {encoding}\r\n\r\n".encode()


def pieces(octets: bytes, cut: int) -> list[str]:
    """What is read of a message, cut into chunks."""
    part = scan(octets)
    reader = TextReader(part)
    places = range(part.body_start, part.end, cut)
    found = [reader.feed(octets[at : min(at + cut, part.end)]) for at in places]
    return [*found, reader.finish()]


class TextReaderTests(SynchronousTestCase):
    """Decoding in pieces."""

    @threat(86)
    def test_every_charset(self) -> None:
        """Each charset that is on the list can be read in pieces."""
        for name in NAMES:
            codec = charsets.codec_of(name)
            assert codec is not None
            octets = "Abc, 12".encode(codec)
            for cut in (1, 2, 3, 100):
                found = "".join(pieces(head(name) + octets, cut))
                self.assertEqual("Abc, 12", found, name)

    @settings(max_examples=300)
    @given(st.sampled_from(NAMES), st.binary(max_size=40), st.integers(1, 5))
    def test_cuts(self, name: str, octets: bytes, cut: int) -> None:
        """How it is cut changes nothing, whatever the octets are."""
        whole = "".join(pieces(head(name) + octets, 100))
        self.assertEqual(whole, "".join(pieces(head(name) + octets, cut)))
        if name not in {"us-ascii", "ascii", "ansi_x3.4-1968", "iso646-us"}:
            self.assertEqual(decode(octets, name), whole)

    @given(st.text(max_size=40), st.integers(1, 9))
    def test_transfer(self, text: str, cut: int) -> None:
        """Base64 and the charset are undone together."""
        encoded = encodebytes(text.encode("utf-8", "replace"))
        found = "".join(pieces(head("utf-8", "base64") + encoded, cut))
        self.assertEqual(text.encode("utf-8", "replace").decode(), found)

"""BINARY and BINARY.SIZE (RFC 3516, section 4; RFC 9051, section 6.4.5).

The size has to be known before the first octet is sent, so a part is decoded twice,
each time as a stream; nothing but a chunk is held::

    piece = binary_piece((2,), root)     # None: no such part, send NIL
    measure = Measure(piece.decoder())   # UNKNOWN_CTE: piece is UnknownEncoding
    for chunk in chunks of piece.start to piece.end: measure.feed(chunk)
    measure.finish()                     # size_octets, has_nul
    window = Window(piece.decoder(), partial.start, partial.length)
    ... window.feed(chunk) until window.done; window.finish()
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from attrs import frozen

from mailapp.message.content import Encoding
from mailapp.message.encodings import Decoder, decoder_for
from mailapp.message.line_ends import ToWire
from mailapp.message.part import Part

# Where an octet 10 may be half of a character.
_WIDE: Final = (b"utf-16", b"utf-32", b"ucs-2", b"iso-10646")


class UnknownEncoding:
    """The part's encoding is not known: NO [UNKNOWN-CTE] (RFC 3516, section 4.3)."""


@frozen
class BinaryPiece:
    """A part that can be sent decoded.

    Attributes:
        start: offset of its body in the message.
        end: offset behind it.
        encoding: of the body.
        is_text: its lines end with CRLF whatever the encoder thought of that.
    """

    start: int
    end: int
    encoding: Encoding
    is_text: bool

    def decoder(self) -> Decoder:
        """A new decoder for the octets from ``start`` to ``end``."""
        decoder = decoder_for(self.encoding)
        return _Lines(decoder) if self.is_text else decoder


def binary_piece(
    numbers: Sequence[int], root: Part
) -> BinaryPiece | UnknownEncoding | None:
    """What ``BINARY[numbers]`` is about; None: there is no such part.

    Whatever has no encoding is sent as it is, also a part that is no leaf, which RFC
    9051 lets nobody ask for. ``BINARY[]`` is the whole message.
    """
    part = root.find(numbers)
    if part is None:
        return None
    if not numbers:
        return BinaryPiece(0, root.end, Encoding.BINARY, is_text=False)
    if part.parts:
        return BinaryPiece(part.body_start, part.end, Encoding.BINARY, is_text=False)
    if part.encoding is Encoding.UNKNOWN:
        return UnknownEncoding()
    return BinaryPiece(
        part.body_start,
        part.end,
        part.encoding,
        part.content.type == b"text" and not _is_wide(part),
    )


def _is_wide(part: Part) -> bool:
    charset = part.content.parameter(b"charset") or b""
    return charset.lower().startswith(_WIDE)


class _Lines:
    """Makes the line ends of decoded text CRLF (RFC 3516, section 6)."""

    def __init__(self, decoder: Decoder) -> None:
        self._decoder = decoder
        self._wire = ToWire()

    def feed(self, octets: bytes) -> bytes:
        """Decode what can be decoded already."""
        return self._wire.convert(self._decoder.feed(octets))

    def finish(self) -> bytes:
        """Decode the rest."""
        return self._wire.convert(self._decoder.finish())


class Measure:
    """How long a decoded part is, and whether it can be a string.

    Attributes:
        size_octets: so far; BINARY.SIZE when finished.
        has_nul: it must be a literal8 (RFC 9051, section 4.3.1).
    """

    def __init__(self, decoder: Decoder) -> None:
        self._decoder = decoder
        self.size_octets = 0
        self.has_nul = False

    def feed(self, octets: bytes) -> None:
        """Take the next encoded octets."""
        self._count(self._decoder.feed(octets))

    def finish(self) -> None:
        """No more octets."""
        self._count(self._decoder.finish())

    def _count(self, decoded: bytes) -> None:
        self.size_octets += len(decoded)
        self.has_nul = self.has_nul or b"\0" in decoded


class Window:
    """A partial fetch of decoded octets.

    Attributes:
        done: no more octets are needed.
    """

    def __init__(self, decoder: Decoder, origin: int, length: int) -> None:
        self._decoder = decoder
        self._skip = origin
        self._left = length
        self.done = length <= 0

    def feed(self, octets: bytes) -> bytes:
        """Take the next encoded octets; gives those of the window among them."""
        return b"" if self.done else self._cut(self._decoder.feed(octets))

    def finish(self) -> bytes:
        """No more octets."""
        return b"" if self.done else self._cut(self._decoder.finish())

    def _cut(self, decoded: bytes) -> bytes:
        found = decoded[self._skip : self._skip + self._left]
        self._skip = max(0, self._skip - len(decoded))
        self._left -= len(found)
        self.done = self._left <= 0
        return found

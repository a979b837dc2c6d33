"""BODY[…] and BINARY[…] of a message at hand (RFC 9051, section 7.5.2).

What is too large for that is read and sent in chunks by ``commands.fetch_body``.
"""

from __future__ import annotations

from functools import cached_property
from typing import Final

from attrs import frozen

from mailapp.imap.grammar.values.fetch import (
    Binary,
    BinarySize,
    BodySection,
    Partial,
)
from mailapp.message.binary import BinaryPiece, Measure, UnknownEncoding, binary_piece
from mailapp.message.fields import find_body
from mailapp.message.imap_facts import read_header, read_structure
from mailapp.message.part import Part
from mailapp.message.quoting import NIL, literal, literal8
from mailapp.message.section import Needed, Piece, SectionText, locate

Body = BodySection | Binary | BinarySize
"""What needs the octets of a message."""
_ALL: Final = Partial(0, 2**63)
_HALVES: Final = frozenset({SectionText.HEADER, SectionText.TEXT})


class UnknownCte(Exception):
    """A part is encoded as nobody knows: NO [UNKNOWN-CTE] (RFC 3516, section 4.3)."""


def needed(item: Body) -> Needed:
    """How much of a message has to be known for it."""
    if isinstance(item, BodySection):
        return item.section.needed
    return Needed.STRUCTURE


class AtHand:
    """A message in memory."""

    def __init__(self, octets: bytes) -> None:
        self._octets: Final = octets

    def value(self, item: Body) -> bytes:
        """What an item is: a literal, NIL or a number.

        Raises:
            UnknownCte: the row is sent without it.
        """
        if isinstance(item, BodySection):
            return self._section(item)
        piece = binary_of(item, self._structure)
        if piece is None:
            return b"0" if isinstance(item, BinarySize) else NIL
        decoder = piece.decoder()
        decoded = decoder.feed(self._octets[piece.start : piece.end])
        decoded += decoder.finish()
        if isinstance(item, BinarySize):
            return b"%d" % len(decoded)
        window = item.partial or _ALL
        decoded = decoded[window.start : window.start + window.length]
        return literal8(decoded) if b"\0" in decoded else literal(decoded)

    def _section(self, item: BodySection) -> bytes:
        section = item.section
        if section.needed is Needed.NOTHING and item.partial is None:
            return literal(self._octets)
        if section.text in _HALVES and not section.part:
            piece: Piece | None = self._half(section.text)
        else:
            piece = locate(section, self._root(section.needed))
        return NIL if piece is None else literal(part_of(piece, item).of(self._octets))

    def _half(self, text: SectionText | None) -> Piece:
        """HEADER or TEXT of the message, for which no field has to be read."""
        size = len(self._octets)
        cut = find_body(self._octets)
        cut = size if cut is None else cut
        return Piece(((0, cut),) if text is SectionText.HEADER else ((cut, size),))

    def _root(self, wanted: Needed) -> Part:
        return self._structure if wanted is Needed.STRUCTURE else self._header

    def _read(self, start: int, end: int) -> bytes:
        return self._octets[start:end]

    @cached_property
    def _header(self) -> Part:
        return read_header(self._read, len(self._octets))

    @cached_property
    def _structure(self) -> Part:
        return read_structure(self._read, len(self._octets))


def part_of(piece: Piece, item: BodySection) -> Piece:
    """What of a section is asked for (RFC 9051, section 6.4.5: ``<partial>``)."""
    partial = item.partial
    return piece if partial is None else piece.part(partial.start, partial.length)


def binary_of(item: Binary | BinarySize, root: Part) -> BinaryPiece | None:
    """What has to be decoded; None: there is no such part.

    Raises:
        UnknownCte: nobody knows how.
    """
    piece = binary_piece(item.part, root)
    if isinstance(piece, UnknownEncoding):
        raise UnknownCte
    return piece


@frozen
class Decoded:
    """How a decoded part is announced.

    Attributes:
        size_octets: of what is sent.
        has_nul: it is a literal8.
    """

    size_octets: int
    has_nul: bool

    @property
    def head(self) -> bytes:
        """The literal without its octets."""
        return b"%b{%d}\r\n" % (b"~" if self.has_nul else b"", self.size_octets)


def decoded(measure: Measure, partial: Partial | None) -> Decoded:
    """What of a measured part is asked for; a NUL anywhere makes it a literal8."""
    window = partial or _ALL
    left = max(0, measure.size_octets - window.start)
    return Decoded(min(left, window.length), measure.has_nul)

"""Sections of a message that FETCH asks for (RFC 9051, section 6.4.5.1), as ranges.

Nothing is copied: a section is a few stretches of the message's octets, which the
caller reads from a file and sends as they come::

    piece = locate(section, root)      # None: there is no such section, send NIL
    if partial is not None:
        piece = piece.part(partial.start, partial.length)
    literal_size = piece.size_octets
    for start, end in piece.ranges: ...

``needed`` tells what has to be read before: for many sections the header is enough.
"""

from __future__ import annotations

from enum import Enum, auto
from typing import Final, Literal, assert_never

from attrs import frozen

from mailapp.message.fields import Field
from mailapp.message.part import Part


class SectionText(Enum):
    """RFC 9051, section 9: ``section-text``."""

    HEADER = b"HEADER"
    HEADER_FIELDS = b"HEADER.FIELDS"
    HEADER_FIELDS_NOT = b"HEADER.FIELDS.NOT"
    TEXT = b"TEXT"
    MIME = b"MIME"


class Needed(Enum):
    """How much of a message must be known to locate a section in it."""

    NOTHING = auto()  # it is the whole message
    HEADER = auto()  # the header of the message
    STRUCTURE = auto()  # the tree of its parts


_OfMessage = Literal[
    SectionText.HEADER,
    SectionText.TEXT,
    SectionText.HEADER_FIELDS,
    SectionText.HEADER_FIELDS_NOT,
]
_FIELDS: Final = frozenset({SectionText.HEADER_FIELDS, SectionText.HEADER_FIELDS_NOT})


@frozen
class Section:
    """RFC 9051, section 9: ``section-spec``; with nothing set: the whole message.

    Attributes:
        part: part numbers, outermost first.
        text: what of the part; None: its content.
        names: of header fields, in any case; for HEADER.FIELDS and its NOT.
    """

    part: tuple[int, ...] = ()
    text: SectionText | None = None
    names: tuple[bytes, ...] = ()

    def __attrs_post_init__(self) -> None:
        """Refuse what the grammar has not."""
        if self.text is SectionText.MIME and not self.part:
            reason = "MIME needs a part number"
            raise ValueError(reason)
        if bool(self.names) != (self.text in _FIELDS):
            reason = "names belong to HEADER.FIELDS"
            raise ValueError(reason)

    @property
    def needed(self) -> Needed:
        """What ``locate`` looks at."""
        if self.part:
            return Needed.STRUCTURE
        return Needed.NOTHING if self.text is None else Needed.HEADER


@frozen
class Piece:
    """Octets of a message.

    Attributes:
        ranges: start and end of each stretch, in the order they are sent.
    """

    ranges: tuple[tuple[int, int], ...] = ()

    @property
    def size_octets(self) -> int:
        """All of it."""
        return sum([end - start for start, end in self.ranges])

    def part(self, origin: int, length: int) -> Piece:
        """A partial fetch: at most ``length`` octets from ``origin`` on."""
        found: list[tuple[int, int]] = []
        for start, end in self.ranges:
            first = start + origin
            if first < end and length > 0:
                last = min(end, first + length)
                found.append((first, last))
                length -= last - first
            origin = max(0, origin - (end - start))
        return Piece(tuple(found))

    def of(self, octets: bytes) -> bytes:
        """The octets, from those of the whole message."""
        return b"".join([octets[start:end] for start, end in self.ranges])


def locate(section: Section, root: Part) -> Piece | None:
    """Where a section is; None: the message has none, which FETCH answers with NIL.

    ``root`` may be what ``part.header_only`` gives if no more is needed.
    """
    part = root.find(section.part)
    if part is None:
        return None
    if section.text is None:
        start = part.body_start if section.part else part.header_start
        return _piece([(start, part.end)])
    if section.text is SectionText.MIME:
        return _piece([(part.header_start, part.body_start)])
    message = part
    if section.part:  # what follows belongs to the message in this part
        if not (part.content.is_message and part.parts):
            return None
        message = part.parts[0]
    return _piece(_ranges(section.text, section.names, message))


def _ranges(
    text: _OfMessage, names: tuple[bytes, ...], message: Part
) -> list[tuple[int, int]]:
    match text:
        case SectionText.HEADER:
            return [(message.header_start, message.body_start)]
        case SectionText.TEXT:
            return [(message.body_start, message.end)]
        case SectionText.HEADER_FIELDS:
            return _fields(message, names)
        case SectionText.HEADER_FIELDS_NOT:
            return _other_fields(message, names)
        case _:
            assert_never(text)


def _piece(ranges: list[tuple[int, int]]) -> Piece:
    """Without empty stretches; those that touch are one."""
    found: list[tuple[int, int]] = []
    for start, end in ranges:
        if found and found[-1][1] == start:
            found[-1] = (found[-1][0], end)
        elif start < end:
            found.append((start, end))
    return Piece(tuple(found))


def _fields(part: Part, names: tuple[bytes, ...]) -> list[tuple[int, int]]:
    """The fields with these names, and the empty line."""
    ranges = [_range(part, field) for field in _named(part, names)]
    return [*ranges, _blank_line(part)]


def _other_fields(part: Part, names: tuple[bytes, ...]) -> list[tuple[int, int]]:
    """All of the header but these fields, so also lines that are none."""
    ranges: list[tuple[int, int]] = []
    position = part.header_start
    for found in _named(part, names):
        start, end = _range(part, found)
        ranges.append((position, start))
        position = end
    return [*ranges, (position, part.body_start)]


def _named(part: Part, names: tuple[bytes, ...]) -> list[Field]:
    wanted = frozenset([name.upper() for name in names])
    return [found for found in part.header.fields if found.name.upper() in wanted]


def _range(part: Part, found: Field) -> tuple[int, int]:
    """Fields have offsets that count from the part's header."""
    end = min(part.header_start + found.end, part.body_start)
    return part.header_start + found.start, end


def _blank_line(part: Part) -> tuple[int, int]:
    """Behind the last field; of a header that was too long to be listed, its CRLF."""
    fields = part.header.fields
    start = part.header_start + (fields[-1].end if fields else 0)
    return max(start, part.body_start - 2), part.body_start

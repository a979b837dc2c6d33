"""One part of a message: what it is and where it lies (RFC 2045 and RFC 2046)."""

from __future__ import annotations

from collections.abc import Sequence
from enum import Flag, auto
from typing import Final, NamedTuple

from attrs import define, field

from mailapp.message.boundaries import BOUNDARY_LIMIT
from mailapp.message.content import (
    MESSAGE_RFC822,
    TEXT_PLAIN,
    ContentDefect,
    ContentType,
    Encoding,
    content_of,
)
from mailapp.message.fields import Header, parse_header

_RFC_BOUNDARY_LIMIT: Final = 70  # RFC 2046, section 5.1.1
_NO_HEADER: Final = Header((), 0)


class PartDefect(Flag):
    """What is wrong with a part's structure."""

    NONE = 0
    NO_BOUNDARY = auto()  # a multipart that does not say how it is divided: a leaf
    LONG_BOUNDARY = auto()  # over 70 octets
    NO_PARTS = auto()  # a multipart without one delimiter
    NO_END = auto()  # a multipart without its closing delimiter
    TOO_DEEP = auto()  # a container that was not opened
    TOO_MANY_PARTS = auto()  # at the root: the rest was not looked at
    ENCODED_CONTAINER = auto()  # base64 or quoted-printable where it may not be


class Part(NamedTuple):
    """A part; offsets are in the message's octets.

    ``header_start`` to ``body_start`` is the header with its empty line, ``body_start``
    to ``end`` the body without the line end that belongs to the next delimiter.

    Attributes:
        content: its media type.
        encoding: how its body is encoded.
        header: its fields, with offsets that count from ``header_start``.
        header_start: offset of the first field.
        body_start: offset behind the empty line.
        end: offset behind the body.
        lines: line ends in the body.
        parts: those of a multipart, or the one message in a message/rfc822.
        content_defects: what is wrong with its fields.
        defects: what is wrong with its structure.
    """

    content: ContentType
    encoding: Encoding
    header: Header
    header_start: int
    body_start: int
    end: int
    lines: int
    parts: tuple[Part, ...] = ()
    content_defects: ContentDefect = ContentDefect.NONE
    defects: PartDefect = PartDefect.NONE

    @property
    def size_octets(self) -> int:
        """Octets of the body."""
        return self.end - self.body_start

    def find(self, numbers: Sequence[int]) -> Part | None:
        """The part with an IMAP part number (RFC 9051, section 6.4.5.1), or None.

        Called on the message; ``()`` is the message itself. A message that is not a
        multipart has part 1, which is its body; so has a multipart without parts.
        """
        part = self
        own = True  # the number 1 is the body of this part
        for number in numbers:
            if part.content.is_message and part.parts and not own:
                part, own = part.parts[0], True
            if part.content.is_multipart and part.parts:
                if not 1 <= number <= len(part.parts):
                    return None
                part = part.parts[number - 1]
                own = part.content.is_multipart and not part.parts
            elif own and number == 1:
                own = False
            else:
                return None
        return part


@define
class OpenPart:
    """A part whose end has not come yet."""

    header_start: int
    default: ContentType
    content: ContentType = TEXT_PLAIN
    encoding: Encoding = Encoding.SEVEN_BIT
    header: Header = _NO_HEADER
    body_start: int = 0
    first_line: int = 0
    parts: list[Part] = field(factory=list)
    content_defects: ContentDefect = ContentDefect.NONE
    defects: PartDefect = PartDefect.NONE
    delimited: bool = False  # a multipart with a boundary
    closed: bool = False  # its closing delimiter was seen

    def end_header(self, octets: bytes, body_start: int, first_line: int) -> None:
        """Take the header section, as much of it as was kept."""
        self.header = parse_header(octets)
        self.content, self.encoding, self.content_defects = content_of(
            self.header, self.default
        )
        self.body_start = body_start
        self.first_line = first_line

    def boundary(self) -> bytes | None:
        """The boundary parameter, or None: there is none that can be used."""
        boundary = (self.content.parameter(b"boundary") or b"").rstrip(b" ")
        if not boundary or len(boundary) > BOUNDARY_LIMIT or b"\n" in boundary:
            return None
        if len(boundary) > _RFC_BOUNDARY_LIMIT:
            self.defects |= PartDefect.LONG_BOUNDARY
        return boundary

    def child_default(self) -> ContentType:
        """What a part of this multipart is without Content-Type."""
        return MESSAGE_RFC822 if self.content.subtype == b"digest" else TEXT_PLAIN

    def close(self, end: int, lines: int) -> Part:
        """The body ends before offset ``end``."""
        if self.delimited and not self.parts:
            self.defects |= PartDefect.NO_PARTS
        if self.content.is_multipart and self.encoding in {
            Encoding.BASE64,
            Encoding.QUOTED_PRINTABLE,
        }:
            self.defects |= PartDefect.ENCODED_CONTAINER  # RFC 2045, section 6.4
        # the empty line of an enclosed header may be the line end before a delimiter
        begun = self.parts[-1].end if self.parts else self.body_start
        return Part(
            self.content,
            self.encoding,
            self.header,
            self.header_start,
            self.body_start,
            max(begun, end),
            max(0, lines - self.first_line),
            tuple(self.parts),
            self.content_defects,
            self.defects,
        )


def header_only(header: Header, body_start: int, size_octets: int) -> Part:
    """A message of which no more than its header is known.

    Good for sections of the message itself: header, fields and text.

    Args:
        header: its fields.
        body_start: offset behind the empty line.
        size_octets: of the whole message.
    """
    content, encoding, defects = content_of(header)
    return Part(
        content,
        encoding,
        header,
        header_start=0,
        body_start=body_start,
        end=size_octets,
        lines=0,
        content_defects=defects,
    )

"""The tree of a message as nearly all mail has it, read at once from its octets.

Leaves and multiparts whose delimiters are all there, with headers as ``plain_header``
reads them. For all else the answer is None, and ``structure`` reads it: whatever is
found here is what that finds, without turning a machine for each part.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Final

from mailapp.message.content import (
    ContentDefect,
    ContentType,
    Encoding,
    content_said,
)
from mailapp.message.fields import Header
from mailapp.message.line_ends import line_feeds
from mailapp.message.part import Part
from mailapp.message.plain_header import (
    CONTENT_ENCODING,
    CONTENT_TYPE,
    plain_header,
)

SIZE_LIMIT: Final = 65_536
"""Octets; so also fewer parts than ``structure.PART_LIMIT``: each takes eight."""
_DEPTH_LIMIT: Final = 8
"""Multiparts in each other; each level looks at its octets once more."""
_BOUNDARY_LIMIT: Final = 70  # RFC 2046, section 5.1.1
_COMMON_LENGTH: Final = 150
_Head = tuple[Mapping[bytes, bytes], ContentType, Encoding, ContentDefect]
_NO_FIELDS: Final[_Head] = ({}, *content_said(None, None))
_OPEN_ENCODINGS: Final = frozenset(
    {Encoding.SEVEN_BIT, Encoding.EIGHT_BIT, Encoding.BINARY}
)


def plain_structure(octets: bytes) -> Part | None:
    """The tree of a whole message; None: it has something else in it."""
    size = len(octets)
    return _part(octets, 0, size, size, ()) if size <= SIZE_LIMIT else None


def _part(
    octets: bytes, start: int, limit: int, end: int, around: tuple[bytes, ...]
) -> Part | None:
    """One part. Hot.

    Args:
        octets: of the message.
        start: where its header begins.
        limit: its header and delimiters lie before: behind the LF that ends it.
        end: of its body.
        around: the boundaries that are open.
    """
    if octets.startswith(b"\r\n", start, limit):
        head, body = _NO_FIELDS, start + 2
    else:
        blank = octets.find(b"\r\n\r\n", start, limit)
        if blank < 0:
            return None
        fields = octets[start:blank]
        within = around and len(fields) <= _COMMON_LENGTH
        read = _common(fields) if within else _head(fields)
        if read is None:
            return None
        head, body = read, blank + 4
    named, content, encoding, defects = head
    parts: tuple[Part, ...] = ()
    if content.type == b"multipart":
        if encoding not in _OPEN_ENCODINGS:
            return None
        parts = _parts(octets, body, limit, content, around)
        if not parts:
            return None
        end = max(end, parts[-1].end)
    elif content.is_message:
        return None
    end = max(end, body)
    return Part(
        content,
        encoding,
        Header.plain(octets[start:body], named),
        start,
        body,
        end,
        line_feeds(octets[body:end]),
        parts,
        defects,
    )


def _head(fields: bytes) -> _Head | None:
    """The header of a part, without its last line ends."""
    named = plain_header(fields)
    if named is None:
        return None
    said = content_said(named.get(CONTENT_TYPE), named.get(CONTENT_ENCODING))
    return named, *said


# The parts of a multipart have a few lines, which are nearly always the same.
_common: Final = lru_cache(maxsize=1024)(_head)


def _parts(
    octets: bytes,
    start: int,
    limit: int,
    content: ContentType,
    around: tuple[bytes, ...],
) -> tuple[Part, ...]:
    """What is between the delimiters of a multipart; nothing: it is not plain."""
    boundary = (content.parameter(b"boundary") or b"").rstrip(b" ")
    if not _is_plain(boundary, around) or content.subtype == b"digest":
        return ()
    around = (*around, boundary)
    needle = b"\n--" + boundary
    parts: list[Part] = []
    # the line end of the empty line may be the delimiter's, too
    at = octets.find(needle, start - 1, limit)
    while at >= 0:
        after = at + len(needle)
        if octets.startswith(b"--", after):
            return tuple(parts)
        line_end = octets.find(b"\n", after, limit)
        if line_end < 0:
            return ()
        at = octets.find(needle, line_end, limit)
        # RFC 2046, section 5.1.1: the line end before the delimiter belongs to it
        end = at - 1 if octets[at - 1] == ord("\r") else at
        part = _part(octets, line_end + 1, at + 1, end, around) if at >= 0 else None
        if part is None:
            return ()
        parts.append(part)
    return ()


def _is_plain(boundary: bytes, around: tuple[bytes, ...]) -> bool:
    """No line can be its delimiter and that of one around it."""
    if not boundary or len(boundary) > _BOUNDARY_LIMIT or len(around) >= _DEPTH_LIMIT:
        return False
    if b"\r" in boundary or b"\n" in boundary:
        return False
    return not any(
        boundary.startswith(other) or other.startswith(boundary) for other in around
    )

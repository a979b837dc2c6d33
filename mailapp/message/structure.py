"""The tree of MIME parts with exact offsets, from chunks that are cut anywhere.

One pass; the work per octet does not depend on depth, count or cut, and what is kept
is the headers and a few octets more (threats 79, 80)::

    scanner = StructureScanner()
    for chunk in chunks:
        scanner.feed(chunk)
    root = scanner.finish()

The machine looks only for what starts with LF: an empty line (LF CRLF or LF LF), which
ends a header, and a delimiter (LF "--" boundary). The octets are thought to follow one
LF at offset -1, so the first line is like any other.
"""

from __future__ import annotations

from enum import Enum, auto
from typing import Final

from mailapp.message.boundaries import LINE_LIMIT, Boundaries
from mailapp.message.content import TEXT_PLAIN, ContentType, Encoding
from mailapp.message.fields import HEADER_LIMIT
from mailapp.message.line_ends import line_feeds
from mailapp.message.part import OpenPart, Part, PartDefect

DEPTH_LIMIT: Final = 100
"""Levels below the root; a container that is deeper is a leaf (threat 79)."""
PART_LIMIT: Final = 10_000
"""Parts of a message; what follows belongs to the last one (threat 80)."""


class _State(Enum):
    HEADER = auto()  # position is at the LF before the part's first line
    BODY = auto()
    DELIMITER = auto()  # in the rest of a delimiter line
    REST = auto()  # nothing is looked for any more


class StructureScanner:
    """Reads one message. Call ``finish`` once, after all octets."""

    def __init__(
        self, *, depth_limit: int = DEPTH_LIMIT, part_limit: int = PART_LIMIT
    ) -> None:
        self._depth_limit = depth_limit
        self._part_limit = part_limit
        self._buffer = b"\n"
        self._base = -1  # offset of the buffer's first octet
        self._position = 0  # in the buffer: what lies before was dealt with
        self._counted = 1  # in the buffer: line ends before this were counted
        self._lines = 0
        self._blank_lf = self._blank_crlf = -1  # the next ones in this buffer
        self._state = _State.HEADER
        self._header = bytearray()
        self._boundaries = Boundaries()
        self._stack = [OpenPart(0, TEXT_PLAIN)]
        self._parts = 1

    def feed(self, octets: bytes) -> None:
        """Take the next octets."""
        if not octets:
            return
        self._buffer += octets
        self._run(final=False)
        self._drop()

    def finish(self) -> Part:
        """The tree. Whatever the octets were, there is one."""
        self._run(final=True)
        if self._state is _State.HEADER:
            size = len(self._buffer)
            self._end_header(size, size, cut=True)
        end = len(self._buffer)
        while len(self._stack) > 1:
            if self._stack[-1].delimited and not self._stack[-1].closed:
                self._stack[-1].defects |= PartDefect.NO_END
            self._close(end)
        root = self._stack[0]
        if root.delimited and not root.closed:
            root.defects |= PartDefect.NO_END
        return root.close(self._base + end, self._lines_at(end))

    # ---- the machine

    def _run(self, *, final: bool) -> None:
        """Go on until the buffer has nothing more to say."""
        self._blank_lf = self._blank_crlf = -1
        going = True
        while going:
            match self._state:
                case _State.HEADER:
                    going = self._in_header(final=final)
                case _State.BODY:
                    going = self._in_body(final=final)
                case _State.DELIMITER:
                    going = self._in_delimiter()
                case _State.REST:
                    self._position = len(self._buffer)
                    going = False

    def _in_header(self, *, final: bool) -> bool:
        """Up to the empty line, or to a delimiter that comes before it."""
        start = self._position
        blank, body = self._next_blank()
        found = self._find_delimiter(blank, final=final)
        self._collect(start, self._position)
        if found is not None:
            at = self._position
            self._end_header(at + 1, at + 1, cut=True)
            self._at_delimiter(at, *found)
            return True
        if self._position == blank < len(self._buffer):
            self._end_header(body, body)
            return True
        return False

    def _next_blank(self) -> tuple[int, int]:
        """The LF before the next empty line, and where its body starts.

        Both are the end of the buffer if there is none. Positions are kept until the
        next chunk, so that many small parts do not search the same octets again.
        """
        size = len(self._buffer)
        if self._blank_lf < self._position:
            found = self._buffer.find(b"\n\n", self._position)
            self._blank_lf = size if found < 0 else found
        if self._blank_crlf < self._position:
            found = self._buffer.find(b"\n\r\n", self._position)
            self._blank_crlf = size if found < 0 else found
        blank = min(self._blank_lf, self._blank_crlf)
        if blank == size:
            return size, size
        return blank, blank + (2 if blank == self._blank_lf else 3)

    def _in_body(self, *, final: bool) -> bool:
        """Up to the next delimiter."""
        found = self._find_delimiter(len(self._buffer), final=final)
        if found is None:
            return False
        self._at_delimiter(self._position, *found)
        return True

    def _find_delimiter(self, limit: int, *, final: bool) -> tuple[int, int] | None:
        """Level and length of the next delimiter whose LF lies before ``limit``.

        The position is then at that LF. Without one it moves to ``limit``, or to where
        a delimiter or empty line may have begun that the buffer does not hold whole.
        """
        needle = self._boundaries.needle
        end = limit + len(needle) - 1
        while needle:
            at = self._buffer.find(needle, self._position, end)
            if at < 0:
                break
            if not final and not self._is_whole(at):
                self._position = at
                return None
            found = self._boundaries.match(self._buffer, at + 3)
            self._position = at
            if found is not None:
                return found
            self._position = at + 1
        if limit == len(self._buffer) and not final:
            limit -= max(len(needle) - 1, 2)
        self._position = max(self._position, limit)
        return None

    def _is_whole(self, at: int) -> bool:
        """Is enough of the line there to compare it with every boundary?"""
        start = at + 1
        if len(self._buffer) - start >= LINE_LIMIT:
            return True
        return self._buffer.find(b"\n", start) >= 0

    def _in_delimiter(self) -> bool:
        """To the line end of a delimiter line; what follows is a new part's header."""
        found = self._buffer.find(b"\n", self._position)
        if found < 0:
            self._position = len(self._buffer)
            return False
        self._position = found
        self._open_child(found + 1, self._stack[-1].child_default())
        return True

    # ---- parts

    def _collect(self, start: int, end: int) -> None:
        """Keep header octets; each LF belongs to the line before it."""
        room = HEADER_LIMIT + 1 - len(self._header)
        if room > 0:
            self._header += self._buffer[start + 1 : min(end + 1, start + 1 + room)]

    def _end_header(
        self, header_end: int, body_start: int, *, cut: bool = False
    ) -> None:
        """The header is whole: what is this part?

        ``cut`` says that no empty line was there, and so no body.
        """
        self._collect(self._position, header_end - 1)
        part = self._stack[-1]
        part.end_header(
            bytes(self._header), self._base + body_start, self._lines_at(body_start)
        )
        self._header.clear()
        self._position = body_start - 1
        self._state = _State.BODY
        if not cut:
            self._open_container(part, body_start)

    def _open_container(self, part: OpenPart, body_start: int) -> None:
        """Look inside what has parts."""
        deep = len(self._stack) > self._depth_limit
        if part.content.is_multipart:
            boundary = part.boundary()
            if boundary and not deep:
                self._boundaries.open(boundary, len(self._stack) - 1)
                part.delimited = True
            else:
                part.defects |= PartDefect.TOO_DEEP if deep else PartDefect.NO_BOUNDARY
        elif part.content.is_message:
            if deep:
                part.defects |= PartDefect.TOO_DEEP
            elif part.encoding in {Encoding.BASE64, Encoding.QUOTED_PRINTABLE}:
                part.defects |= PartDefect.ENCODED_CONTAINER  # RFC 2046, section 5.2.1
            else:
                self._open_child(body_start, TEXT_PLAIN)

    def _open_child(self, start: int, default: ContentType) -> None:
        """A part begins; its first line is behind the LF at the position."""
        if self._parts >= self._part_limit:
            self._stack[0].defects |= PartDefect.TOO_MANY_PARTS
            self._state = _State.REST
            return
        self._parts += 1
        self._stack.append(OpenPart(self._base + start, default))
        self._state = _State.HEADER

    def _at_delimiter(self, at: int, level: int, length: int) -> None:
        """A delimiter line stands behind the LF at ``at``: close what it closes."""
        # RFC 2046, section 5.1.1: the line end before the delimiter belongs to it
        end = at - 1 if at and self._buffer[at - 1] == ord("\r") else at
        while len(self._stack) - 1 > level:
            if self._stack[-1].delimited and not self._stack[-1].closed:
                self._stack[-1].defects |= PartDefect.NO_END
            self._close(end)
        after = at + 3 + length
        self._position = after
        if self._buffer.startswith(b"--", after):
            self._stack[-1].closed = True
            self._boundaries.close(level)
            self._state = _State.BODY
        else:
            self._state = _State.DELIMITER

    def _close(self, end: int) -> None:
        """The innermost part ends."""
        part = self._stack.pop()
        if part.delimited:
            self._boundaries.close(len(self._stack))
        end_lines = self._lines_at(end)
        self._stack[-1].parts.append(part.close(self._base + end, end_lines))

    # ---- the buffer

    def _lines_at(self, index: int) -> int:
        """Line ends before ``index``, which never goes back by more than a line end."""
        if index > self._counted:
            self._lines += line_feeds(self._buffer[self._counted : index])
            self._counted = index
        return self._lines

    def _drop(self) -> None:
        """Forget what was dealt with, except one octet: it may be the CR of a CRLF."""
        index = self._position - 1
        if index <= 0:
            return
        self._lines_at(index)
        self._buffer = self._buffer[index:]
        self._base += index
        self._position -= index
        self._counted -= index


def scan(octets: bytes, *, chunk_octets: int = 65536) -> Part:
    """The structure of a message that is at hand."""
    scanner = StructureScanner()
    for start in range(0, len(octets), chunk_octets):
        scanner.feed(octets[start : start + chunk_octets])
    return scanner.finish()

"""Messages of an mbox file, one after the other, in bounded memory (pure).

See :mod:`mailapp.moving.mbox_lines` for the formats.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from attrs import frozen

from mailapp.moving.mbox_lines import (
    LINE_OCTETS,
    Ours,
    begins_message,
    date_of,
    in_lines,
    take_added,
    take_ours,
    unquoted,
)
from mailapp.moving.window import Window

HEAD_OCTETS: Final = 256 * 1024
"""So much of a header is looked at for fields that belong to the file."""
_END_OF_HEAD: Final = re.compile(rb"\n(?=\r?\n)")
_FROM: Final = b"From "


@frozen
class Message:
    """A message of an mbox file.

    Attributes:
        flags: and keywords.
        received: seconds since the epoch; None: the file does not tell.
        left_out: see :class:`mailapp.moving.mbox_lines.Added`.
        start: where its first line begins in the file.
        end: where the next begins.
        chunks: its octets; lines end as in the file, or in CRLF.
    """

    flags: frozenset[str]
    received: int | None
    left_out: bool
    start: int
    end: int
    chunks: Iterator[bytes]


def is_mbox(beginning: bytes) -> bool:
    """Does a file that begins so hold mail?"""
    line = beginning.partition(b"\n")[0]
    return line.startswith(_FROM) and begins_message(line, after_blank=True)


def messages(window: Window) -> Iterator[Message]:
    """All messages. What stands before the first is passed over."""
    start = _next_message(window, -1)
    while start is not None:
        message = _message(window, start)
        yield message
        start = message.end if window.read(message.end, 1) else None


def _message(window: Window, start: int) -> Message:
    line_end = window.find(b"\n", start)
    if line_end < 0:
        end = start + len(window.read(start, HEAD_OCTETS))
        return Message(frozenset(), None, True, start, end, iter(()))  # noqa: FBT003
    received = date_of(window.read(start, min(line_end - start, LINE_OCTETS)))
    head_start = line_end + 1
    head_end, most = _head(window, head_start)
    ours = take_ours(most)
    if ours is not None:
        end = _end_of_ours(window, head_start + ours.octets - 1)
        chunks = _ours(window, head_start + ours.octets, end, ours)
        return Message(ours.flags, ours.received, False, start, end, chunks)  # noqa: FBT003
    stop = _next_message(window, line_end, head_end)
    if stop is not None:
        head_end = stop  # the header is all there is
    head, added = take_added(window.read(head_start, head_end - head_start))
    body = head_end + _blank(window, head_end)
    if added.length is not None and _ends_at(window, body + added.length):
        last, quotes = body + added.length, False
        end = _next_message(window, last - 1) or _size(window, last)
    else:
        end = _next_message(window, head_end - 1) or _size(window, head_end)
        last, quotes = _without_blank(window, body, end), True
    chunks = _foreign(window, head, (head_end, last), quotes=quotes)
    return Message(added.flags, received, added.left_out, start, end, chunks)


def _head(window: Window, start: int) -> tuple[int, bytes]:
    """Where the header ends, before the empty line; and octets that begin with it."""
    octets = b""
    for most in (HEAD_OCTETS >> 6, HEAD_OCTETS >> 3, HEAD_OCTETS):
        octets = window.read(start, most)
        found = _END_OF_HEAD.search(b"\n" + octets)
        if found is not None:
            return start + found.start(), octets
        if len(octets) < most:
            return start + len(octets), octets
    return start + octets.rfind(b"\n") + 1, octets


def _next_message(window: Window, line_end: int, before: int = -1) -> int | None:
    """Where the next message begins, from the line behind this line end on.

    Args:
        window: on the file.
        line_end: -1 is before the first line.
        before: look no further; -1: to the end.
    """
    at = line_end
    if at < 0:
        if _is_from(window, 0, after_blank=True):
            return 0
        at = 0
    while (at := window.find(b"\n" + _FROM, at)) >= 0:
        if 0 <= before <= at + 1:
            return None
        before_it = window.read(max(0, at - 2), min(at, 2)).removesuffix(b"\r")
        if _is_from(window, at + 1, after_blank=before_it[-1:] in {b"\n", b""}):
            return at + 1
        at += 1
    return None


def _is_from(window: Window, start: int, *, after_blank: bool) -> bool:
    line = window.read(start, LINE_OCTETS).partition(b"\n")[0]
    return line.startswith(_FROM) and begins_message(line, after_blank=after_blank)


def _end_of_ours(window: Window, line_end: int) -> int:
    """In our export every line that begins with ``From `` begins a message."""
    found = window.find(b"\n" + _FROM, line_end)
    return found + 1 if found >= 0 else _size(window, line_end)


def _size(window: Window, start: int) -> int:
    """The end of the file, which is not before ``start``."""
    at = start
    while piece := window.read(at, HEAD_OCTETS):
        at += len(piece)
    return at


def _blank(window: Window, start: int) -> int:
    """Octets of the empty line behind a header."""
    octets = window.read(start, 2)
    return 2 if octets == b"\r\n" else int(octets[:1] == b"\n")


def _ends_at(window: Window, end: int) -> bool:
    """Does a message begin there, or the file end? Line ends may stand between."""
    octets = window.read(end - 1, LINE_OCTETS)
    rest = octets[1:].lstrip(b"\r\n")
    if not octets or not rest:
        return len(octets) in range(1, LINE_OCTETS)
    line = rest.partition(b"\n")[0]
    apart = octets[:1] == b"\n" or len(rest) < len(octets) - 1
    return apart and line.startswith(_FROM) and date_of(line) is not None


def _without_blank(window: Window, start: int, end: int) -> int:
    """The end of a message, without the empty line before the next one."""
    for blank in (b"\n\r\n", b"\n\n"):
        if end - start > len(blank) and window.read(end - len(blank), 3)[
            : len(blank)
        ] == (blank):
            return end - len(blank) + 1
    rest = window.read(start, min(3, end - start))
    return start if rest in {b"\n", b"\r\n"} else end


def _foreign(
    window: Window, head: bytes, lines: tuple[int, int], *, quotes: bool
) -> Iterator[bytes]:
    """What another program wrote."""
    yield head
    for piece, begins in window.lines(*lines):
        yield in_lines(unquoted, piece, begins=begins) if quotes else piece


def _ours(window: Window, start: int, end: int, ours: Ours) -> Iterator[bytes]:
    """A message of our export: its lines ended in CRLF, and they are quoted."""
    last = end - (2 if ours.open else 1)
    for piece, begins in window.lines(start, last):
        yield in_lines(unquoted, piece, begins=begins).replace(b"\n", b"\r\n")

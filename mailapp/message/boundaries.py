"""The boundaries that are open while a message is read (RFC 2046, section 5.1.1)."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Collection
from typing import Final

BOUNDARY_LIMIT: Final = 200
"""Octets of a boundary. RFC 2046 says 70; a longer one is no boundary at all."""
LINE_LIMIT: Final = BOUNDARY_LIMIT + 4
"""Octets of a line that decide whether it is a delimiter: "--", boundary, "--"."""


class Boundaries:
    """Boundary to the level of its multipart; a level has at most one.

    Attributes:
        needle: what every delimiter starts with, its LF included; empty if none is
            open. Two boundaries of one mail program often begin alike, so a search
            for it seldom stops in vain.
    """

    __slots__ = ("_by_level", "_lengths", "_levels", "needle")

    def __init__(self) -> None:
        self.needle = b""
        self._by_level: dict[int, bytes] = {}
        self._levels: dict[bytes, list[int]] = {}
        self._lengths: list[int] = []

    def open(self, boundary: bytes, level: int) -> None:
        """A multipart at this level begins."""
        self._by_level[level] = boundary
        self._levels.setdefault(boundary, []).append(level)
        self._changed()

    def close(self, level: int) -> None:
        """It has ended; ending twice is no error."""
        boundary = self._by_level.pop(level, None)
        if boundary is None:
            return
        levels = self._levels[boundary]
        levels.remove(level)
        if not levels:
            del self._levels[boundary]
        self._changed()

    def _changed(self) -> None:
        self._lengths = sorted({len(boundary) for boundary in self._levels})
        self.needle = b"\n--" + _common_start(self._levels) if self._levels else b""

    def match(self, octets: bytes, start: int) -> tuple[int, int] | None:
        """Level and length of the boundary that stands at ``start``, or None.

        It is enough that the line begins with it (RFC 2046, section 5.1.1). The longest
        one wins where one is the beginning of another, then the innermost.
        """
        if len(self._levels) == 1:
            (boundary, levels), *_ = self._levels.items()
            if octets.startswith(boundary, start):
                return levels[-1], len(boundary)
            return None
        line_end = octets.find(b"\n", start, start + BOUNDARY_LIMIT)
        line = octets[start : line_end if line_end >= 0 else start + BOUNDARY_LIMIT]
        for place in range(bisect_right(self._lengths, len(line)) - 1, -1, -1):
            length = self._lengths[place]
            found = self._levels.get(line[:length])
            if found is not None:
                return found[-1], length
        return None


def _common_start(strings: Collection[bytes]) -> bytes:
    """What all of them begin with: what the first and last in order begin with."""
    first, last = min(strings), max(strings)
    for place, (one, other) in enumerate(zip(first, last, strict=False)):
        if one != other:
            return first[:place]
    return first

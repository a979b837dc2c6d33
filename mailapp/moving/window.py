"""A file of any size, of which a piece is in memory (pure)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, Protocol

BLOCK_OCTETS: Final = 256 * 1024


class File(Protocol):
    """What is asked of a file."""

    def read(self, start: int, length: int) -> bytes:
        """Up to ``length`` octets from ``start``; none at the end."""


class Window:
    """Looks at a file from any place, best from beginning to end.

    Args:
        file: to look at.
        block: octets that are read at once.
    """

    def __init__(self, file: File, block: int = BLOCK_OCTETS) -> None:
        self._file = file
        self._size = block
        self._octets = b""
        self._base = 0

    def read(self, start: int, length: int) -> bytes:
        """So many octets, fewer at the end of the file."""
        at = start - self._base
        if at < 0 or at + length > len(self._octets):
            self._load(start, length)
            at = 0
        return self._octets[at : at + length]

    def find(self, octets: bytes, start: int) -> int:
        """Where they come next, from ``start`` on; -1: nowhere."""
        while True:
            at = start - self._base
            if at < 0 or at + len(octets) > len(self._octets):
                self._load(start, self._size)
                at = 0
                if len(self._octets) < len(octets):
                    return -1
            found = self._octets.find(octets, at)
            if found >= 0:
                return self._base + found
            start = self._base + len(self._octets) - len(octets) + 1

    def lines(self, start: int, end: int) -> Iterator[tuple[bytes, bool]]:
        """What lies between, in pieces; with each, if it begins at the begin of a line.

        A piece ends at the end of a line, unless the line is longer than a block.
        """
        begins = True
        while start < end:
            piece = self._piece(start, end)
            yield piece, begins
            begins = piece.endswith(b"\n")
            start += len(piece)
            if not piece:
                return  # the file became shorter

    def _piece(self, start: int, end: int) -> bytes:
        piece = self._whole_lines(start, end)
        if not piece:
            self._load(start, self._size)
            piece = self._whole_lines(start, end)
        return piece or self._octets[: end - start]  # a line longer than a block

    def _whole_lines(self, start: int, end: int) -> bytes:
        """Those in memory, up to the end."""
        at, stop = start - self._base, end - self._base
        if not 0 <= at < len(self._octets):
            return b""
        if stop > len(self._octets):
            stop = self._octets.rfind(b"\n", at) + 1
        return self._octets[at:stop]

    def _load(self, start: int, length: int) -> None:
        self._octets = self._file.read(start, max(length, self._size))
        self._base = start

"""Octets to CRLF lines, with a cap. One copy of each octet, no matter how it is cut.

What comes while nothing is held, as a command of a client that waits for its reply, is
kept as it came; a buffer is made only for what follows a part of a line.

RFC 5321, section 2.3.8: a line ends with CRLF and nothing else does; a lone CR or LF
is an octet of the line like any other, for the grammar above to refuse.
"""

from __future__ import annotations

from enum import Enum
from typing import Final


class LineProblem(Enum):
    """What came instead of a line."""

    TOO_LONG = "too long"


TOO_LONG: Final = LineProblem.TOO_LONG
_CRLF: Final = b"\r\n"
_SPENT: Final = 65536  # octets given out that may stay in front of the buffer


class LineBuffer:
    """Collects octets and gives lines without their CRLF.

    A line above the cap is thrown away as it comes and reported once, when its CRLF
    arrives; so an endless line costs the cap and no more.

    Attributes:
        limit: octets of a line, its CRLF included.
    """

    __slots__ = ("_buffer", "_scanned", "_skipping", "_start", "limit")

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self._buffer: bytes | bytearray = b""
        self._start = 0  # what lies before was given out
        self._scanned = 0  # no CRLF begins before
        self._skipping = False

    def __len__(self) -> int:
        """Octets that were received and not given out."""
        return len(self._buffer) - self._start

    @property
    def overflowing(self) -> bool:
        """An over-long line is being thrown away."""
        return self._skipping

    def feed(self, octets: bytes) -> None:
        """Take more octets."""
        if not self._buffer:
            self._buffer = octets
            return
        if self._buffer.__class__ is bytes or (
            self._start > _SPENT and self._start * 2 > len(self._buffer)
        ):
            # A peer that is always ahead never lets next_line come to an end, where
            # the rest is dropped. What moves is less than what was given out.
            self._buffer = bytearray(self._buffer[self._start :])
            self._scanned -= self._start
            self._start = 0
        self._buffer += octets

    def next_line(self) -> bytes | LineProblem | None:
        """The next line, ``TOO_LONG`` in place of one, or None: not complete."""
        buffer = self._buffer
        if not buffer:
            return None
        found = buffer.find(_CRLF, self._scanned)
        if found < 0:
            self._keep_less()
            return None
        line = bytes(buffer[self._start : found])
        self._start = self._scanned = found + 2
        if self._start == len(buffer):
            self._buffer = b""
            self._start = self._scanned = 0
        if self._skipping or len(line) + 2 > self.limit:
            self._skipping = False
            return TOO_LONG
        return line

    def take(self, most: int | None = None) -> bytes:
        """Octets from the front that are not to be split into lines."""
        end = len(self._buffer) if most is None else self._start + most
        taken = bytes(self._buffer[self._start : end])
        self._start += len(taken)
        self._scanned = self._start
        if self._start >= len(self._buffer):
            self._buffer = b""
            self._start = self._scanned = 0
        return taken

    def clear(self) -> None:
        """Forget everything, as at the start of TLS."""
        self._buffer = b""
        self._start = self._scanned = 0
        self._skipping = False

    def _keep_less(self) -> None:
        """No CRLF is in sight: drop what was given out, and what is too long."""
        if self._start:
            self._buffer = self._buffer[self._start :]
            self._start = 0
        if self._skipping or len(self._buffer) >= self.limit:
            self._skipping = True
            self._buffer = b"\r" if self._buffer.endswith(b"\r") else b""
        self._scanned = max(0, len(self._buffer) - 1)

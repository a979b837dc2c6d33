"""Reading a message in ranges, wherever it lies."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final

CHUNK_OCTETS: Final = 65536

Read = Callable[[int, int], bytes]
"""Octets of a message as it goes over the wire (CRLF), from a start to before an end;
none at all only where the message ends."""


def chunks(read: Read, start: int, end: int) -> Iterator[bytes]:
    """A stretch of the message, in pieces; it ends where the message does."""
    while start < end:
        chunk = read(start, min(end, start + CHUNK_OCTETS))
        if not chunk:
            return
        yield chunk
        start += len(chunk)

"""Multi-line responses: dot-stuffing and TOP, at any cut (RFC 1939, section 3).

A message is served with CRLF line ends; both machines keep the two octets before the
next chunk and nothing else, so a message of any size passes through in its chunks.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from typing import Final

_DOTTED: Final = re.compile(rb"\n\.").search
"""Twice as fast as ``in``: it looks for LF alone, of which there are few."""
_CR: Final = 13
_END: Final = b".\r\n"
_CRLF_END: Final = b"\r\n.\r\n"


def encode_block(content: bytes) -> bytes:
    """A whole multi-line block: stuffed, and closed with CRLF.CRLF."""
    if _DOTTED(content):
        content = content.replace(b"\r\n.", b"\r\n..")
    if content.startswith(b"."):
        content = b"." + content
    if content.endswith(b"\r\n") or not content:
        return content + _END
    # the final "." stands on a line of its own, also where the message ends in none
    return content + _CRLF_END


class DotStuffer:
    """Stuffs chunk by chunk."""

    __slots__ = ("_before",)

    def __init__(self) -> None:
        self._before = b"\r\n"  # the last two octets; the status line ended in CRLF

    def stuff(self, chunk: bytes) -> bytes:
        """The chunk as it is to be sent."""
        if not chunk:
            return chunk
        before, self._before = self._before, (self._before + chunk[-2:])[-2:]
        if _DOTTED(chunk):
            chunk = chunk.replace(b"\r\n.", b"\r\n..")
        if before == b"\r\n" and chunk.startswith(b"."):
            return b"." + chunk
        if before[-1] == _CR and chunk.startswith(b"\n."):
            return b"\n." + chunk[1:]
        return chunk

    def finish(self) -> bytes:
        """What ends the block: CRLF where it is missing, and the dot."""
        return _END if self._before == b"\r\n" else _CRLF_END


class StuffedRest:
    """The chunks after the first, stuffed, and then the end of the block."""

    __slots__ = ("_chunks", "_ended", "_stuffer")

    def __init__(self, stuffer: DotStuffer, chunks: AsyncIterator[bytes]) -> None:
        self._stuffer = stuffer
        self._chunks = chunks
        self._ended = False

    def __aiter__(self) -> StuffedRest:
        return self

    async def __anext__(self) -> bytes:
        """Raises what the chunks raise: the block then has no end."""
        if self._ended:
            raise StopAsyncIteration
        try:
            return self._stuffer.stuff(await anext(self._chunks))
        except StopAsyncIteration:
            self._ended = True
            return self._stuffer.finish()

    async def aclose(self) -> None:
        """Let go of the chunks. Closing twice is no error."""
        self._ended = True
        await close_chunks(self._chunks)


async def close_chunks(chunks: AsyncIterator[bytes]) -> None:
    """Let go of chunks that nobody will ask for; closing twice is no error."""
    aclose = getattr(chunks, "aclose", None)
    if aclose is not None:
        await aclose()


class TopCutter:
    """Passes the header, the blank line and ``lines`` lines of the body.

    RFC 1939, section 7: with more lines asked for than there are, it is the whole
    message.

    Attributes:
        done: nothing more is wanted.
    """

    __slots__ = ("_before", "_in_header", "_lines", "done")

    def __init__(self, lines: int) -> None:
        self.done = False
        self._lines = lines
        self._in_header = True
        self._before = b"\r\n"  # as after an empty line: a message may have no header

    def cut(self, chunk: bytes) -> bytes:
        """What of the chunk belongs to the top."""
        start = 0
        if self._in_header:
            start = self._header_end(chunk)
            if start < 0:
                return chunk
            self._in_header = False
        end = self._body_end(chunk, start)
        return chunk if end < 0 else chunk[:end]

    def _header_end(self, chunk: bytes) -> int:
        """Where the body begins, or -1."""
        before = self._before
        # the blank line may lie across the cut: look at three octets of the past
        head = before + chunk[:3]
        found = head.find(b"\r\n\r\n")
        if found >= 0:
            return found + 4 - len(before)
        found = chunk.find(b"\r\n\r\n")
        if found >= 0:
            return found + 4
        self._before = (before + chunk[-3:])[-3:]
        return -1

    def _body_end(self, chunk: bytes, start: int) -> int:
        """Where the last wanted line ends, or -1: not in this chunk."""
        if not self._lines:
            self.done = True
            return start
        if start == 0 and self._before.endswith(b"\r") and chunk.startswith(b"\n"):
            self._lines -= 1
            start = 1
            if not self._lines:
                self.done = True
                return start
        present = chunk.count(b"\r\n", start)
        if present < self._lines:
            self._lines -= present
            self._before = chunk[-1:] or self._before
            return -1
        for _ in range(self._lines):
            start = chunk.index(b"\r\n", start) + 2
        self._lines = 0
        self.done = True
        return start


class TopRest:
    """The chunks after the first that belong to the top; stops early."""

    __slots__ = ("_chunks", "_cutter")

    def __init__(self, cutter: TopCutter, chunks: AsyncIterator[bytes]) -> None:
        self._cutter = cutter
        self._chunks = chunks

    def __aiter__(self) -> TopRest:
        return self

    async def __anext__(self) -> bytes:
        """Raises what the chunks raise."""
        if self._cutter.done:
            await self.aclose()
            raise StopAsyncIteration
        return self._cutter.cut(await anext(self._chunks))

    async def aclose(self) -> None:
        """Let go of the chunks. Closing twice is no error."""
        await close_chunks(self._chunks)

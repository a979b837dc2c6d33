"""The content that comes by BDAT, chunk by chunk (RFC 3030).

The size of a chunk stands in its command, so its octets are read whatever the answer
will be; else they would be taken for commands (threat 5).
"""

from __future__ import annotations

from typing import Final

from mailapp.smtp import replies
from mailapp.smtp.data import ChunkDecoder
from mailapp.smtp.events import EndOfChunk, Misstep
from mailapp.smtp.grammar.reply import Reply
from mailapp.smtp.intake import ContentEvent, ContentLimits, Intake, Memory

TINY: Final = 1024
"""Octets below which a chunk is a tiny one."""
TINY_CHUNKS: Final = 1000
CHUNKS: Final = 100_000
"""Of one message. A client sends as much as it has, so both are far away; a command
that carries one octet costs as much as one that carries a megabyte (threat 5)."""


class Chunks(Intake):
    """One message on its way in, in counted chunks.

    Attributes:
        wanted: octets of the chunk that were not fed yet.
    """

    __slots__ = (
        "_announced",
        "_counted",
        "_finish",
        "_last",
        "_size",
        "_tiny",
        "wanted",
    )

    def __init__(
        self, limits: ContentLimits, memory: Memory, *, binary: bool = False
    ) -> None:
        decoder = ChunkDecoder(limits.line_octets, binary=binary)
        super().__init__(limits, memory, decoder)
        self.wanted = 0
        self._finish = decoder.finish
        self._announced = 0
        self._counted = 0
        self._tiny = 0
        self._size = 0
        self._last = False

    def expect(self, size_octets: int, *, last: bool) -> None:
        """BDAT announced a chunk."""
        self.wanted = self._size = size_octets
        self._last = last
        self._announced += size_octets
        self._counted += 1
        self._tiny += size_octets < TINY and not last
        if self.refusal is None:
            self.refusal = self._too_much()

    def feed(self, chunk: bytes) -> bytes:
        """Take the octets of the chunk; give back what comes behind it."""
        own = chunk[: self.wanted]
        if own:
            self.wanted -= len(own)
            super().feed(own)
        return chunk[len(own) :]

    def next_event(self) -> ContentEvent | None:
        """The next octets to keep, or news, or None: more octets are needed."""
        event = super().next_event()
        if event is not None or self.wanted or self.buffered:
            return event
        if not self._last:
            return EndOfChunk(self._size, self.refusal)
        self._finish()
        if self.refusal is None:
            self.refusal = self._fault(b"")
        return self._end()

    def _too_much(self) -> Reply | None:
        if self._counted > CHUNKS or self._tiny > TINY_CHUNKS:
            return replies.TOO_MANY_CHUNKS
        most = self._limits.size_octets
        if most and self._announced > most:
            self._forget_header()
            return replies.MESSAGE_TOO_BIG
        return None


class Discard:
    """A chunk that nobody wanted: it is read, and then the command is refused."""

    __slots__ = ("_reply", "wanted")

    buffered: Final = 0
    rest: Final = b""

    def __init__(self, size_octets: int, reply: Reply) -> None:
        self.wanted = size_octets
        self._reply = reply

    def feed(self, chunk: bytes) -> bytes:
        """Drop what belongs to the chunk; give back what comes behind it."""
        rest = chunk[self.wanted :]
        self.wanted -= len(chunk) - len(rest)
        return rest

    def next_event(self) -> Misstep | None:
        """The refusal, once all of the chunk was read."""
        return None if self.wanted else Misstep(self._reply)

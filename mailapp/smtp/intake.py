"""What a message must be like to be taken: size, header, line ends, line lengths.

Everything is measured while the content streams by; the first fault found decides the
reply, which is due at the end of data and not before (RFC 5321, section 3.3). From the
fault on the content is only read to find its end.
"""

from __future__ import annotations

from collections import deque
from typing import Final

from attrs import define, frozen

from mailapp.message.trace import count_received
from mailapp.smtp import replies
from mailapp.smtp.data import DataDecoder, Decoder
from mailapp.smtp.events import (
    BodyChunk,
    BodyRefused,
    EndOfBody,
    EndOfChunk,
    Misstep,
)
from mailapp.smtp.grammar.reply import Reply

_END_OF_HEADER: Final = b"\r\n\r\n"
_BODY_REFUSED: Final = BodyRefused()
SMALL_HEADER: Final = 16 * 1024
"""Octets of a header for which there is always room."""


@frozen
class ContentLimits:
    """What one message may be at most.

    Attributes:
        size_octets: of the whole content; 0 is no limit.
        header_octets: of the header section (threat 14).
        received_fields: Received fields, else it is a loop (RFC 5321, section 6.3).
        line_octets: of a line with its CRLF; 0 is no limit.
        swallow_octets: what is read beyond the size before we hang up.
        strict: octets above 127 must be declared (BODY=8BITMIME, RFC 6152).
    """

    size_octets: int = 50 * 1024 * 1024
    header_octets: int = 1024 * 1024
    received_fields: int = 100
    line_octets: int = 1000
    swallow_octets: int = 100 * 1024 * 1024
    strict: bool = False


@define(eq=False)
class Memory:
    """Room for the large headers of all messages under way together (threat 127).

    A message is charged for what its header has above ``SMALL_HEADER``; who finds no
    room is asked to come again, and everybody with an ordinary header is served.

    Attributes:
        free: octets.
    """

    free: int = 64 * 1024 * 1024


class Header:
    """Collects the header section while the content streams by.

    Attributes:
        octets: the section as far as it is known, every line with its CRLF, without
            the empty line.
        complete: the empty line was seen.
    """

    __slots__ = ("_collected", "complete", "octets")

    def __init__(self) -> None:
        self.octets = b""
        self.complete = False
        self._collected = bytearray()

    def feed(self, content: bytes) -> bool:
        """Take the next octets of the content; is the header complete now?"""
        if not self._collected:
            end = 0 if content.startswith(b"\r\n") else content.find(_END_OF_HEADER)
            if end >= 0:
                self.octets = content[: end + 2] if end else b""
                self.complete = True
                return True
        start = max(0, len(self._collected) - 3)
        self._collected += content
        if self._collected.startswith(b"\r\n"):  # came in two pieces
            self._collected.clear()
            return self.finish()
        end = self._collected.find(_END_OF_HEADER, start)
        if end < 0:
            return False
        del self._collected[end + 2 :]
        return self.finish()

    def finish(self) -> bool:
        """All that was collected is the header; no more will come."""
        self.octets = bytes(self._collected)
        self._collected.clear()
        self.complete = True
        return True

    @property
    def size_octets(self) -> int:
        """How much was collected."""
        return len(self.octets) or len(self._collected)

    def received_fields(self) -> int:
        """How many hops it had."""
        return count_received(self.octets)


ContentEvent = BodyChunk | BodyRefused | EndOfChunk | EndOfBody | Misstep


class Intake:
    """One message on its way in, behind DATA.

    Attributes:
        buffered: octets that were fed and not looked at.
        refusal: the reply at the end of data if the message is not taken.
    """

    __slots__ = (
        "_charged", "_chunks", "_decoder", "_header", "_limits", "_memory",
        "buffered", "refusal",
    )  # fmt: skip

    def __init__(
        self, limits: ContentLimits, memory: Memory, decoder: Decoder | None = None
    ) -> None:
        self._limits = limits
        self._memory = memory
        self._charged = 0
        self._decoder = decoder or DataDecoder(limits.line_octets)
        self._header = Header()
        self._chunks: deque[bytes] = deque()
        self.buffered = 0
        self.refusal: Reply | None = None

    def __del__(self) -> None:
        """However the message ends, its room is free again."""
        self._memory.free += self._charged

    @property
    def ended(self) -> bool:
        """The end of data was seen."""
        return self._decoder.ended

    @property
    def rest(self) -> bytes:
        """What came behind the end of data."""
        return b"".join((self._decoder.rest, *self._chunks))

    @property
    def size_octets(self) -> int:
        """Of the content so far."""
        return self._decoder.size_octets

    @property
    def eight_bit(self) -> bool:
        """It has octets above 127."""
        return self._decoder.eight_bit

    @property
    def header(self) -> bytes:
        """The header section."""
        return self._header.octets

    @property
    def endless(self) -> bool:
        """More was sent behind the limit than we care to read."""
        limits = self._limits
        if not limits.size_octets or self.ended:
            return False
        return self.size_octets > limits.size_octets + limits.swallow_octets

    def feed(self, chunk: bytes) -> bytes:
        """Take more octets, in any cut; give back those that are surely no content."""
        self._chunks.append(chunk)
        self.buffered += len(chunk)
        return b""

    def next_event(self) -> ContentEvent | None:
        """The next octets to keep, or news, or None: more octets are needed."""
        told = self.refusal
        content = self.next_content()
        if content:
            return BodyChunk(content)
        if self.refusal is not told:
            return _BODY_REFUSED
        if self.endless:
            return Misstep(replies.MESSAGE_ENDLESS)
        return self._end() if self.ended else None

    def next_content(self) -> bytes:
        """The next octets to keep. Empty: none are there, or there is news.

        The news are a refusal, the end of data, or too much of what is not kept.
        """
        told = self.refusal
        while self._chunks and not self.ended:
            chunk = self._chunks.popleft()
            self.buffered -= len(chunk)
            content = self._decoder.decode(chunk)
            if told is None:
                self.refusal = self._fault(content)
                if self.refusal is not None:
                    self._forget_header()
                    return b""
                if content:
                    return content
            elif self.endless:
                return b""
        return b""

    def _end(self) -> EndOfBody:
        return EndOfBody(self.size_octets, self.header, self.eight_bit, self.refusal)

    def _fault(self, content: bytes) -> Reply | None:
        decoder, limits = self._decoder, self._limits
        if decoder.stray:
            return replies.STRAY_OCTETS
        if decoder.long_line:
            return replies.TEXT_LINE_TOO_LONG
        if limits.size_octets and decoder.size_octets > limits.size_octets:
            return replies.MESSAGE_TOO_BIG
        return None if self._header.complete else self._fault_in_header(content)

    def _fault_in_header(self, content: bytes) -> Reply | None:
        header, limits = self._header, self._limits
        complete = header.feed(content)
        if self._decoder.ended and not complete:
            complete = header.finish()
        if header.size_octets > limits.header_octets:
            return replies.HEADER_TOO_BIG
        if not self._charge(header.size_octets - SMALL_HEADER):
            return replies.NO_MEMORY
        if complete and header.received_fields() > limits.received_fields:
            return replies.ROUTING_LOOP
        return None

    def _charge(self, octets: int) -> bool:
        """Take room for so many octets in all; False if there is none."""
        more = octets - self._charged
        if more > 0:
            if more > self._memory.free:
                return False
            self._memory.free -= more
            self._charged = octets
        return True

    def _forget_header(self) -> None:
        """Nobody will ask for it: the message is refused."""
        self._header = Header()
        self._memory.free += self._charged
        self._charged = 0

"""The content that is coming on a connection: behind DATA, or chunk by chunk."""

from __future__ import annotations

from typing import Final

from mailapp.core.lines import LineBuffer
from mailapp.smtp import replies
from mailapp.smtp.chunks import Chunks, Discard
from mailapp.smtp.events import BodyChunk, BodyRefused, EndOfBody, EndOfChunk
from mailapp.smtp.extensions.chunking import Bdat
from mailapp.smtp.grammar.reply import Answer, Reply
from mailapp.smtp.intake import ContentEvent, ContentLimits, Intake, Memory
from mailapp.smtp.states import State

_GOES_ON: Final = (BodyChunk, BodyRefused)
"""Events behind which more of the content follows."""


class Arrival:
    """Knows which octets are content.

    Attributes:
        intake: takes them now; None: what comes is commands.
        binary: MAIL declared BINARYMIME.
    """

    __slots__ = ("_chunks", "_limits", "_memory", "binary", "intake")

    def __init__(self, limits: ContentLimits, memory: Memory) -> None:
        self._limits = limits
        self._memory = memory
        self._chunks: Chunks | None = None  # from the first BDAT to the last
        self.intake: Intake | Discard | None = None
        self.binary = False

    @property
    def buffered(self) -> int:
        """Octets that came and were not looked at."""
        return 0 if self.intake is None else self.intake.buffered

    def begin(self) -> None:
        """The content follows DATA."""
        self.intake = Intake(self._limits, self._memory)

    def begin_chunk(self, chunk: Bdat, lines: LineBuffer) -> bool:
        """BDAT announced a chunk; what of it is here already lies in ``lines``.

        Returns:
            whether the content begins with it.
        """
        chunks = self._chunks
        begins = chunks is None
        if chunks is None:
            chunks = Chunks(self._limits, self._memory, binary=self.binary)
            self._chunks = chunks
        chunks.expect(chunk.size_octets, last=chunk.last)
        chunks.feed(lines.take(chunk.size_octets))
        self.intake = chunks
        return begins

    def discard(self, chunk: Bdat, refusal: Reply, lines: LineBuffer) -> None:
        """BDAT was refused: its octets are no commands all the same (threat 5)."""
        if chunk.size_octets > self._limits.swallow_octets:
            self.intake = Discard(0, replies.MESSAGE_ENDLESS)
            return
        self.intake = Discard(chunk.size_octets, refusal)
        self.intake.feed(lines.take(chunk.size_octets))

    def next_event(self, lines: LineBuffer) -> ContentEvent | None:
        """What the intake has to say. Behind its last word ``lines`` go on."""
        intake = self.intake
        if intake is None:
            return None
        event = intake.next_event()
        if event is None or event.__class__ in _GOES_ON:
            return event
        # RFC 2920, section 3.1: the content may be followed by the next commands
        self.intake = None
        lines.feed(intake.rest)
        return event

    def answered(self, event: EndOfBody | EndOfChunk, answer: Answer) -> State:
        """The state that follows. What is refused in part is dropped as a whole.

        RFC 3030, section 2: "If a 5XX or 4XX code is received by the sender-SMTP in
        response to a BDAT chunk, the transaction should be considered failed".
        """
        if isinstance(event, EndOfChunk) and answer.positive:
            return State.CHUNKS
        self._chunks = None
        return State.READY

    def settle(self, state: State) -> None:
        """A command led to this state: chunks are left over in no other."""
        if self._chunks is not None and state is not State.CHUNKS:
            self._chunks = None

    def forget(self) -> None:
        """The connection ends."""
        self.intake = self._chunks = None

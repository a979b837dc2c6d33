"""A run over POP2: log in, read one message after the other, acknowledge, quit.

POP2 has no unique-ids: a message is known by its octets, and has to be retrieved each
time to be known. It is acknowledged with ACKD or ACKS once it is safe here (RFC 937,
page 9); what is marked by ACKD goes when the server answers QUIT.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from typing import Final, TypeVar

from attrs import define

from mailapp.core.failures import SyntaxProblem
from mailapp.fetch.dialogue import Dialogue
from mailapp.fetch.intake import Intake, Taken
from mailapp.fetch.ledger import Ledger
from mailapp.fetch.tally import Tally
from mailapp.fetch.types import FetchProblem, Protection, Source
from mailapp.fetch.words import with_words
from mailapp.net.threads import InThread
from mailapp.pop2.client import (
    ClientEvent,
    Counted,
    Farewell,
    Greeted,
    Measured,
    Piece,
    Pop2Client,
    Trouble,
)
from mailapp.pop2.grammar import (
    Ackd,
    Acks,
    Command,
    Fold,
    Helo,
    Nack,
    Quit,
    Read,
    Retr,
)
from mailapp.pop3.listing import MESSAGES_LIMIT

DRAIN_OCTETS: Final = 2**20
"""So much of a message is read in vain for an orderly end of a run that failed."""
_E = TypeVar("_E", bound=ClientEvent)


@define
class Pop2Run:
    """One run. Its steps raise FetchProblem where it can't go on.

    Attributes:
        source: of the mail.
        dialogue: with ``machine``.
        ledger: of the source.
        in_thread: for the ledger.
        tally: what was done so far.
        now: seconds since the epoch.
    """

    source: Source
    dialogue: Dialogue
    machine: Pop2Client
    ledger: Ledger
    in_thread: InThread
    tally: Tally
    now: Callable[[], float]
    _left: int = 0

    async def log_in(self) -> None:
        """From the connection to the mailbox, TLS as configured."""
        source = self.source
        if source.protection is not Protection.NONE:
            await self.dialogue.secure(source)
        await self._expect(Greeted)
        counted = await self._do(Helo(source.user.encode(), source.password), Counted)
        if source.mailbox:
            counted = await self._do(Fold(source.mailbox.encode()), Counted)
        if counted.messages > MESSAGES_LIMIT:
            msg = "the server counts more messages than there can be"
            raise FetchProblem(msg)
        self.tally.offered = counted.messages

    async def look(self) -> None:
        """Count what is too large, and go: for a dry run."""
        for number in range(1, self.tally.offered + 1):
            measured = await self._do(Read(number), Measured)
            self.tally.left += measured.octets > self.source.bounds.octets
        await self._do(Quit(), Farewell)

    async def carry_out(self, intake: Intake) -> None:
        """Fetch, delete and say goodbye.

        If fetching has to end early, what was marked is deleted all the same.
        """
        gone: list[bytes] = []
        problem: FetchProblem | None = None
        self.tally.expect(self.tally.offered)
        try:
            is_whole = await self._fetch(intake, gone)
        except FetchProblem as found:
            if self.machine.closed or self._left > DRAIN_OCTETS:
                raise
            problem, is_whole = found, False
            await self._refuse()
        await self._do(Quit(), Farewell)
        self.tally.deleted += len(gone)
        self.ledger.forget_deleted(gone)
        if problem is not None:
            raise problem
        seen = frozenset(intake.seen)
        self.ledger.note_offered(seen, self.now(), whole=is_whole)

    async def _fetch(self, intake: Intake, gone: list[bytes]) -> bool:
        """Retrieve all of them, or as many as may be; whether it was all."""
        number, measured, is_whole = 0, None, True
        while (number := number + 1) <= self.tally.offered:
            if measured is None or not measured.octets:
                measured = await self._do(Read(number), Measured)
            if not 0 < measured.octets <= self.source.bounds.octets:
                is_whole = is_whole and not measured.octets
                measured = None
                self.tally.leave()
                continue
            taken, key = await intake.take(None, self._pieces())
            self.tally.take(taken is Taken.FETCHED, intake.octets)
            await self.in_thread(self.ledger.sync)
            is_over = self.source.keeping.is_over(
                self.ledger.book.done[key].at, self.now()
            )
            measured = await self._do(Ackd() if is_over else Acks(), Measured)
            if is_over:
                gone.append(key)
            if 0 < self.source.bounds.messages <= self.tally.fetched:
                rest = self.tally.offered - number
                self.tally.left += rest
                return is_whole and not rest
        return is_whole

    async def _pieces(self) -> AsyncIterator[bytes]:
        """The content of the message that was measured."""
        piece = await self._do(Retr(), Piece)
        self._left = piece.left
        yield piece.octets
        while self._left:
            piece = await self._expect(Piece)
            self._left = piece.left
            yield piece.octets

    async def _refuse(self) -> None:
        """Take what is left of a message, and say that it is not wanted."""
        while self._left:
            self._left = (await self._expect(Piece)).left
        await self._do(Nack(), Measured)

    async def _do(self, command: Command, wanted: type[_E]) -> _E:
        try:
            self.dialogue.write(self.machine.send(command))
        except SyntaxProblem as problem:
            raise FetchProblem(problem.reason, lasting=True) from problem
        return await self._expect(wanted)

    async def _expect(self, wanted: type[_E]) -> _E:
        """The next event.

        Raises:
            FetchProblem: it is another one.
        """
        event: ClientEvent = await self.dialogue.event()
        if isinstance(event, wanted):
            return event
        self.machine.closed = True
        if isinstance(event, Trouble):
            raise FetchProblem(with_words(event.reason, event.line, self.source))
        raise FetchProblem(f"the server answers with {type(event).__name__}")

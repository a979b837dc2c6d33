"""A run over POP3: log in, list, retrieve, delete, quit.

What is known already is not retrieved again. Messages are asked for ahead where the
server has announced PIPELINING; deletions come last, after everything is safe here, and
nothing is deleted there before the server has said +OK to QUIT (RFC 1939, section 6).
"""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from typing import Final

from attrs import define, field

from mailapp.fetch.intake import Intake, Taken, TooLarge
from mailapp.fetch.ledger import Ledger
from mailapp.fetch.plan import Offer, Plan, make_plan, offers
from mailapp.fetch.pop3_talk import Pop3Talk
from mailapp.fetch.tally import Tally
from mailapp.fetch.types import FetchProblem
from mailapp.pop3.client import (
    Accepted,
    ClientEvent,
    Measured,
    Named,
    Piece,
    Pop3Client,
    Refused,
    Retrieved,
)
from mailapp.pop3.grammar import Dele, List, Quit, Retr, Uidl

AHEAD_OCTETS: Final = 256 * 1024
"""Messages are asked for ahead as long as they are no larger together."""
AHEAD_MESSAGES: Final = 32
DRAIN_OCTETS: Final = 4 * AHEAD_OCTETS
"""So much is read in vain for an orderly end of a run that failed."""


@define(kw_only=True)
class Pop3Run(Pop3Talk):
    """One run. Its steps raise FetchProblem where it can't go on.

    Attributes:
        ledger: of the source.
        tally: what was done so far.
        now: seconds since the epoch.
    """

    ledger: Ledger
    tally: Tally
    now: Callable[[], float]
    _asked: deque[Offer] = field(factory=deque)

    async def plan(self) -> Plan:
        """Ask what there is, and decide."""
        self._send(List())
        if self.machine.pipelining:
            self._send(Uidl())
        sizes = await self._answer(Measured)
        if not self.machine.pipelining:
            self._send(Uidl())
        named = await self._event()
        if not isinstance(named, Named | Refused):
            raise self._unexpected(named)
        names = named.names if isinstance(named, Named) else {}
        found, doubtful = offers(sizes.sizes, names, self.ledger.book)
        self.tally.offered = len(found)
        return make_plan(found, doubtful, self.ledger.book, self.source, self.now())

    async def leave(self) -> None:
        """Say goodbye; nothing is changed: for a dry run."""
        await self._ask(Quit())

    async def carry_out(self, plan: Plan, intake: Intake) -> None:
        """Fetch, delete and say goodbye.

        If fetching has to end early, what is safe here is still deleted there.
        """
        self.tally.known += plan.known + len(plan.delete)
        self.tally.left += plan.left
        intake.offered = plan.offered
        for key in plan.doubtful:
            self.ledger.doubt(key)
        over = {offer.number: offer.key or b"" for offer in plan.delete}
        problem: FetchProblem | None = None
        try:
            await self._fetch(plan.fetch, intake, over)
        except FetchProblem as found:
            if self.machine.closed:
                raise
            problem = found
        await self.in_thread(self.ledger.sync)
        await self._drain()
        if not self._asked:
            await self._delete(over)
        if problem is not None:
            raise problem
        keys = plan.offered | intake.seen
        self.ledger.note_offered(keys, self.now(), whole=plan.whole)

    # ---- messages

    async def _fetch(
        self, wanted: Sequence[Offer], intake: Intake, over: dict[int, bytes]
    ) -> None:
        """Retrieve them; ``over`` gets those that are to be deleted."""
        waiting = deque(wanted)
        self.tally.expect(len(waiting))
        while waiting or self._asked:
            self._ask_ahead(waiting)
            offer = self._asked[0]
            first = await self._event()
            if isinstance(first, Refused):
                self._asked.popleft()
                self.tally.leave()
                continue
            try:
                taken, key = await intake.take(offer.key, self._pieces(first))
            except TooLarge as problem:
                raise await self._give_up_on(offer, problem.octets) from problem
            self.tally.take(taken is Taken.FETCHED, intake.octets)
            entry = self.ledger.book.done[key]
            if self.source.keeping.is_over(entry.at, self.now()):
                over[offer.number] = key

    def _ask_ahead(self, waiting: deque[Offer]) -> None:
        """Send RETR for the next message, and more if they are small."""
        most = AHEAD_MESSAGES if self.machine.pipelining else 1
        while waiting and len(self._asked) < most:
            octets = sum(offer.size_octets for offer in self._asked)
            if self._asked and octets + waiting[0].size_octets > AHEAD_OCTETS:
                return
            offer = waiting.popleft()
            self._send(Retr(offer.number))
            self._asked.append(offer)

    async def _pieces(self, event: ClientEvent) -> AsyncIterator[bytes]:
        """The content of the first message that was asked for."""
        while isinstance(event, Piece):
            yield event.octets
            event = await self._event()
        if not isinstance(event, Retrieved):
            raise self._unexpected(event)
        self._asked.popleft()

    async def _give_up_on(self, offer: Offer, octets: int) -> FetchProblem:
        """It does not end where the server said: note that, and hang up."""
        if offer.key is not None:
            self.ledger.leave(offer.key, octets)
            await self.in_thread(self.ledger.sync)
        self.machine.closed = True
        return FetchProblem(
            f"message {offer.number} is larger than the server said, and too large"
        )

    async def _drain(self) -> None:
        """Let what was asked for in vain pass by, if it is not too much."""
        octets = 0
        while self._asked and octets <= DRAIN_OCTETS:
            event = await self._event()
            if isinstance(event, Refused | Retrieved):
                self._asked.popleft()
            elif isinstance(event, Piece):
                octets += len(event.octets)
            else:
                raise self._unexpected(event)

    async def _delete(self, over: Mapping[int, bytes]) -> None:
        """Mark, and QUIT; what the server has removed for sure is forgotten."""
        gone: list[bytes] = []
        for numbers in _batches(sorted(over), AHEAD_MESSAGES, self.machine):
            for number in numbers:
                self._send(Dele(number))
            for number in numbers:
                accepted = isinstance(await self._event(), Accepted)
                gone += [over[number]] if accepted else []
        if isinstance(await self._ask(Quit()), Accepted):
            self.tally.deleted += len(gone)
            self.ledger.forget_deleted(gone)


def _batches(
    numbers: Sequence[int], most: int, machine: Pop3Client
) -> Iterable[Sequence[int]]:
    size = most if machine.pipelining else 1
    return [numbers[at : at + size] for at in range(0, len(numbers), size)]

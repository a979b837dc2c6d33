"""What becomes of one entry while something is tried for it: a round.

An entry is in memory only for a round: from the moment a consignment of it is to be
carried until all that were under way have come back and what came of them is recorded,
reported, and the entry removed or put off.

The order in which things are done is the promise that nothing is lost or told twice:

1. what an attempt brought is recorded durably before anything follows from it (if
   nothing is left of the entry but its removal, the removal is the record);
2. the sender is told, as far as it has to be, and that is durable;
3. that it was told is recorded, or the entry is removed.

A crash between 1 and the reply of the next server, or between 2 and 3, makes one
duplicate. When the disk takes no record, the round does not end until it does.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import ClassVar, Final

from attrs import define, evolve, field, frozen
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.logger import Logger

from mailapp.core.envelope import Notify
from mailapp.core.failures import TemporaryFailure
from mailapp.events.interfaces import IEvents
from mailapp.events.record import Event, Kind
from mailapp.net.steps import Run
from mailapp.queue.changes import Change, Tried, apply
from mailapp.queue.custody import Custody
from mailapp.queue.interfaces import IReporter
from mailapp.queue.schedule import Random, Schedule
from mailapp.queue.stored import StoredContent
from mailapp.queue.types import Attempt, Destination, Entry, Outcome, Reported

TROUBLE_DELAY: Final = 60.0
"""Seconds until something is tried again that our own disk did not allow."""
_KINDS: Final = {
    Outcome.DELIVERED: Kind.DELIVERED,
    Outcome.RELAYED: Kind.RELAYED,
    Outcome.DEFERRED: Kind.DEFERRED,
    Outcome.FAILED: Kind.BOUNCED,
}
_DONE: Final = frozenset({Outcome.DELIVERED, Outcome.RELAYED})
EXPIRED: Final = "delivery time expired"


@define(eq=False)
class Active:
    """An entry in memory.

    Attributes:
        entry: as it is now.
        content: of it.
        journal_octets: of its journal; -1: it has none.
        torn: its journal has to be written anew.
        carried: where consignments of it are under way, and what is driven for each.
        touched: lanes that gave up their hint of it for this round.
        settling: all have come back.
        dropped: by the administrator; nothing more is recorded.
    """

    entry: Entry
    content: StoredContent
    journal_octets: int
    torn: bool = False
    carried: dict[Destination, Run | None] = field(factory=dict)
    touched: set[Destination] = field(factory=set)
    settling: bool = False
    dropped: bool = False


@frozen
class Surroundings:
    """What rounds need.

    Attributes:
        put_off: the entry waits in the lanes that it touched: each for the time of its
            recipients, or all for a time that is not 0.
        forget: the round is over.
    """

    custody: Custody
    reporter: IReporter
    events: IEvents
    schedule: Schedule
    random: Random
    clock: IReactorTime
    put_off: Callable[[Active, float], None]
    forget: Callable[[Active], None]


class Rounds:
    """Plays the rounds of all entries."""

    log: ClassVar = Logger()

    def __init__(self, surroundings: Surroundings) -> None:
        self._around = surroundings
        self._custody = surroundings.custody
        self._schedule = surroundings.schedule
        self._clock = surroundings.clock
        self._paused: dict[Deferred[None], IDelayedCall] = {}

    async def came_back(
        self,
        active: Active,
        destination: Destination,
        places: Sequence[int],
        attempts: Sequence[Attempt],
    ) -> None:
        """A consignment has come back: record it, and end the round if it is the last.

        Args:
            active: the entry.
            destination: where the consignment went.
            places: of its recipients.
            attempts: what came of it, for each.
        """
        now = self._clock.seconds()
        entry = active.entry
        due = 0.0
        deferred = [attempt.outcome is Outcome.DEFERRED for attempt in attempts]
        if any(deferred):
            due = self._schedule.next_attempt(entry, now, self._around.random)
        self._tell(entry, places, attempts, due)
        if active.dropped:
            active.carried.pop(destination, None)
            if not active.carried:
                self._around.forget(active)
            return
        if len(active.carried) == 1 and _is_over(entry, places, attempts):
            active.settling = True
            active.carried.clear()
            self._remove(active)
            return
        change = _tried(places, attempts, due)
        if all(deferred):
            if not await self._record_deferral(active, change):
                active.carried.pop(destination, None)
                if not active.carried:
                    self._around.put_off(active, due)
                    self._around.forget(active)
                return
        else:
            await self.record(active, change)
        active.carried.pop(destination, None)
        if not active.carried:
            await self.settle(active)

    async def settle(self, active: Active) -> None:
        """End a round: nothing is under way."""
        active.settling = True
        ended = _tellable(active.entry)
        if await self._report(active, ended):
            if not active.entry.waiting:
                self._remove(active)
                return
            if ended:
                places = [reported.place for reported in ended]
                await self.record(active, Change(reported=places))
            await self._warn(active)
            due = 0.0
        else:
            due = self._clock.seconds() + TROUBLE_DELAY
        if not active.dropped:
            self._around.put_off(active, due)
        self._around.forget(active)

    # ---- reports

    async def _report(self, active: Active, reported: Sequence[Reported]) -> bool:
        """Tell the sender; False: it could not be told now."""
        if not reported or active.dropped:
            return True
        around, entry = self._around, active.entry
        try:
            report = await around.reporter.report(entry, reported, active.content)
        except TemporaryFailure as problem:
            self.log.warn(
                "no report on {queue_id} for now: {reason}",
                event="queue.report.deferred",
                queue_id=entry.id,
                reason=str(problem),
            )
            return False
        if report is not None:
            facts: dict[str, str | int] = {
                "report": report,
                "recipients": len(reported),
            }
            now = self._clock.seconds()
            around.events.tell(Event(Kind.REPORTED, entry.id, now, facts=facts))
        return True

    async def _warn(self, active: Active) -> None:
        """Tell the sender that it takes long, once."""
        entry, now = active.entry, self._clock.seconds()
        if entry.delay_told or now < self._schedule.warns_at(entry):
            return
        by = entry.envelope.deliver_by
        slow = []
        for place in entry.waiting:
            attempt = entry.last[place] if entry.last else None
            if attempt is not None:
                if by is not None and not by.returned:
                    # RFC 2852, section 4.1.3
                    attempt = evolve(attempt, status="4.4.7", text=EXPIRED)
                slow.append(Reported(place, attempt))
        if slow and await self._report(active, slow):
            await self.record(active, Change(delay_told=True))

    # ---- records

    async def record(self, active: Active, change: Change) -> None:
        """Make a change durable, however long it takes.

        The entry in memory has it before: a journal that is written anew has all
        changes that were begun.
        """
        active.entry = apply(active.entry, change)
        while not active.dropped:
            try:
                active.journal_octets = await self._custody.record(
                    active.entry, change, active.journal_octets, torn=active.torn
                )
            except (OSError, TemporaryFailure) as problem:
                active.torn = True
                self._complain(active.entry, problem)
                await self._pause()
                continue
            active.torn = False
            self._resume_one()
            return

    async def _record_deferral(self, active: Active, change: Change) -> bool:
        """Make it durable that an attempt brought nothing.

        Returns:
            False: the disk takes nothing, and the entry is as if nothing had been
            tried. That loses no more than what was said; and an entry that waited for
            its record would never go, and so never make room, on a disk that is full.
        """
        before, torn = active.entry, active.torn
        after = active.entry = apply(before, change)
        try:
            active.journal_octets = await self._custody.record(
                after, change, active.journal_octets, torn=torn
            )
        except (OSError, TemporaryFailure) as problem:
            self._complain(after, problem)
            active.torn = True
            if (
                active.entry is after
                and len(active.carried) == 1
                and not active.dropped
            ):
                active.entry = before
                return False
            await self.record(active, Change())  # others count on what it is now
            return True
        active.torn = False
        self._resume_one()
        return True

    def _remove(self, active: Active) -> None:
        told = partial(self._removed, active)
        has_journal = active.journal_octets >= 0
        self._custody.remove(active.entry.id, told, has_journal=has_journal)

    def _removed(self, active: Active, problem: BaseException | None) -> None:
        """It is gone; or it will be, and until then it is kept in memory."""
        if problem is None:
            self._around.forget(active)
            self._resume_one()
            return
        self._complain(active.entry, problem)
        _ = self._pause().addCallback(lambda _: self._remove(active))

    def _complain(self, entry: Entry, problem: BaseException) -> None:
        self.log.error(
            "the queue can't record what became of {queue_id}: {reason}",
            event="queue.record.failed",
            queue_id=entry.id,
            reason=str(problem),
        )

    # ---- waiting for the disk

    def _pause(self) -> Deferred[None]:
        """Wait, until the disk took something else or for a while."""
        paused: Deferred[None] = Deferred(
            lambda paused: self._paused.pop(paused).cancel()
        )
        self._paused[paused] = self._clock.callLater(
            TROUBLE_DELAY, self._resume, paused
        )
        return paused

    def _resume(self, paused: Deferred[None]) -> None:
        timer = self._paused.pop(paused)
        if timer.active():
            timer.cancel()
        paused.callback(None)

    def _resume_one(self) -> None:
        """There was room for one more, so there may be for the next; and so on."""
        if self._paused:
            self._resume(next(iter(self._paused)))

    # ---- events

    def _tell(
        self,
        entry: Entry,
        places: Iterable[int],
        attempts: Iterable[Attempt],
        due: float,
    ) -> None:
        recipients = entry.envelope.recipients
        tell = self._around.events.tell
        for place, attempt in zip(places, attempts, strict=True):
            outcome = attempt.outcome
            tell(
                Event(
                    Kind.EXPIRED if attempt.expired else _KINDS[outcome],
                    entry.id,
                    attempt.at,
                    str(recipients[place].address),
                    attempt.status,
                    attempt.text,
                    attempt.host,
                    {"next": due} if outcome is Outcome.DEFERRED else {},
                )
            )


def _tried(places: Sequence[int], attempts: Sequence[Attempt], due: float) -> Change:
    """What came of an attempt for each of these recipients."""
    return Change([Tried(*one, due) for one in zip(places, attempts, strict=True)])


def _is_over(entry: Entry, places: Sequence[int], attempts: Sequence[Attempt]) -> bool:
    """Nothing is left of it but its removal, which is the record."""
    recipients = entry.envelope.recipients
    if entry.last or len(attempts) != len(recipients):
        after = apply(entry, _tried(places, attempts, 0.0))
        return not after.waiting and not _tellable(after)
    # for nearly all: their first attempt was for all their recipients
    for attempt, recipient in zip(attempts, recipients, strict=True):
        notify = recipient.notify
        if attempt.outcome not in _DONE or (notify and notify & Notify.SUCCESS):
            return False
    return True


def _tellable(entry: Entry) -> list[Reported]:
    """The recipients whose end the sender was not told of, and may have to be.

    RFC 3461, section 4.1: of success only who asked for it. The reporter decides about
    the rest.
    """
    found = []
    for place, attempt in enumerate(entry.last):
        if attempt is None or place in entry.reported:
            continue
        notify = entry.envelope.recipients[place].notify
        if attempt.outcome is Outcome.FAILED or (
            attempt.outcome in _DONE and notify and notify & Notify.SUCCESS
        ):
            found.append(Reported(place, attempt))
    return found

"""Consignments on their way: claimed, read, carried, and what comes back."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import ClassVar, Final

from attrs import define, frozen
from twisted.logger import Logger
from twisted.python.failure import Failure

from mailapp.events.interfaces import IEvents
from mailapp.net.steps import nothing, run
from mailapp.queue.changes import Change
from mailapp.queue.custody import Custody
from mailapp.queue.interfaces import ICarrier, IReporter
from mailapp.queue.lane import Hint, Lane
from mailapp.queue.lanes import Limits
from mailapp.queue.reading import Gone, Loaded, Problem
from mailapp.queue.rounds import TROUBLE_DELAY, Active, Rounds, Surroundings
from mailapp.queue.schedule import Random, Schedule
from mailapp.queue.stored import StoredContent
from mailapp.queue.trying import Trying
from mailapp.queue.types import Entry
from mailapp.queue.waiting import DestinationOf, Waiting

_BUG_DELAY: Final = 300.0
"""Seconds until an entry is tried again whose round met a bug of ours."""
Read = Loaded | Problem | Exception | BaseException
"""What comes of reading an entry."""


@frozen
class Services:
    """Whom the postman works with.

    Attributes:
        carrier: carries consignments.
        reporter: tells senders.
        events: hears of every step.
        destination_of: where mail for an address goes.
    """

    carrier: ICarrier
    reporter: IReporter
    events: IEvents
    destination_of: DestinationOf


@define(eq=False)
class Claim:
    """A lane's turn for one entry.

    Attributes:
        doubtful: the lane failed before; see :meth:`Lanes.began`.
        ended: it takes no place of the lane any more.
    """

    lane: Lane
    hint: Hint
    doubtful: bool
    ended: bool = False


class Carrying:
    """Gives each lane its turns, and each entry its rounds.

    Args:
        custody: of the queue.
        services: see there.
        schedule: when things happen.
        limits: how much at once.
        random: for jitter.

    Attributes:
        running: something may begin.
        on_idle: called whenever nothing is in memory for a round any more.
    """

    log: ClassVar = Logger()

    def __init__(
        self,
        custody: Custody,
        services: Services,
        schedule: Schedule,
        limits: Limits,
        random: Random,
    ) -> None:
        self.running = False
        self.on_idle: Callable[[], None] = _nobody
        self._custody = custody
        self._clock = custody.spool.clock
        self._schedule = schedule
        self._limits = limits
        self.waiting: Final = Waiting(
            services.destination_of, schedule, limits, self._clock
        )
        self._lanes = self.waiting.lanes
        self._lanes.on_wake = self.turn
        self._trying = Trying(
            services.carrier, schedule, self._clock, self.waiting.hasten_all
        )
        self._active: dict[str, Active] = {}
        self._loading: dict[str, list[Claim]] = {}
        self._turning = False
        self._rounds = Rounds(
            Surroundings(
                custody,
                services.reporter,
                services.events,
                schedule,
                random,
                self._clock,
                self._put_off,
                self._forget,
            )
        )

    def is_known(self, entry_id: str) -> bool:
        """It needs not be looked for."""
        return (
            self.waiting.is_announced(entry_id)
            or entry_id in self._active
            or entry_id in self._loading
        )

    def active(self, entry_id: str) -> Active | None:
        """An entry, if it is in memory for a round."""
        return self._active.get(entry_id)

    def record(self, active: Active, change: Change) -> Awaitable[None]:
        """Make a change durable of an entry that is in memory for a round."""
        return self._rounds.record(active, change)

    @property
    def is_idle(self) -> bool:
        """Nothing is in memory for a round."""
        return not (self._active or self._loading)

    def break_off(self) -> None:
        """Stop carrying: nothing is recorded of what is under way."""
        for active in list(self._active.values()):
            for destination, driven in list(active.carried.items()):
                active.carried.pop(destination)
                if driven is not None:
                    driven.cancel()
            active.content.close()
        self._active.clear()

    # ---- turns

    def turn(self) -> None:
        """Let every lane send what it may. Loops, and does not nest."""
        if self._turning or not self.running:
            return
        self._turning = True
        try:
            while len(self._active) < self._limits.active:
                lane = self._lanes.next()
                if lane is None:
                    break
                self._serve(lane)
        finally:
            self._turning = False

    def _serve(self, lane: Lane) -> None:
        now = self._clock.seconds()
        lane.ripen(now, self._schedule.priority_worth)
        self._lanes.watch(lane)
        hint = lane.take() if lane.has_room(now) else None
        if hint is not None:
            self._claim(Claim(lane, hint, self._lanes.began(lane)))
            if lane.is_ready and lane.has_room(now):
                self._lanes.queue(lane)

    def _claim(self, claim: Claim) -> None:
        entry_id = claim.hint.entry_id
        active = self._active.get(entry_id)
        if active is not None:
            self._begin(active, claim)
            return
        arrival = self.waiting.take(entry_id)
        if arrival is not None:
            active = self._activate(arrival.entry, arrival.octets, -1)
            self._begin(active, claim)
            return
        claims = self._loading.setdefault(entry_id, [])
        claims.append(claim)
        if len(claims) == 1:
            self._custody.load(entry_id, partial(self._loaded, entry_id))

    def _loaded(self, entry_id: str, result: Read) -> None:
        """An entry was read for the lanes whose turn it is."""
        claims = self._loading.pop(entry_id)
        if isinstance(result, Loaded) and self.running:
            active = self._activate(result.entry, result.octets, result.journal_octets)
            for claim in claims:
                self._begin(active, claim)
            self.turn()
            return
        if isinstance(result, Problem):
            self._custody.tell(result)
        again = self._clock.seconds() + TROUBLE_DELAY
        for claim in claims:
            if not isinstance(result, (Gone, Problem, Loaded)):
                claim.lane.put_off(entry_id, again, 0)
                self._lanes.watch(claim.lane)
            self._end(claim)
        self._tell_idle()
        self.turn()

    def _activate(self, entry: Entry, octets: bytes | None, journal: int) -> Active:
        spool = self._custody.spool
        path = spool.shelf.path(entry.id.encode())
        content = StoredContent(
            path, entry.size_octets, octets, spool.shelf.files, spool.in_thread
        )
        active = self._active[entry.id] = Active(entry, content, journal)
        return active

    def _begin(self, active: Active, claim: Claim) -> None:
        """Carry what goes along this lane, unless the hint is wrong."""
        destination = claim.lane.destination
        active.touched.add(destination)
        broke = partial(self._broke, active)
        places = self._places(active, claim)
        if places:
            active.carried[destination] = None
            driven = run(self._carry(active, claim, places), nothing, broke)
            if driven is not None and destination in active.carried:
                active.carried[destination] = driven
            return
        self._end(claim)
        if not (active.carried or active.settling):
            # The hint was wrong, or only a report or the removal is left to be done.
            run(self._rounds.settle(active), nothing, broke)

    def _places(self, active: Active, claim: Claim) -> Sequence[int]:
        """The recipients that are to be tried now along a lane."""
        entry, destination = active.entry, claim.lane.destination
        if entry.held or active.settling or active.dropped:
            return []
        if destination in active.carried:
            return []
        if not entry.last and len(entry.envelope.recipients) == 1:
            return (0,)
        due, now = entry.due, self._clock.seconds()
        return [
            place
            for place in self.waiting.places(entry, destination)
            if claim.hint.forced or not due or self._schedule.is_due(due[place], now)
        ]

    # ---- carrying

    async def _carry(self, active: Active, claim: Claim, places: Sequence[int]) -> None:
        began = self._clock.seconds()
        try:
            attempts = await self._trying.attempt(
                active, claim.lane, places, began, partial(self._sent, claim)
            )
        finally:
            self._end(claim)
        destination = claim.lane.destination
        await self._rounds.came_back(active, destination, places, attempts)
        self.turn()

    def _sent(self, claim: Claim) -> None:
        """Its place in the lane is a connection: the next may begin behind it there."""
        if claim.lane.is_ready and not (claim.doubtful or claim.ended):
            self._end(claim)
            self.turn()

    def _end(self, claim: Claim) -> None:
        if not claim.ended:
            claim.ended = True
            self._lanes.ended(claim.lane, doubtful=claim.doubtful)

    def _broke(self, active: Active, problem: BaseException) -> None:
        """A bug: keep the entry, and try it again later."""
        self.log.failure(
            "a round of {queue_id}",
            Failure(problem),
            event="queue.round.failed",
            queue_id=active.entry.id,
        )
        active.carried.clear()
        self._put_off(active, self._clock.seconds() + _BUG_DELAY)
        self._forget(active)

    # ---- what rounds call

    def _put_off(self, active: Active, due: float) -> None:
        """Wait in the lanes that were touched; see :class:`Surroundings`."""
        entry, lanes = active.entry, active.touched
        if entry.held:
            return
        if entry.waiting:
            lanes = lanes & self.waiting.destinations(entry)
        self.waiting.put_off(entry, lanes, due)

    def _forget(self, active: Active) -> None:
        """A round is over."""
        active.content.close()
        if self._active.get(active.entry.id) is active:
            del self._active[active.entry.id]
        self._tell_idle()
        self.turn()

    def _tell_idle(self) -> None:
        if self.is_idle:
            self.on_idle()


def _nobody() -> None:
    """Nobody is told."""

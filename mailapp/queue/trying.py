"""One attempt: what the carrier brings, or what there is to say without asking it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import ClassVar, Final

from attrs import evolve
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from mailapp.queue.interfaces import Consignment, ICarrier
from mailapp.queue.lane import Lane, is_unreachable
from mailapp.queue.rounds import EXPIRED, Active
from mailapp.queue.schedule import Schedule, is_late
from mailapp.queue.types import Attempt, Destination, Outcome


class Trying:
    """Makes attempts, and lets the lane learn from them.

    Args:
        carrier: is asked.
        schedule: until when.
        clock: seconds since the epoch.
        hasten: lets all go that waits for a destination that answers again.
    """

    log: ClassVar = Logger()

    def __init__(
        self,
        carrier: ICarrier,
        schedule: Schedule,
        clock: IReactorTime,
        hasten: Callable[[Destination], object],
    ) -> None:
        self._carrier: Final = carrier
        self._schedule = schedule
        self._clock = clock
        self._hasten = hasten

    async def attempt(
        self,
        active: Active,
        lane: Lane,
        places: Sequence[int],
        began: float,
        sent: Callable[[], object],
    ) -> Sequence[Attempt]:
        """What came of it for each recipient, as it counts.

        What is deferred when the time of the message is up has failed. ``sent`` is that
        of :class:`Consignment`.
        """
        entry = active.entry
        if is_late(entry, began):
            # RFC 2852, section 4.1.3: no further attempt may be made
            late = Attempt(Outcome.FAILED, began, "5.4.7", EXPIRED, expired=True)
            return [late] * len(places)
        consignment = Consignment(entry, places, lane.destination, active.content, sent)
        attempts = await self._tried(lane, consignment, began)
        if not self._schedule.is_over(entry, began):
            return attempts
        return [_ended(attempt) for attempt in attempts]

    async def _tried(
        self, lane: Lane, consignment: Consignment, began: float
    ) -> Sequence[Attempt]:
        places = consignment.places
        if lane.is_dead(began) and lane.last_words is not None:
            return [evolve(lane.last_words, at=began)] * len(places)
        attempts: Sequence[Attempt] = ()  # nothing, if the carrier breaks
        try:
            attempts = await self._carrier.carry(consignment)
        except Exception:
            self.log.failure(
                "carrying {queue_id}",
                event="queue.carry.failed",
                queue_id=consignment.entry.id,
            )
        now = self._clock.seconds()
        if len(attempts) != len(places):
            ours = Attempt(Outcome.DEFERRED, now, "4.3.0", "local trouble")
            return [ours] * len(places)
        if is_unreachable(attempts):
            schedule = self._schedule
            lane.failed(attempts[0], now, schedule.dead_delay, schedule.dead_longest)
        elif lane.took():
            self._hasten(lane.destination)
        return attempts


def _ended(attempt: Attempt) -> Attempt:
    if attempt.outcome is not Outcome.DEFERRED:
        return attempt
    return evolve(attempt, outcome=Outcome.FAILED, status="5.4.7", expired=True)

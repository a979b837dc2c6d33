"""Deliveries that wait for the disk go there together, in one thread trip.

A trip costs the reactor and its threads a change of hands at every file call, and the
disk a commit of its journal at every sync. What arrives while trips are under way
therefore waits until there is more of it than trips, or until one of them is over, and
shares the next one: so the trips grow with their number, and as many threads wait for
the disk as there is work for. On a slow disk that would be long for one that comes
alone; so what arrives more than a moment after the last trip began goes at once. A
large message, or one for many mailboxes, travels alone.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from attrs import define, field
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime

from mailapp.core.failures import TemporaryFailure
from mailapp.net.steps import run
from mailapp.net.threads import InThread
from mailapp.storage.maildir.sink import Sink
from mailapp.storage.types import Destination, StoreError, Unavailable

MOST_TOGETHER: Final = 16
"""Messages of one trip, and mailboxes of one message in it.

The first is told when the last is durable."""
MOST_TRIPS: Final = 64
"""Trips under way at the same time, be it in a thread or on the way to one."""
MOMENT: Final = 0.01
"""Seconds after which what arrives does not wait for the last trip any more."""

Outcomes = Sequence[StoreError | None]


@define(eq=False)
class Delivery:
    """One message, where it goes, and who waits for what became of it."""

    sink: Sink
    destinations: Sequence[Destination]
    told: Deferred[Outcomes] = field(factory=Deferred)


Work = Callable[[Sequence[Delivery]], Sequence[Outcomes]]


class Batches:
    """Used by the reactor's thread only.

    Args:
        in_thread: for ``work``.
        work: delivers a batch; the outcomes of each of its deliveries. It blocks.
        clock: tells how long a trip takes.
    """

    def __init__(self, in_thread: InThread, work: Work, clock: IReactorTime) -> None:
        self._in_thread = in_thread
        self._work = work
        self._clock = clock
        self._waiting: list[Delivery] = []
        self._trips = 0
        self._last_began = 0.0

    def deliver(
        self, sink: Sink, destinations: Sequence[Destination]
    ) -> Deferred[Outcomes]:
        """Deliver with the next trip; the sink is used up.

        A message is left out if its Deferred is canceled before its trip begins.
        """
        delivery = Delivery(sink, destinations)
        if not sink.in_memory or len(destinations) > MOST_TOGETHER:
            self._begin([delivery])  # none of the small ones waits for it
            return delivery.told
        self._waiting.append(delivery)
        if self._trips < MOST_TRIPS and (
            len(self._waiting) > self._trips
            or self._clock.seconds() - self._last_began > MOMENT
        ):
            self._begin_next()
        return delivery.told

    def _begin_next(self) -> None:
        """Take what waits, but not what was canceled meanwhile."""
        waiting = [d for d in self._waiting if not d.told.called]
        self._waiting = waiting[MOST_TOGETHER:]
        if waiting:
            self._last_began = self._clock.seconds()
            self._begin(waiting[:MOST_TOGETHER])

    def _begin(self, batch: Sequence[Delivery]) -> None:
        """Take a batch to a thread."""
        self._trips += 1
        for delivery in batch:
            delivery.sink.lend()

        def done(outcomes: Sequence[Outcomes]) -> None:
            self._end(batch, outcomes)

        def failed(problem: BaseException) -> None:
            self._end(batch, [problem] * len(batch))

        run(self._travel(batch), done, failed)

    async def _travel(self, batch: Sequence[Delivery]) -> Sequence[Outcomes]:
        try:
            outcomes: Sequence[Outcomes] = await self._in_thread(self._work, batch)
        except TemporaryFailure:
            return [[Unavailable() for _ in d.destinations] for d in batch]
        return outcomes

    def _end(
        self,
        batch: Sequence[Delivery],
        outcomes: Sequence[Outcomes | BaseException],
    ) -> None:
        """A trip is over: begin the next before its outcomes are told."""
        self._trips -= 1
        if self._waiting:
            self._begin_next()
        for delivery, outcome in zip(batch, outcomes, strict=True):
            delivery.sink.take_back()
            if not delivery.told.called:
                if isinstance(outcome, BaseException):
                    delivery.told.errback(outcome)
                else:
                    delivery.told.callback(outcome)

"""Messages that wait for their trip to the disk."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from attrs import define, field
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime

from mailapp.core.failures import TemporaryFailure
from mailapp.net.threads import InThread
from mailapp.net.trips import Trips, fire
from mailapp.storage.maildir.sink import Sink
from mailapp.storage.types import Destination, StoreError, Unavailable

MOST_TOGETHER: Final = 16
"""Messages of one trip, and mailboxes of one message in it."""
MOST_TRIPS: Final = 64
"""Trips under way at the same time."""

Outcomes = Sequence[StoreError | None]


@define(eq=False)
class Delivery:
    """One message, where it goes, and who waits for what became of it.

    The sink is used up. If ``told`` is canceled before its trip begins, the message is
    left out.
    """

    sink: Sink
    destinations: Sequence[Destination]
    told: Deferred[Outcomes] = field(factory=Deferred)

    @property
    def is_large(self) -> bool:
        """No small one should wait for it."""
        return not self.sink.in_memory or len(self.destinations) > MOST_TOGETHER

    def goes(self) -> bool:
        """The trip begins: a thread has the sink now, if anybody still waits."""
        if self.told.called:
            return False
        self.sink.lend()
        return True

    def ended(self, result: Outcomes | BaseException) -> None:
        """The trip is over."""
        self.sink.take_back()
        if isinstance(result, TemporaryFailure):
            result = [Unavailable() for _ in self.destinations]
        fire(self.told, result)


def deliveries(
    in_thread: InThread,
    work: Callable[[Sequence[Delivery]], Sequence[Outcomes]],
    clock: IReactorTime,
) -> Trips[Delivery, Outcomes]:
    """How they go: so many wait for the disk that it is never without work."""
    return Trips(
        in_thread,
        work,
        clock,
        together=MOST_TOGETHER,
        at_once=MOST_TRIPS,
        eager=True,
        goes=Delivery.goes,
    )

"""All destinations: which of them has its turn, and when one has to be looked at.

Turns go round: each lane that could send gets one consignment in turn, so that a
destination for which much waits takes nothing from the others. Lanes whose destination
failed last time share a part of the places, so that many that don't answer never hold
all of them.
"""

from __future__ import annotations

from collections import deque
from heapq import heappop, heappush
from itertools import count
from typing import Final

from attrs import field, frozen
from twisted.internet.interfaces import IDelayedCall, IReactorTime

from mailapp.queue.lane import Lane, LaneLimits
from mailapp.queue.types import Destination

_SOON: Final = 0.001


@frozen
class Limits:
    """What the postman does at once, and what it holds in memory.

    Attributes:
        lane: for each destination.
        under_way: consignments that are being carried.
        active: entries in memory while something is tried or recorded for them.
        arrivals: further entries in memory that have just come.
        arrival_octets: of their contents.
    """

    lane: LaneLimits = field(factory=LaneLimits)
    under_way: int = 500
    active: int = 2000
    arrivals: int = 4000
    arrival_octets: int = 16 * 1024 * 1024

    @property
    def doubtful(self) -> int:
        """Consignments to destinations that failed last time."""
        return max(1, self.under_way // 2)


class Lanes:
    """The lanes of all destinations for which something waits.

    Args:
        limits: see there.
        clock: seconds since the epoch.

    Attributes:
        on_wake: called when a lane has something that is due.
        under_way: consignments of all lanes.
    """

    def __init__(self, limits: Limits, clock: IReactorTime) -> None:
        self.on_wake = nothing
        self.under_way = 0
        self._limits = limits
        self._clock = clock
        self._lanes: dict[Destination, Lane] = {}
        self._turns: deque[Lane] = deque()
        self._doubtful_turns: deque[Lane] = deque()
        self._doubtful = 0
        self._wakes: list[tuple[float, int, Lane]] = []
        self._numbers = count()
        self._timer: IDelayedCall | None = None
        self._timer_at = float("inf")

    def __len__(self) -> int:
        return len(self._lanes)

    def get(self, destination: Destination) -> Lane:
        """The lane of a destination."""
        lane = self._lanes.get(destination)
        if lane is None:
            lane = self._lanes[destination] = Lane(destination, self._limits.lane)
        return lane

    def known(self, destination: Destination) -> Lane | None:
        """The lane of a destination, if there is one."""
        return self._lanes.get(destination)

    @property
    def waiting(self) -> int:
        """Hints in all lanes."""
        return sum(lane.waiting for lane in self._lanes.values())

    def prune(self, now: float) -> None:
        """Forget destinations that were dead, and for which nothing waits."""
        for destination, lane in list(self._lanes.items()):
            unused = not (lane.waiting or lane.under_way or lane.queued)
            if unused and not lane.is_dead(now):
                del self._lanes[destination]

    # ---- turns

    def queue(self, lane: Lane) -> None:
        """It may have something to send."""
        if not lane.queued:
            lane.queued = True
            (self._doubtful_turns if lane.is_doubtful else self._turns).append(lane)

    def next(self) -> Lane | None:
        """The lane whose turn it is."""
        if self.under_way >= self._limits.under_way:
            return None
        if self._turns:
            lane = self._turns.popleft()
        elif self._doubtful_turns and self._doubtful < self._limits.doubtful:
            lane = self._doubtful_turns.popleft()
        else:
            return None
        lane.queued = False
        return lane

    def began(self, lane: Lane) -> bool:
        """A consignment is under way; whether it counts as doubtful, for the end."""
        lane.under_way += 1
        self.under_way += 1
        doubtful = lane.is_doubtful
        self._doubtful += doubtful
        return doubtful

    def ended(self, lane: Lane, *, doubtful: bool) -> None:
        """It is not under way any more."""
        lane.under_way -= 1
        self.under_way -= 1
        self._doubtful -= doubtful
        if lane.is_ready:
            self.queue(lane)
        elif lane.is_idle:
            self._lanes.pop(lane.destination, None)

    # ---- time

    def watch(self, lane: Lane) -> None:
        """Look at it again when the next of what waits is due."""
        due = lane.next_due
        if due < lane.wakes_at:
            lane.wakes_at = due
            heappush(self._wakes, (due, next(self._numbers), lane))
            self._set_timer()

    def stop(self) -> None:
        """Let nothing become due any more."""
        self._wakes.clear()
        self._set_timer()

    def _set_timer(self) -> None:
        at = self._wakes[0][0] if self._wakes else float("inf")
        if at == self._timer_at:
            return
        if self._timer is not None and self._timer.active():
            self._timer.cancel()
        self._timer, self._timer_at = None, at
        if self._wakes:
            delay = max(at - self._clock.seconds(), 0.0) + _SOON
            self._timer = self._clock.callLater(delay, self._wake)

    def _wake(self) -> None:
        self._timer, self._timer_at = None, float("inf")
        now = self._clock.seconds()
        while self._wakes and self._wakes[0][0] <= now:
            _, _, lane = heappop(self._wakes)
            lane.wakes_at = float("inf")
            self.queue(lane)
        self._set_timer()
        self.on_wake()


def nothing() -> None:
    """Nobody is told."""

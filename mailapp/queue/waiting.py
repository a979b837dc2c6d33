"""What waits: which lanes an entry waits in, and until when."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final

from twisted.internet.interfaces import IReactorTime

from mailapp.core.address import Address
from mailapp.queue.arrivals import Arrival, Arrivals
from mailapp.queue.lanes import Lanes, Limits
from mailapp.queue.schedule import Schedule, first_attempt
from mailapp.queue.types import Destination, Entry

DestinationOf = Callable[[Address], Destination]
"""Where mail for an address goes next; it does not block."""


class Waiting:
    """Entries on their way into the lanes. One that is held waits in none.

    Args:
        destination_of: see there.
        schedule: when things happen.
        limits: of lanes, and of what is held in memory.
        clock: seconds since the epoch.
    """

    def __init__(
        self,
        destination_of: DestinationOf,
        schedule: Schedule,
        limits: Limits,
        clock: IReactorTime,
    ) -> None:
        self.lanes: Final = Lanes(limits, clock)
        self.destination_of: Final = destination_of
        self._schedule = schedule
        self._clock = clock
        self._arrivals = Arrivals(limits.arrivals, limits.arrival_octets)
        self._fresh: set[str] = set()

    def destinations(self, entry: Entry) -> set[Destination]:
        """Where its recipients go that are not done."""
        recipients = entry.envelope.recipients
        if len(recipients) == 1 and not entry.last:
            return {self.destination_of(recipients[0].address)}
        return {self.destination_of(recipients[p].address) for p in entry.waiting}

    def places(self, entry: Entry, destination: Destination) -> list[int]:
        """The recipients that wait for a destination."""
        recipients = entry.envelope.recipients
        return [
            place
            for place in entry.waiting
            if self.destination_of(recipients[place].address) == destination
        ]

    # ---- new entries

    def is_announced(self, entry_id: str) -> bool:
        """It waits, and nothing was tried for it; or it will be admitted."""
        return entry_id in self._fresh

    def announce(self, entry_id: str) -> None:
        """It will be admitted, or taken."""
        self._fresh.add(entry_id)

    def keep(self, entry: Entry, octets: bytes | None) -> None:
        """Keep what will be admitted in memory, if there is room."""
        self._arrivals.add(Arrival(entry, octets))

    def read_again(self, entry_id: str) -> None:
        """Keep it in memory no longer: its file says something new."""
        self._arrivals.take(entry_id)

    def take(self, entry_id: str) -> Arrival | None:
        """Its turn has come, or it is not there; and it, if it is in memory."""
        self._fresh.discard(entry_id)
        return self._arrivals.take(entry_id)

    def admit(self, entry: Entry) -> None:
        """A new entry: let it go, or wait for its time (RFC 4865)."""
        self._fresh.add(entry.id)
        due = first_attempt(entry)
        if due > self._clock.seconds():
            self._arrivals.take(entry.id)
            self.put_off(entry, self.destinations(entry), due)
        else:
            self._put(entry)

    # ---- entries that were tried

    def admit_again(self, entry: Entry) -> None:
        """An entry that was tried before this process was started."""
        if not entry.held:
            lanes = self.destinations(entry)
            if not lanes:  # only its report, or its removal, is left
                lanes = {self.destination_of(entry.envelope.recipients[0].address)}
            self.put_off(entry, lanes, 0.0)

    def put_off(self, entry: Entry, lanes: Iterable[Destination], due: float) -> None:
        """Let it wait in these lanes: until ``due`` or, if that is 0, its own times."""
        for destination in lanes:
            time = due
            if not due and entry.due:
                places = self.places(entry, destination)
                time = min((entry.due[place] for place in places), default=0.0)
                if self._schedule.is_due(time, self._clock.seconds()):
                    time = 0.0
            lane = self.lanes.get(destination)
            lane.put_off(entry.id, time, entry.envelope.priority)
            self.lanes.watch(lane)

    # ---- at once

    def hasten(self, entry: Entry) -> None:
        """Let it go now, whatever was planned."""
        for destination in self.destinations(entry):
            self.lanes.get(destination).revive()
        self._put(entry, forced=True)

    def hasten_all(self, destination: Destination) -> int:
        """Let all go that wait for a destination; how many."""
        lane = self.lanes.known(destination)
        if lane is None:
            return 0
        count = lane.hasten()
        self.lanes.watch(lane)
        self.lanes.queue(lane)
        return count

    def _put(self, entry: Entry, *, forced: bool = False) -> None:
        rank = self._schedule.rank(entry.envelope.priority, self._clock.seconds())
        for destination in self.destinations(entry):
            lane = self.lanes.get(destination)
            lane.put(entry.id, rank, forced=forced)
            self.lanes.queue(lane)

"""Entries that came a moment ago and are still in memory, up to a limit.

What is delivered at the first attempt is so never read back, if the process that took
it carries it too.
"""

from __future__ import annotations

from attrs import frozen

from mailapp.queue.types import Entry


@frozen
class Arrival:
    """An entry that nothing was tried for.

    Attributes:
        octets: its content, or None: it is in its file.
    """

    entry: Entry
    octets: bytes | None

    @property
    def held_octets(self) -> int:
        """Octets of memory that its content takes."""
        return len(self.octets or b"")


class Arrivals:
    """Holds them until they are taken.

    Args:
        most: entries at the same time.
        octets: of all their contents.
    """

    def __init__(self, most: int, octets: int) -> None:
        self._most = most
        self._free = octets
        self._held: dict[str, Arrival] = {}

    def __len__(self) -> int:
        return len(self._held)

    def add(self, arrival: Arrival) -> bool:
        """Hold it if there is room; else it has to be read from its file."""
        octets = arrival.held_octets
        if len(self._held) >= self._most or octets > self._free:
            return False
        self._free -= octets
        self._held[arrival.entry.id] = arrival
        return True

    def take(self, entry_id: str) -> Arrival | None:
        """Give it away; None: it is not here."""
        arrival = self._held.pop(entry_id, None)
        if arrival is not None:
            self._free += arrival.held_octets
        return arrival

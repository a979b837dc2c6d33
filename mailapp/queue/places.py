"""Which of the entries that wait lie in a tray, as the one who carries knows it (pure).

Only what came a moment ago: see :meth:`mailapp.queue.custody.Custody.tidy`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from attrs import define

from mailapp.queue.tray import Place


@define(eq=False)
class _Known:
    """What is known of a tray: since when, and how much of it."""

    since: float
    octets: int = 0
    waiting: int = 0


class Places:
    """Places by the names of entries, and the trays that have them."""

    def __init__(self) -> None:
        self._places: dict[str, Place] = {}
        self._trays: dict[str, _Known] = {}
        self._touched: set[str] = set()

    def learn(self, entry_id: str, place: Place, now: float) -> None:
        """An entry lies there."""
        if entry_id not in self._places:
            self._places[entry_id] = place
            tray = self._trays.get(place.tray)
            if tray is None:
                tray = self._trays[place.tray] = _Known(now)
            tray.octets += place.end - place.start
            tray.waiting += 1

    def get(self, entry_id: str) -> Place | None:
        """Where an entry lies; None: in its own file, or nowhere."""
        return self._places.get(entry_id)

    def leave(self, entry_id: str) -> None:
        """It lies in no tray any more."""
        place = self._places.pop(entry_id, None)
        if place is not None:
            self._trays[place.tray].waiting -= 1
            self._touched.add(place.tray)

    def names(self) -> list[str]:
        """The entries that lie in trays."""
        return list(self._places)

    def touched(self) -> Mapping[str, int | None]:
        """Trays that entries have left; how long those are in which nothing waits."""
        touched, self._touched = self._touched, set()
        trays = [(name, self._trays[name]) for name in touched if name in self._trays]
        return {name: None if t.waiting else t.octets for name, t in trays}

    def ended(self, touched: Mapping[str, int | None], gone: Iterable[str]) -> None:
        """These trays are gone; others in which nothing waits may go next time."""
        empty = {name for name, octets in touched.items() if octets is not None}
        for name in gone:
            del self._trays[name]
        self._touched |= empty.intersection(self._trays)

    def is_fresh(self, tray: str, since: float) -> bool:
        """A tray was not known then, but is now."""
        known = self._trays.get(tray)
        return known is not None and known.since > since

    def forget(self, tray: str) -> None:
        """Nothing lies in a tray any more."""
        if self._trays.pop(tray, None) is not None:
            left = [name for name, place in self._places.items() if place.tray == tray]
            for name in left:
                del self._places[name]

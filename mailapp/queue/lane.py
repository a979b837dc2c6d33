"""What waits for one destination, and how much of it may go at once (pure).

Only hints are kept of what waits: one ``bytes`` of about 30 octets for each entry and
destination. A hint says "look at this entry then", and may be wrong: the entry may be
gone, held, or tried already. Its file is right. So nothing has to be found or removed
here when an entry changes, and there is no index that could be damaged.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from heapq import heappop, heappush
from typing import Final

from attrs import frozen

from mailapp.queue.types import Attempt, Destination, Outcome

_KEY: Final = struct.Struct(">dB")
_OFFSET: Final = 1e9
"""Added to times: as octets, numbers are in order only if they are not negative."""
_DEAD_AFTER: Final = 3
"""Failures in a row, with one consignment at a time, that make a destination dead."""


@frozen
class Hint:
    """An entry to look at.

    Attributes:
        entry_id: its name.
        forced: it is tried even if its file says that it is too early.
    """

    entry_id: str
    forced: bool


@frozen
class LaneLimits:
    """How many consignments one destination gets at once.

    Attributes:
        first: of a destination that was not tried yet.
        most: of one that takes everything.
    """

    first: int = 2
    most: int = 20


class Lane:
    """The way to one destination.

    A window limits what is under way. It grows by one for each consignment that the
    destination took, and is halved when it can't be reached; after three such failures
    at a window of one it is dead for a while, twice as long each time, and then gets
    one consignment as a probe. While it is dead nothing is tried, and what is due is
    put off with the last words of the destination.

    Attributes:
        under_way: consignments, also those that are read from the disk.
        dead_until: seconds since the epoch.
        last_words: the attempt that made it dead.
        wakes_at: the owner has set a timer for then.
    """

    __slots__ = (
        "_eager",
        "_failures",
        "_later",
        "_limits",
        "_ready",
        "_window",
        "dead_delay",
        "dead_until",
        "destination",
        "last_words",
        "queued",
        "under_way",
        "wakes_at",
    )

    def __init__(self, destination: Destination, limits: LaneLimits) -> None:
        self.destination: Final = destination
        self.under_way = 0
        self.dead_until = 0.0
        self.dead_delay = 0.0
        self.last_words: Attempt | None = None
        self.wakes_at = float("inf")
        self.queued = False
        self._limits = limits
        self._window = limits.first
        self._failures = 0
        self._eager = 0
        self._later: list[bytes] = []
        self._ready: list[bytes] = []

    # ---- what waits

    def put(self, entry_id: str, rank: float, *, forced: bool = False) -> None:
        """Let it go as soon as it is its turn."""
        heappush(self._ready, _KEY.pack(rank + _OFFSET, forced) + entry_id.encode())

    def put_off(self, entry_id: str, due: float, priority: int) -> None:
        """Let it wait until then."""
        octets = _KEY.pack(due + _OFFSET, priority + 9) + entry_id.encode()
        heappush(self._later, octets)

    def ripen(self, now: float, priority_worth: float) -> None:
        """What is due joins what is ready."""
        later = self._later
        while later:
            due, priority = _KEY.unpack_from(later[0])
            forced = self._eager > 0
            if due - _OFFSET > now and not forced:
                return
            self._eager -= forced
            octets = heappop(later)[_KEY.size :]
            rank = min(due - _OFFSET, now) - (priority - 9) * priority_worth
            heappush(self._ready, _KEY.pack(rank + _OFFSET, forced) + octets)
        self._eager = 0

    def take(self) -> Hint | None:
        """The next that is ready."""
        if not self._ready:
            return None
        octets = heappop(self._ready)
        return Hint(octets[_KEY.size :].decode(), bool(octets[_KEY.size - 1]))

    def hasten(self) -> int:
        """All that waits may go now, and the destination is alive; how many."""
        self.revive()
        self._eager = len(self._later)
        return len(self._later) + len(self._ready)

    @property
    def is_ready(self) -> bool:
        """Something could go."""
        return bool(self._ready)

    @property
    def waiting(self) -> int:
        """Hints, also those that have become wrong."""
        return len(self._ready) + len(self._later)

    @property
    def next_due(self) -> float:
        """When the next of what waits is due."""
        if not self._later:
            return float("inf")
        if self._eager:
            return 0.0
        due: float = _KEY.unpack_from(self._later[0])[0]
        return due - _OFFSET

    @property
    def is_idle(self) -> bool:
        """Nothing waits or is under way, and nothing about it is worth keeping."""
        return not (self._ready or self._later or self.under_way or self._failures)

    # ---- how much may go

    def has_room(self, now: float) -> bool:
        """One more may go; or, while it is dead, be put off."""
        dead = self.is_dead(now)
        return self.under_way < (self._limits.most if dead else self._window)

    def is_dead(self, now: float) -> bool:
        """Nothing is tried."""
        return now < self.dead_until

    @property
    def is_doubtful(self) -> bool:
        """It failed last time."""
        return self._failures > 0

    def took(self) -> bool:
        """It answered: a bit more at once. True: it was dead before."""
        was_dead = self.dead_until > 0
        self.revive()
        self._window = min(self._window + 1, self._limits.most)
        return was_dead

    def failed(self, attempt: Attempt, now: float, first: float, most: float) -> None:
        """It could not be reached: less at once, or nothing for a while."""
        self._failures += 1
        if self._window > 1:
            self._window //= 2
            return
        if self._failures >= _DEAD_AFTER and now >= self.dead_until:
            self.dead_delay = min(max(2 * self.dead_delay, first), most)
            self.dead_until = now + self.dead_delay
            self.last_words = attempt

    def revive(self) -> None:
        """Forget what went wrong."""
        self._failures = 0
        self.dead_until = self.dead_delay = 0.0
        self.last_words = None


def is_unreachable(attempts: Sequence[Attempt]) -> bool:
    """The destination as a whole is in trouble, whatever the message.

    That is: all recipients are deferred for its network (X.4.Z of RFC 3463, section
    3.5, for example 4.4.1), or since it takes no mail now (4.3.2, as with 421).
    Greylisting, full mailboxes and policy don't count.
    """
    return all(
        attempt.outcome is Outcome.DEFERRED
        and (attempt.status.startswith("4.4.") or attempt.status == "4.3.2")
        for attempt in attempts
    )

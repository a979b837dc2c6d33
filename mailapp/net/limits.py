"""How many connections are taken, in total and from one address.

An address is an IPv4 address or an IPv6 /64: whoever has one address of a /64 has
them all. Being admitted costs two dictionary look-ups, so that refusing a flood is
cheaper than sending it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from enum import Enum
from ipaddress import IPv6Network
from typing import Final

from twisted.internet.interfaces import IReactorTime

from mailapp.net.addresses import Network, within

_MINUTE: Final = 60.0
_REMEMBERED: Final = 100_000
"""Addresses counted per minute; beyond that the minute starts anew."""

Observe = Callable[[str, int], None]
"""Told of an address (as :func:`key_of` spells it) and its connections here."""


class Limit(Enum):
    """Which limit was reached."""

    TOTAL = "connections in total"
    ADDRESS = "connections of one address"
    RATE = "connections a minute of one address"


def key_of(address: str) -> str:
    """What is counted as one: the IPv4 address, or the /64 of an IPv6 address."""
    if ":" not in address:
        return address
    return str(IPv6Network((address, 64), strict=False))


class Admission:
    """Counts connections; one for all listeners of a process that share the limits.

    Args:
        clock: for the rate.
        total: connections at once.
        per_address: connections at once from one address.
        per_minute: new connections a minute from one address.
        trusted: networks that are counted in the total but never refused, unless it
            is for want of descriptors.
        most: so many connections can be served with the descriptors there are.
        observe: told of every change, for the bus between workers.
    """

    def __init__(  # noqa: PLR0913 - one for each limit
        self,
        clock: IReactorTime,
        *,
        total: int = 10_000,
        per_address: int = 100,
        per_minute: int = 600,
        trusted: Sequence[Network] = (),
        most: int = 1_000_000,
        observe: Observe | None = None,
    ) -> None:
        self.total: Final = total
        self.per_address: Final = per_address
        self.per_minute: Final = per_minute
        self.trusted: Final = tuple(trusted)
        self.most: Final = most
        self.connections = 0
        self._clock = clock
        self._observe = observe
        self._here: dict[str, int] = {}
        self._elsewhere: dict[str, int] = {}
        self._recent: dict[str, int] = {}
        self._minute_ends = 0.0

    def enter(self, address: str) -> Limit | None:
        """Count a new connection, unless a limit is reached.

        Returns:
            None: it is in, and ``leave`` is owed; or the limit that keeps it out.
        """
        key = key_of(address)
        limit = self._reached(key)
        if limit is not None and not within(address, self.trusted):
            return limit
        if self.connections >= self.most:
            return Limit.TOTAL
        self.connections += 1
        self._note(key, self._here.get(key, 0) + 1)
        return None

    def leave(self, address: str) -> None:
        """A connection that was let in is gone."""
        key = key_of(address)
        self.connections -= 1
        self._note(key, self._here[key] - 1)

    def heard(self, key: str, connections: int) -> None:
        """The other workers hold so many connections of this key together."""
        if connections > 0:
            self._elsewhere[key] = connections
        else:
            self._elsewhere.pop(key, None)

    def _reached(self, key: str) -> Limit | None:
        recent = self._recent
        now = self._clock.seconds()
        if now >= self._minute_ends or len(recent) > _REMEMBERED:
            recent.clear()
            self._minute_ends = now + _MINUTE
        came = recent[key] = recent.get(key, 0) + 1
        if came > self.per_minute:
            return Limit.RATE
        held = self._here.get(key, 0) + self._elsewhere.get(key, 0)
        if held >= self.per_address:
            return Limit.ADDRESS
        return Limit.TOTAL if self.connections >= self.total else None

    def _note(self, key: str, count: int) -> None:
        if count:
            self._here[key] = count
        else:
            del self._here[key]
        if self._observe is not None:
            self._observe(key, count)

"""How a session writes what answers no event: much at a time, or at any time.

An answer leaves when it is whole. What IMAP says can be as long as a mailbox, and may
come while the client is silent; that goes through here, with back-pressure.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Final

from twisted.internet.defer import Deferred

from mailapp.net.lane import SLICE, Lane
from mailapp.net.pump import Pump

_NEVER: Final = -1.0


class Outlet:
    """The way out of one connection, for its session.

    Args:
        pump: of the connection.
        settle: the driver's: the peer's time stands still, or runs.
        lane: to give others a turn, after some time of its clock.
    """

    __slots__ = ("_lane", "_pump", "_seconds", "_settle", "_since")

    def __init__(self, pump: Pump, settle: Callable[[], None], lane: Lane) -> None:
        self._pump = pump
        self._settle = settle
        self._seconds = lane.clock.seconds
        self._lane = lane
        self._since = _NEVER

    def begin(self) -> None:
        """A command begins: it has a whole slice of time."""
        self._since = _NEVER

    def write(self, octets: bytes) -> None:
        """Keep octets until there are enough of them, or the answer comes."""
        self._pump.add(octets)

    def flush(self) -> None:
        """Let what was kept leave: no answer will come that takes it along."""
        self._pump.work()

    def pause(self) -> Awaitable[object] | None:
        """What to wait for before going on; None: go on.

        The peer has to read first, or others need a turn. What was kept leaves.
        """
        pump = self._pump
        if pump.full:
            room = pump.room = Deferred()
            pump.flush()
            self._settle()
            return room
        now = self._seconds()
        if self._since == _NEVER:
            self._since = now
        if now - self._since < SLICE:
            return None
        self._since = _NEVER
        pump.flush()
        return self._lane.turn()

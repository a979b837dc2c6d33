"""Turns for those who do long work in the reactor's thread.

Each of them goes on for a few milliseconds and then waits here. In one turn of the
reactor they get so much time together as one of them alone: a hundred clients that
fetch large mailboxes keep the others waiting no longer than one does.
"""

from __future__ import annotations

from collections import deque
from typing import Final

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime

SLICE: Final = 0.005
"""Seconds of long work in one turn of the reactor."""


class Lane:
    """One behind the other; who has had its turn waits at the end.

    Args:
        clock: the reactor, or a ``task.Clock`` in tests.
    """

    def __init__(self, clock: IReactorTime) -> None:
        self.clock: Final = clock
        self._waiting: deque[Deferred[None]] = deque()
        self._called = False

    def turn(self) -> Deferred[None]:
        """Fires when it is one's turn; may be canceled."""
        waited: Deferred[None] = Deferred()
        self._waiting.append(waited)
        self._call()
        return waited

    def _call(self) -> None:
        if not self._called:
            self._called = True
            self.clock.callLater(0, self._go)

    def _go(self) -> None:
        waiting, seconds = self._waiting, self.clock.seconds
        until = seconds() + SLICE
        for _ in range(len(waiting)):
            waited = waiting.popleft()
            if waited.called:  # it was canceled
                continue
            waited.callback(None)
            if seconds() >= until:
                break
        self._called = False
        if waiting:
            self._call()

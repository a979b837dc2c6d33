"""Sessions are asked now and then whether they may go on.

An account that is disabled, or has a new password, is noticed at the next command; a
peer that says nothing must not stay inside for that (threat 48).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from typing import ClassVar, Final

from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import LoopingCall
from twisted.logger import Logger

from mailapp.net.driver import Driver

INTERVAL: Final = 30.0  # seconds
_SLICE: Final = 100
"""Sessions asked in one turn of the reactor; others wait for the next."""


class Review:
    """Asks all connections, once per interval.

    Args:
        clock: a reactor, or a ``task.Clock`` in tests.
        drivers: gives those that are there.
    """

    log: ClassVar = Logger()

    def __init__(
        self, clock: IReactorTime, drivers: Callable[[], Iterable[Driver]]
    ) -> None:
        self._clock = clock
        self._drivers = drivers
        self._due: deque[Driver] = deque()
        self._loop = LoopingCall(self._begin)
        self._loop.clock = clock

    def start(self) -> None:
        """Begin; the first time is after an interval."""
        _ = self._loop.start(INTERVAL, now=False)

    def stop(self) -> None:
        """Ask nobody any more."""
        self._due.clear()
        if self._loop.running:
            self._loop.stop()

    def _begin(self) -> None:
        idle = not self._due
        self._due = deque(self._drivers())
        if idle:
            self._ask()

    def _ask(self) -> None:
        for _ in range(min(_SLICE, len(self._due))):
            try:
                self._due.popleft().review()
            except Exception:
                self.log.failure("at a review", event="review.failed")
        if self._due:
            self._clock.callLater(0, self._ask)

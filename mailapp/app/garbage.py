"""Keeps the collector of reference cycles from holding up everybody.

A pass of Python's collector over its oldest generation looks at all that there is: with
10,000 sessions that is 0.1 s, and it finds nothing, because a connection that ends
leaves no cycle behind (tests see to it). So what has survived a pass is not looked at
again (``gc.freeze``): each pass looks at what came since. Once in an hour, if nobody is
connected just then, there is time to look at everything.
"""

from __future__ import annotations

import gc
import time
from collections.abc import Callable
from typing import Any, Final

_THRESHOLDS: Final = (1000, 5, 2)
"""Of the generations; the oldest has a pass when 10,000 objects came."""
_LONG: Final = 0.002
"""Seconds; what a longer pass has left is not looked at again."""
_GROWTH: Final = 2
_SELDOM: Final = 3600.0


class Garbage:
    """How this process collects cycles.

    Args:
        seconds: a clock.
    """

    def __init__(self, seconds: Callable[[], float] = time.perf_counter) -> None:
        self._seconds = seconds
        self._began = 0.0
        self._spared = 0
        self._spared_at = 0.0

    def start(self) -> None:
        """From now on. What is there now stays for ever: it is not looked at again."""
        gc.set_threshold(*_THRESHOLDS)
        gc.callbacks.append(self._passed)
        self._spare_all()

    def tend(self, connections: int) -> None:
        """Look at everything, if nobody has to wait for it. Called now and then.

        Args:
            connections: that are open.
        """
        if connections or self._seconds() - self._spared_at < _SELDOM:
            return
        self._spared_at = self._seconds()
        # it counts them one by one: 10 ms for a million
        if gc.get_freeze_count() > _GROWTH * self._spared:
            gc.unfreeze()
            self._spare_all()

    def stop(self) -> None:
        """The collector is as it was."""
        gc.callbacks.remove(self._passed)

    def _spare_all(self) -> None:
        gc.collect()
        gc.freeze()
        self._spared = gc.get_freeze_count()
        self._spared_at = self._seconds()

    def _passed(self, phase: str, facts: dict[str, Any]) -> None:
        """Called by the collector at the start and the stop of each pass."""
        if phase == "start":
            self._began = self._seconds()
        elif facts["generation"] and self._seconds() - self._began > _LONG:
            gc.freeze()

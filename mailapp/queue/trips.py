"""Work that waits for the disk goes there together, in one thread trip.

What arrives while a trip is under way waits for its end and shares the next one, so the
disk commits its journal once for all of them. If more than one trip may be under way, a
trip that takes longer than a moment is not waited for.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from typing import Final, Generic, TypeVar

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime

from mailapp.net.steps import run
from mailapp.net.threads import InThread

MOMENT: Final = 0.008
"""Seconds after which what arrives does not wait for the last trip any more."""

_J = TypeVar("_J")
_R = TypeVar("_R")
Told = Callable[[_R | BaseException], object]
"""Hears what came of one job: the work's result, or why there was no trip."""


def now(call: Callable[[], None]) -> None:
    """Begin at once."""
    call()


class Trips(Generic[_J, _R]):
    """Used by the reactor's thread only.

    Args:
        in_thread: for ``work``.
        work: does several jobs, and gives a result for each. It blocks.
        clock: tells how long a trip takes.
        together: jobs of one trip.
        at_once: trips under way at the same time. With one, jobs are done in order.
        soon: calls what begins a trip, now, or when more jobs may have come.
    """

    def __init__(
        self,
        in_thread: InThread,
        work: Callable[[Sequence[_J]], Sequence[_R]],
        clock: IReactorTime,
        *,
        together: int = 16,
        at_once: int = 1,
        soon: Callable[[Callable[[], None]], object] = now,
    ) -> None:
        self._in_thread = in_thread
        self._work = work
        self._clock = clock
        self._together = together
        self._at_once = at_once
        self._soon = soon
        self._planned = False
        self._waiting: deque[tuple[_J, Told[_R]]] = deque()
        self._under_way = 0
        self._last_began = 0.0
        self._beginning = False

    @property
    def is_idle(self) -> bool:
        """Nothing waits and nothing is under way."""
        return not (self._waiting or self._under_way)

    def put(self, job: _J, told: Told[_R]) -> None:
        """Do it with the next trip."""
        self._waiting.append((job, told))
        if self._planned:
            return
        if not self._under_way or (
            self._under_way < self._at_once
            and self._clock.seconds() - self._last_began > MOMENT
        ):
            self._planned = True
            self._soon(self._begin_planned)

    def do(self, job: _J) -> Deferred[_R]:
        """As :meth:`put`, with a Deferred: a result that is an exception is raised."""
        told: Deferred[_R] = Deferred()
        self.put(job, lambda result: _fire(told, result))
        return told

    def _begin_planned(self) -> None:
        self._planned = False
        self._begin()

    def _begin(self) -> None:
        """Begin a trip; loop, and do not nest, if trips end at once."""
        if self._beginning:
            return
        self._beginning = True
        try:
            while self._waiting and self._under_way < self._at_once:
                count = min(self._together, len(self._waiting))
                self._take([self._waiting.popleft() for _ in range(count)])
                if self._under_way:
                    return
        finally:
            self._beginning = False

    def _take(self, batch: Sequence[tuple[_J, Told[_R]]]) -> None:
        self._under_way += 1
        self._last_began = self._clock.seconds()

        def done(results: Sequence[_R]) -> None:
            self._end(batch, results)

        def failed(problem: BaseException) -> None:
            self._end(batch, [problem] * len(batch))

        run(self._travel([job for job, _ in batch]), done, failed)

    async def _travel(self, jobs: Sequence[_J]) -> Sequence[_R]:
        results: Sequence[_R] = await self._in_thread(self._work, jobs)
        return results

    def _end(
        self,
        batch: Sequence[tuple[_J, Told[_R]]],
        results: Sequence[_R | BaseException],
    ) -> None:
        """A trip is over: begin the next before its results are told."""
        self._under_way -= 1
        self._begin()
        for (_, told), result in zip(batch, results, strict=True):
            told(result)


def _fire(told: Deferred[_R], result: _R | BaseException) -> None:
    if told.called:
        return
    if isinstance(result, BaseException):
        told.errback(result)
    else:
        told.callback(result)

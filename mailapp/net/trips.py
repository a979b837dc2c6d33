"""Work that waits for the disk goes there together, in one thread trip.

A trip costs the reactor and its threads a change of hands at every file call, and the
disk a commit of its journal at every sync. What arrives while trips are under way
therefore waits until one of them is over, and shares the next one. On a slow disk that
would be long for one that comes alone; so if more trips may be under way, what arrives
more than a moment after the last one began goes at once.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from typing import Final, Generic, TypeVar

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime

from mailapp.net.steps import run
from mailapp.net.threads import InThread

MOMENT: Final = 0.01
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
        work: does several jobs, and gives a result for each, or why there is none. It
            blocks.
        clock: tells how long a trip takes.
        together: jobs of one trip. The first is told when the last is done.
        at_once: trips under way at the same time, be it in a thread or on the way to
            one. With one, jobs are done in order.
        eager: no more jobs wait than trips are under way. So the trips grow with their
            number, and as many threads wait for the disk as there is work for.
        joins: may the second job share a trip that begins with the first? None: any.
        goes: called with each job when its trip begins; False: it is left out, and
            nobody is told. None: all go.
        soon: calls what begins a trip, now, or when more jobs may have come.
    """

    __slots__ = (
        "_at_once", "_beginning", "_clock", "_eager", "_goes", "_in_thread", "_joins",
        "_last_began", "_planned", "_soon", "_together", "_under_way", "_waiting",
        "_work",
    )  # fmt: skip

    def __init__(  # noqa: PLR0913 - the rules of all who wait for the disk
        self,
        in_thread: InThread,
        work: Callable[[Sequence[_J]], Sequence[_R | BaseException]],
        clock: IReactorTime,
        *,
        together: int = 16,
        at_once: int = 1,
        eager: bool = False,
        joins: Callable[[_J, _J], bool] | None = None,
        goes: Callable[[_J], bool] | None = None,
        soon: Callable[[Callable[[], None]], object] = now,
    ) -> None:
        self._in_thread = in_thread
        self._work = work
        self._clock = clock
        self._together = together
        self._at_once = at_once
        self._eager = eager
        self._joins = joins
        self._goes = goes
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

    def put(self, job: _J, told: Told[_R], *, alone: bool = False) -> None:
        """Do it with the next trip; or alone, and no other waits for it."""
        if alone:
            self._take([(job, told)])
            return
        self._waiting.append((job, told))
        if not self._planned and self._is_due():
            self._planned = True
            self._soon(self._begin_planned)

    def do(self, job: _J) -> Deferred[_R]:
        """As :meth:`put`, with a Deferred: a result that is an exception is raised."""
        told: Deferred[_R] = Deferred()
        self.put(job, lambda result: fire(told, result))
        return told

    def _is_due(self) -> bool:
        """Should a trip begin, before one that is under way is over?"""
        under_way = self._under_way
        return under_way < self._at_once and (
            not under_way
            or (self._eager and len(self._waiting) > under_way)
            or self._clock.seconds() - self._last_began > MOMENT
        )

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
                self._take(self._next())
                if self._under_way:
                    return
        finally:
            self._beginning = False

    def _next(self) -> Sequence[tuple[_J, Told[_R]]]:
        """Who goes on the next trip."""
        waiting, joins = self._waiting, self._joins
        batch = [waiting.popleft()]
        while waiting and len(batch) < self._together:
            if joins is not None and not joins(batch[0][0], waiting[0][0]):
                break
            batch.append(waiting.popleft())
        return batch

    def _take(self, batch: Sequence[tuple[_J, Told[_R]]]) -> None:
        """Begin a trip, if any of these goes."""
        if (goes := self._goes) is not None:
            batch = [each for each in batch if goes(each[0])]
        if not batch:
            return
        self._under_way += 1
        self._last_began = self._clock.seconds()

        def done(results: Sequence[_R | BaseException]) -> None:
            self._end(batch, results)

        def failed(problem: BaseException) -> None:
            self._end(batch, [problem] * len(batch))

        run(self._travel([job for job, _ in batch]), done, failed)

    async def _travel(self, jobs: Sequence[_J]) -> Sequence[_R | BaseException]:
        results: Sequence[_R | BaseException]
        results = await self._in_thread(self._work, jobs)
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


def fire(told: Deferred[_R], result: _R | BaseException) -> None:
    """Tell a Deferred, unless nobody waits for it any more."""
    if told.called:
        return
    if isinstance(result, BaseException):
        told.errback(result)
    else:
        told.callback(result)

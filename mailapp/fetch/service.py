"""Fetches on a schedule, for as long as a server runs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import ClassVar, Final

from attrs import define, frozen
from twisted.application.service import Service
from twisted.internet.defer import Deferred, DeferredList, DeferredSemaphore
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.logger import Logger

from mailapp.fetch.schedule import LASTING_FAILURES, first_wait, next_wait
from mailapp.fetch.session import BUSY, Fetcher
from mailapp.fetch.types import FetchProblem, Report, Source

AT_ONCE: Final = 4
"""Runs under way at the same time; the others wait for their turn."""


@frozen
class Appointment:
    """A source, and how often it is looked at.

    Attributes:
        name: of the source.
        every: seconds from one run to the next; 0: never by itself.
        load: gives the source, with the password that it has now; raises FetchProblem.
    """

    name: str
    every: float
    load: Callable[[], Source]


@define(eq=False)
class _Turn:
    """What is known of one appointment."""

    appointment: Appointment
    failures: int = 0
    call: IDelayedCall | None = None
    running: Deferred[None] | None = None


class FetchService(Service):
    """Fetches from each source in its interval, one run of a source at a time.

    What another process fetches from is left to it, and looked at later.

    Args:
        fetcher: does it.
        appointments: all sources.
        clock: for the intervals.
        chance: gives random numbers from 0 to 1.
    """

    name = "fetch"
    log: ClassVar = Logger()

    def __init__(
        self,
        fetcher: Fetcher,
        appointments: Sequence[Appointment],
        clock: IReactorTime,
        chance: Callable[[], float],
    ) -> None:
        self._fetcher = fetcher
        self._clock = clock
        self._chance = chance
        self._turns = [_Turn(one) for one in appointments if one.every]
        self._together = DeferredSemaphore(AT_ONCE)

    def startService(self) -> None:
        """Begin; the first runs come within a minute."""
        super().startService()  # type: ignore[no-untyped-call]  # Twisted's
        for turn in self._turns:
            wait = first_wait(turn.appointment.every, self._chance())
            turn.call = self._clock.callLater(wait, self._begin, turn)

    def stopService(self) -> Deferred[object]:
        """Hang up; fires when all is written down that was done."""
        super().stopService()  # type: ignore[no-untyped-call]  # Twisted's
        for turn in self._turns:
            if turn.call is not None and turn.call.active():
                turn.call.cancel()
        self._fetcher.hang_up()
        running = [turn.running for turn in self._turns if turn.running is not None]
        return DeferredList([_follow(one) for one in running]).addCallback(
            lambda _results: None
        )

    def _begin(self, turn: _Turn) -> None:
        turn.call = None
        turn.running = self._together.run(self._run, turn)
        _ = turn.running.addBoth(lambda _result: self._end(turn))

    def _run(self, turn: _Turn) -> Deferred[None]:
        return Deferred.fromCoroutine(self._fetch(turn)).addErrback(
            lambda failure: self.log.failure(
                "fetching from {source}",
                failure,
                event="fetch.run.crashed",
                source=turn.appointment.name,
            )
        )

    async def _fetch(self, turn: _Turn) -> None:
        if not self.running:
            return
        turn.failures += 1  # until it is known to have gone well
        try:
            report = await self._fetcher.run(turn.appointment.load())
        except FetchProblem as problem:
            report = Report(turn.appointment.name, problem=str(problem), lasting=True)
            self.log.warn(
                "fetching from {source}: {problem}",
                event="fetch.run.failed",
                source=report.source,
                problem=report.problem,
            )
        self._note(turn, report)

    def _note(self, turn: _Turn, report: Report) -> None:
        if not report.problem or report.problem == BUSY:
            turn.failures = 0
        elif report.lasting:
            turn.failures = max(turn.failures, LASTING_FAILURES)

    def _end(self, turn: _Turn) -> None:
        turn.running = None
        if self.running:
            every = turn.appointment.every
            wait = next_wait(every, turn.failures, self._chance())
            turn.call = self._clock.callLater(wait, self._begin, turn)


def _follow(other: Deferred[None]) -> Deferred[None]:
    """Fires with it, whatever comes of it."""
    follower: Deferred[None] = Deferred()
    _ = other.addBoth(lambda _result: follower.callback(None))
    return follower

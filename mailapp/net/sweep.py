"""One coarse timer for all deadlines of a process.

A DelayedCall per line would cost more than the line. Whoever has a deadline keeps it
in an attribute and moves it by assignment; once a second all of them are looked at.
"""

from __future__ import annotations

from collections import deque
from typing import ClassVar, Final, Protocol

from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import LoopingCall
from twisted.logger import Logger

_SLICE = 100
"""Subjects that expire in one turn of the reactor; others wait for the next."""


class Subject(Protocol):
    """What has a deadline."""

    deadline: float
    """Seconds on the sweep's clock; ``math.inf`` for none."""

    def expired(self, now: float) -> None:
        """The deadline passed. It is called every interval until it is moved."""


class Sweep:
    """Looks at the deadlines of all subjects, once per interval.

    It runs only while there is a subject.

    Args:
        clock: a reactor, or a ``task.Clock`` in tests.
        interval: seconds; a deadline is noticed at most this much too late.
    """

    log: ClassVar = Logger()

    def __init__(self, clock: IReactorTime, interval: float = 1.0) -> None:
        self.interval: Final = interval
        self._clock = clock
        self._subjects: set[Subject] = set()
        self._due: deque[Subject] = deque()
        self._loop = LoopingCall(self._look)
        self._loop.clock = clock

    def __len__(self) -> int:
        """How many are watched."""
        return len(self._subjects)

    def watch(self, subject: Subject) -> None:
        """Look at this one from now on."""
        self._subjects.add(subject)
        if not self._loop.running:
            running = self._loop.start(self.interval, now=False)
            _ = running.addErrback(self._broken)

    def unwatch(self, subject: Subject) -> None:
        """Forget it; one that is not watched is no error."""
        self._subjects.discard(subject)

    def stop(self) -> None:
        """Forget all of them and stop the timer."""
        self._subjects.clear()
        if self._loop.running:
            self._loop.stop()

    def _look(self) -> None:
        now = self._clock.seconds()
        due = [subject for subject in self._subjects if subject.deadline <= now]
        if due:
            idle = not self._due
            self._due.extend(due)
            if idle:
                self._expire()
        elif not self._subjects:
            self._loop.stop()

    def _expire(self) -> None:
        """Tell a slice of those that are due; a mass of them must not stall others."""
        now = self._clock.seconds()
        for _ in range(min(_SLICE, len(self._due))):
            subject = self._due.popleft()
            if subject.deadline > now or subject not in self._subjects:
                continue
            try:
                subject.expired(now)
            except Exception:
                self.log.failure("at a deadline", event="sweep.subject.failed")
        if self._due:
            self._clock.callLater(0, self._expire)

    def _broken(self, failure: object) -> None:
        self.log.critical("sweep stopped: {why}", why=failure, event="sweep.failed")

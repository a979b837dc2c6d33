"""One timer for all deadlines."""

from __future__ import annotations

import math
import time
from typing import Any

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from mailapp.net.sweep import Sweep


class _Subject:
    def __init__(self, sweep: Sweep, deadline: float) -> None:
        self.deadline = deadline
        self.expirations: list[float] = []
        self._sweep = sweep

    def expired(self, now: float) -> None:
        self.expirations.append(now)
        self._sweep.unwatch(self)
        if self.deadline < 0:
            raise LookupError


class SweepTests(SynchronousTestCase):
    """Deadlines that pass, move, and are forgotten."""

    def setUp(self) -> None:
        """A clock at 0."""
        self.clock = Clock()
        self.sweep = Sweep(self.clock)

    def watch(self, deadline: float) -> _Subject:
        """Add a subject."""
        subject = _Subject(self.sweep, deadline)
        self.sweep.watch(subject)
        return subject

    def test_passes(self) -> None:
        """It is noticed within an interval."""
        soon, later, never = self.watch(1.5), self.watch(3), self.watch(math.inf)
        self.clock.pump([1, 1])
        self.assertEqual((soon.expirations, later.expirations), ([2], []))
        self.clock.pump([1, 1])
        self.assertEqual((later.expirations, never.expirations), ([3], []))

    def test_moves(self) -> None:
        """To move it is an assignment."""
        subject = self.watch(1)
        subject.deadline = 10
        self.clock.pump([1] * 9)
        self.assertEqual(subject.expirations, [])

    def test_timer_runs_only_while_needed(self) -> None:
        """An idle process has no timer."""
        self.assertEqual(self.clock.getDelayedCalls(), [])
        subject = self.watch(math.inf)
        self.assertEqual(len(self.clock.getDelayedCalls()), 1)
        self.sweep.unwatch(subject)
        self.sweep.unwatch(subject)
        self.clock.pump([1, 1])
        self.assertEqual(self.clock.getDelayedCalls(), [])
        self.watch(0)
        self.sweep.stop()
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_one_that_raises(self) -> None:
        """It is logged; the others hear of their deadlines."""
        subjects = [self.watch(-1), self.watch(0), self.watch(-1)]
        self.clock.advance(1)
        self.assertEqual([len(s.expirations) for s in subjects], [1, 1, 1])
        self.assertEqual(len(self.flushLoggedErrors(LookupError)), 2)

    def test_mass(self) -> None:
        """Ten thousand that expire together do so in slices, each exactly once."""
        subjects = [self.watch(0) for _ in range(10_000)]
        told: list[int] = []
        later = self.clock.callLater

        def count(delay: float, *call: Any) -> Any:
            if not delay:
                told.append(sum(len(s.expirations) for s in subjects))
            return later(delay, *call)

        self.patch(self.clock, "callLater", count)
        self.clock.advance(1)
        self.assertEqual(told[:3], [100, 200, 300])
        self.assertEqual({len(s.expirations) for s in subjects}, {1})

    def test_cost(self) -> None:
        """A look at ten thousand takes a few milliseconds at most."""
        for _ in range(10_000):
            self.watch(math.inf)
        begun = time.process_time()
        self.clock.advance(1)
        self.assertLess(time.process_time() - begun, 0.02)

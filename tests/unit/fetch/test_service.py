"""The schedule, and the service that keeps it."""

from __future__ import annotations

from typing import Any, cast

from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from mailapp.fetch.ledger import Busy, Ledger
from mailapp.fetch.schedule import (
    LASTING_FAILURES,
    MOST_SECONDS,
    first_wait,
    next_wait,
)
from mailapp.fetch.service import Appointment, FetchService
from mailapp.fetch.session import BUSY
from mailapp.fetch.types import FetchProblem, Report, Source
from mailapp.storage.files import Files
from tests.unit.fetch.support import SOURCE

CHANCE = st.floats(0, 1)


class ScheduleTests(SynchronousTestCase):
    """When it is time again."""

    @given(st.floats(60, 604_800), st.integers(0, 100), CHANCE)
    def test_bounds(self, every: float, failures: int, chance: float) -> None:
        """Never much sooner than asked for, never later than four hours or that."""
        wait = next_wait(every, failures, chance)
        self.assertGreaterEqual(wait, every * 0.89)
        self.assertLessEqual(wait, max(every, MOST_SECONDS) * 1.11)
        self.assertLessEqual(first_wait(every, chance), 60)

    def test_back_off(self) -> None:
        """Each failure doubles the wait; success ends that."""
        waits = [next_wait(600, failures, 0.5) for failures in range(6)]
        self.assertEqual([600, 1200, 2400, 4800, 9600, 14_400], waits)


class Fetcher:
    """Stands for the real one."""

    def __init__(self) -> None:
        self.runs: list[Deferred[Report]] = []
        self.hung_up = 0

    async def run(self, source: Source) -> Report:
        """See :class:`mailapp.fetch.session.Fetcher`."""
        del source
        run: Deferred[Report] = Deferred()
        self.runs.append(run)
        return await run

    def hang_up(self) -> None:
        """Ends what is under way."""
        self.hung_up += 1
        for run in self.runs:
            if not run.called:
                run.callback(Report("old", problem="hung up"))


class ServiceTests(SynchronousTestCase):
    """The service on a clock."""

    def start(self, every: float = 600.0, load: Any = lambda: SOURCE) -> None:
        """One source."""
        self.clock = Clock()
        self.fetcher = cast(Any, Fetcher())
        appointment = Appointment("old", every, load)
        self.service = FetchService(
            self.fetcher, [appointment], self.clock, lambda: 0.5
        )
        self.service.startService()

    def runs(self) -> int:
        """How many there were."""
        return len(self.fetcher.runs)

    def test_interval(self) -> None:
        """A run begins an interval after the last has ended, never two at a time."""
        self.start()
        self.clock.advance(30)
        self.assertEqual(1, self.runs())
        self.clock.advance(10_000)
        self.assertEqual(1, self.runs())
        self.fetcher.runs[0].callback(Report("old"))
        self.clock.advance(599)
        self.assertEqual(1, self.runs())
        self.clock.advance(1)
        self.assertEqual(2, self.runs())

    def test_failures(self) -> None:
        """Failures make it wait longer, lasting ones at once; a busy one does not."""
        self.start()
        for report, wait in (
            (Report("old", problem="x"), 1200),
            (Report("old", problem="x"), 2400),
            (Report("old", problem="x", lasting=True), 600 * 2**LASTING_FAILURES),
            (Report("old", problem=BUSY), 600),
            (Report("old", problem="x"), 1200),
        ):
            self.clock.advance(30)
            self.fetcher.runs[-1].callback(report)
            before = self.runs()
            self.clock.advance(wait - 1)
            self.assertEqual(before, self.runs(), report)
            self.clock.advance(1)
            self.assertEqual(before + 1, self.runs(), report)

    def test_crash(self) -> None:
        """A bug is told, and the schedule goes on."""
        self.start()
        self.clock.advance(30)
        self.fetcher.runs[0].errback(ZeroDivisionError())
        self.assertEqual(1, len(self.flushLoggedErrors(ZeroDivisionError)))
        self.clock.advance(1200)
        self.assertEqual(2, self.runs())

    def test_no_password(self) -> None:
        """A password file that can't be read is a failure like others."""

        def load() -> Source:
            msg = "pw: No such file"
            raise FetchProblem(msg, lasting=True)

        self.start(load=load)
        self.clock.advance(30)
        self.assertEqual(0, self.runs())
        self.assertEqual(1, len(self.clock.getDelayedCalls()))

    def test_stop(self) -> None:
        """A stop hangs up, and waits for the end of what is under way."""
        self.start()
        self.clock.advance(30)
        stopped = self.service.stopService()
        self.assertEqual(1, self.fetcher.hung_up)
        self.successResultOf(stopped)
        self.assertEqual([], self.clock.getDelayedCalls())

    def test_by_hand(self) -> None:
        """What is never due is left alone."""
        self.start(every=0.0)
        self.assertEqual([], self.clock.getDelayedCalls())


class LockTests(SynchronousTestCase):
    """A ledger is locked against other processes, on a real disk."""

    def test_busy(self) -> None:
        """The second one is told, and the lock goes with its holder."""
        folder = self.mktemp().encode()
        first = Ledger.open(Files(), folder, "one")
        with self.assertRaises(Busy):
            Ledger.open(Files(), folder, "one")
        Ledger.open(Files(), folder, "two").close()
        first.close()
        first.close()
        Ledger.open(Files(), folder, "one").close()

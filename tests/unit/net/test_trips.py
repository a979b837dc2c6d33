"""mailapp.net.trips: work that goes to a thread together."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from mailapp.net.threads import inline
from mailapp.net.trips import Trips


class TripsTests(SynchronousTestCase):
    """Jobs are numbers, and the work squares them."""

    def setUp(self) -> None:
        """Nothing was done."""
        self.batches: list[list[int]] = []
        self.told: list[int | BaseException] = []

    def work(self, jobs: Sequence[int]) -> list[int]:
        """One trip."""
        self.batches.append(list(jobs))
        return [job * job for job in jobs]

    def test_at_once(self) -> None:
        """Nothing is waited for, if nobody says that more may come."""
        trips = Trips(inline, self.work, Clock())
        for job in 1, 2:
            trips.put(job, self.told.append)
        self.assertEqual((self.batches, self.told), ([[1], [2]], [1, 4]))
        self.assertTrue(trips.is_idle)

    def test_soon(self) -> None:
        """What comes until then goes together, up to a limit, and once."""
        planned: list[Callable[[], None]] = []
        trips = Trips(inline, self.work, Clock(), together=2, soon=planned.append)
        for job in 1, 2, 3:
            trips.put(job, self.told.append)
        self.assertEqual((len(planned), self.batches), (1, []))
        self.assertFalse(trips.is_idle)
        planned.pop()()
        self.assertEqual((self.batches, self.told), ([[1, 2], [3]], [1, 4, 9]))
        trips.put(4, self.told.append)
        planned.pop()()
        self.assertEqual(self.batches[2:], [[4]])

    def test_failure(self) -> None:
        """A trip that breaks is told to all who were on it."""

        def broken(_jobs: Sequence[int]) -> list[int]:
            raise ZeroDivisionError

        trips = Trips(inline, broken, Clock())
        trips.put(1, self.told.append)
        self.assertIsInstance(self.told[0], ZeroDivisionError)

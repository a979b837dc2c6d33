"""Long work of many takes no more of a turn than that of one."""

from __future__ import annotations

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from mailapp.net.lane import SLICE, Lane


class LaneTests(SynchronousTestCase):
    """Who waits gets on in order, a slice of time in a turn."""

    def setUp(self) -> None:
        """Nobody waits."""
        self.clock = Clock()
        self.lane = Lane(self.clock)
        self.went: list[int] = []

    def work(self, who: int, seconds: float, again: int = 0) -> Deferred[None]:
        """Wait for a turn, take so long, and perhaps wait for another."""
        waited = self.lane.turn()

        def go(_nothing: None) -> None:
            self.went.append(who)
            self.clock.rightNow += seconds
            if again:
                _ = self.work(who, seconds, again - 1)

        _ = waited.addCallback(go)
        return waited

    def turn(self) -> list[int]:
        """Who got on in one turn of the reactor."""
        before = len(self.went)
        calls, self.clock.calls = self.clock.calls, []
        for call in calls:  # and not those that they make, as a Clock would
            call.called = 1
            call.func(*call.args, **call.kw)
        return self.went[before:]

    def test_long_work(self) -> None:
        """One goes on in each turn, and all come round."""
        for who in range(3):
            _ = self.work(who, SLICE, again=1)
        self.assertEqual([self.turn() for _ in range(6)], [[n % 3] for n in range(6)])
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_short_work(self) -> None:
        """Many go on in one turn; who comes back waits for the next one."""
        for who in range(4):
            _ = self.work(who, SLICE / 10, again=1)
        self.assertEqual([self.turn(), self.turn()], [[0, 1, 2, 3]] * 2)

    def test_canceled(self) -> None:
        """Who does not wait any more costs nothing."""
        waited = [self.work(who, SLICE) for who in range(3)]
        waited[0].cancel()
        self.failureResultOf(waited[0], CancelledError)
        self.assertEqual([self.turn(), self.turn()], [[1], [2]])

"""The thread pool, with a reactor that is only a list."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from queue import Queue
from threading import Event, current_thread
from typing import Any, ClassVar, cast

from twisted.internet.defer import CancelledError, ensureDeferred
from twisted.trial.unittest import SynchronousTestCase

from mailapp.core.failures import TemporaryFailure
from mailapp.net import threads
from mailapp.net.threads import Pool, PoolFull, inline


class _Reactor:
    """Takes calls from threads; the test runs them."""

    def __init__(self) -> None:
        self.calls: Queue[Callable[[], None]] = Queue()

    def callFromThread(self, call: Callable[[], None]) -> None:  # noqa: N802
        self.calls.put(call)

    def turn(self) -> None:
        self.calls.get(timeout=5)()


class _Tardy(deque[Any]):
    """Something comes in just when somebody has found nothing."""

    late: ClassVar[list[Callable[[], object]]] = []

    def popleft(self) -> Any:
        try:
            return super().popleft()
        except IndexError:
            while self.late:
                self.late.pop()()
            raise


class PoolTests(SynchronousTestCase):
    """Jobs in, results out."""

    def setUp(self) -> None:
        """A pool of two threads and four jobs."""
        self.reactor = cast(Any, _Reactor())
        self.pool = Pool(self.reactor, "test", 2, limit=4)
        self.addCleanup(self.stop)

    def stop(self) -> None:
        """Let the threads end."""
        self.stopped(self.pool)

    def stopped(self, pool: Pool) -> None:
        """Wait until its threads have ended."""
        stopped = pool.stop()
        while not stopped.called:
            self.reactor.turn()

    def test_result(self) -> None:
        """It runs elsewhere, and the awaiter gets what it returns."""
        found = self.pool.run(lambda a: (a, current_thread().name), 1)
        self.reactor.turn()
        self.assertEqual(self.successResultOf(found), (1, "test-1"))
        self.assertEqual(self.pool.outstanding, 0)

    def test_failure(self) -> None:
        """The awaiter gets what it raises."""
        found = self.pool.run(int, "x")
        self.reactor.turn()
        self.failureResultOf(found, ValueError)

    def test_one_wake_for_a_batch(self) -> None:
        """Results that came while the reactor was busy are collected together."""
        gate, done = Event(), Event()
        first = self.pool.run(gate.wait, 5)
        second = self.pool.run(gate.wait, 5)
        third = self.pool.run(done.set)
        gate.set()
        done.wait(5)
        while not (first.called and second.called and third.called):
            self.reactor.turn()
        self.assertLessEqual(self.reactor.calls.qsize(), 1)

    def test_full(self) -> None:
        """Too much work is a temporary failure, at once."""
        gate = Event()
        found = [self.pool.run(gate.wait, 5) for _ in range(4)]
        self.assertRaises(PoolFull, self.pool.run, gate.wait)
        self.assertTrue(issubclass(PoolFull, TemporaryFailure))
        gate.set()
        while self.pool.outstanding:
            self.reactor.turn()
        for one in found:
            self.assertTrue(self.successResultOf(one))

    def test_cancel_before_it_begins(self) -> None:
        """What nobody waits for is not begun; others are not disturbed."""
        gate = Event()
        ran: list[int] = []
        running = [self.pool.run(gate.wait, 5) for _ in range(2)]
        waiting = self.pool.run(ran.append, 1)
        last = self.pool.run(ran.append, 2)
        waiting.cancel()
        self.failureResultOf(waiting, CancelledError)
        gate.set()
        while self.pool.outstanding:
            self.reactor.turn()
        self.successResultOf(last)
        self.assertEqual(ran, [2])
        self.assertEqual(len(running), 2)

    def test_cancel_while_it_runs(self) -> None:
        """It runs to its end; nobody hears of it."""
        gate = Event()
        found = self.pool.run(gate.wait, 5)
        found.cancel()
        self.failureResultOf(found, CancelledError)
        gate.set()
        self.reactor.turn()
        self.assertEqual(self.pool.outstanding, 0)

    def test_stop_finishes_what_was_queued(self) -> None:
        """Work that was taken is done before the pool is gone; no more is taken."""
        pool = Pool(self.reactor, "other", 1)
        found = [pool.run(int, "1") for _ in range(5)]
        stopped = pool.stop()
        self.assertRaises(PoolFull, pool.run, int)
        while not stopped.called:
            self.reactor.turn()
        self.assertEqual([self.successResultOf(one) for one in found], [1] * 5)

    def test_stop_without_threads(self) -> None:
        """A pool that never worked is gone at once."""
        self.successResultOf(Pool(self.reactor, "idle", 1).stop())

    def test_start(self) -> None:
        """The threads can be there before the work is."""
        self.pool.start()
        found = self.pool.run(int, "1")
        self.reactor.turn()
        self.assertEqual(self.successResultOf(found), 1)

    def test_comes_just_then(self) -> None:
        """A job that comes while its thread goes to rest is done like any other."""
        self.patch(threads, "deque", _Tardy)
        pool = Pool(self.reactor, "one", 1)
        found = [pool.run(int, "1")]
        _Tardy.late = [lambda: found.append(pool.run(int, "2"))]
        self.addCleanup(_Tardy.late.clear)
        while len(found) < 2 or pool.outstanding:
            self.reactor.turn()
        self.assertEqual([self.successResultOf(one) for one in found], [1, 2])
        self.stopped(pool)

    def test_inline(self) -> None:
        """For tests: the same, here and now."""
        self.assertEqual(self.successResultOf(ensureDeferred(inline(int, "1"))), 1)

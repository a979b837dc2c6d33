"""Coroutines driven by hand."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred, fail, succeed
from twisted.trial.unittest import SynchronousTestCase

from mailapp.net.steps import Run, run


class StepsTests(SynchronousTestCase):
    """To the end, through waits, or left in the middle."""

    def setUp(self) -> None:
        """Listen."""
        self.done: list[Any] = []
        self.failed: list[BaseException] = []

    def run_it(self, coroutine: Any) -> Run | None:
        """Drive it."""
        return run(coroutine, self.done.append, self.failed.append)

    def test_at_once(self) -> None:
        """One that never waits has ended when the call returns."""

        async def work() -> int:
            return 1

        self.assertIsNone(self.run_it(work()))
        self.assertEqual(self.done, [1])

    def test_raises_at_once(self) -> None:
        """The exception is handed on, not raised."""

        async def work() -> int:
            raise LookupError

        self.assertIsNone(self.run_it(work()))
        self.assertIsInstance(self.failed[0], LookupError)

    def test_waits(self) -> None:
        """It goes on with what each Deferred gives, and the Deferred keeps it."""
        first: Deferred[int] = Deferred()
        second: Deferred[int] = Deferred()

        async def work() -> int:
            return await first + await first + await second

        self.run_it(work())
        first.callback(1)
        second.callback(2)
        self.assertEqual(self.done, [4])

    def test_failures(self) -> None:
        """A failure is raised where it is awaited, and is no unhandled error then."""
        waited: Deferred[int] = Deferred()

        async def work() -> str:
            try:
                return str(await waited)
            except LookupError:
                return "caught"

        self.run_it(work())
        waited.errback(LookupError())
        self.assertEqual(self.done, ["caught"])

    def test_failure_goes_through(self) -> None:
        """One that is not caught is handed on, once."""
        waited: Deferred[int] = Deferred()

        async def work() -> int:
            return await waited

        self.run_it(work())
        waited.errback(LookupError())
        self.assertIsInstance(self.failed[0], LookupError)
        self.assertEqual(self.flushLoggedErrors(), [])

    def test_many_that_have_fired(self) -> None:
        """Ten thousand ready Deferreds need no deeper stack than one."""
        waited: Deferred[int] = Deferred()

        async def work() -> int:
            total = await waited
            for _ in range(10_000):
                total += await succeed(1)
            try:
                await fail(LookupError())
            except LookupError:
                return total
            return 0

        self.run_it(work())
        waited.callback(0)
        self.assertEqual(self.done, [10_000])

    def test_many_waits_in_a_row(self) -> None:
        """Deferreds that fire one another do not nest either."""
        waits: list[Deferred[int]] = [Deferred() for _ in range(3000)]

        async def work() -> int:
            return sum([await wait for wait in waits])

        self.run_it(work())
        for wait in waits:
            wait.callback(1)
        self.assertEqual(self.done, [3000])

    def test_what_is_no_deferred(self) -> None:
        """To await something else is a bug, raised where it is."""

        class Odd:
            def __await__(self) -> Any:
                yield "odd"

        async def work() -> None:
            await Odd()

        self.run_it(work())
        self.assertIsInstance(self.failed[0], TypeError)

    def test_cancel(self) -> None:
        """``finally`` runs, ``except Exception`` does not, what was awaited is told."""
        canceled: list[object] = []
        waited: Deferred[int] = Deferred(canceled.append)
        seen: list[str] = []

        async def work() -> None:
            try:
                await waited
            except Exception:
                seen.append("except")
            finally:
                seen.append("finally")

        running = self.run_it(work())
        assert running is not None
        running.cancel()
        running.cancel()
        self.assertEqual((seen, canceled), (["finally"], [waited]))
        self.assertEqual((self.done, self.failed), ([], []))

    def test_clean_up_may_wait(self) -> None:
        """What is awaited in ``finally`` is waited for; its end is heard by nobody."""
        waited: Deferred[int] = Deferred()
        cleaning: Deferred[int] = Deferred()
        seen: list[int] = []

        async def inner() -> None:
            try:
                await waited
            finally:
                seen.append(await cleaning)

        async def work() -> None:
            await inner()

        running = self.run_it(work())
        assert running is not None
        running.cancel()
        self.assertEqual(seen, [])
        cleaning.callback(7)
        self.assertEqual((seen, self.done, self.failed), ([7], [], []))

    def test_clean_up_that_fails(self) -> None:
        """It is logged, since nobody else would see it."""
        waited: Deferred[int] = Deferred()

        async def work() -> None:
            try:
                await waited
            finally:
                raise LookupError

        running = self.run_it(work())
        assert running is not None
        running.cancel()
        self.assertEqual(len(self.flushLoggedErrors(LookupError)), 1)

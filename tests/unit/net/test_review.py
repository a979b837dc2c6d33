"""Silent sessions are asked whether they may go on."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from mailapp.net.review import INTERVAL, Review
from tests.threats import threat
from tests.unit.net.driving import DriverCase
from tests.unit.net.toy import ToySession


class _Guest(ToySession):
    """Welcome until a test says otherwise."""

    answer: Any = True

    async def still_welcome(self) -> bool:
        if isinstance(self.answer, Exception):
            raise self.answer
        if isinstance(self.answer, Deferred):
            return bool(await self.answer)
        return bool(self.answer)


class ReviewTests(DriverCase):
    """One driver under review."""

    def setUp(self) -> None:
        """Sessions that can be asked."""
        super().setUp()
        self.addCleanup(setattr, _Guest, "answer", _Guest.answer)
        self.review = Review(self.clock, self.factory.drivers)
        self.review.start()
        self.addCleanup(self.review.stop)

    def guest(self) -> Any:
        """A connection whose session can be asked."""
        driver, transport = self.connect()
        driver._pump.session.__class__ = _Guest  # type: ignore[union-attr]  # of the toys
        return driver, transport

    @threat(48)
    def test_unwelcome(self) -> None:
        """Who is not welcome any more is out within an interval, without a command."""
        driver, transport = self.guest()
        self.clock.advance(INTERVAL)
        self.assertFalse(transport.disconnecting)
        driver.dataReceived(b"ECHO hi\r\n")  # its time is not up yet
        _Guest.answer = False
        self.clock.advance(INTERVAL)
        self.assertTrue(transport.disconnecting)
        self.assertEqual(transport.value(), b"hello\r\nhi\r\nnot welcome\r\n")

    def test_not_asked(self) -> None:
        """A session that has nothing to say to it stays."""
        _, transport = self.connect()
        self.clock.advance(INTERVAL)
        self.assertFalse(transport.disconnecting)

    def test_busy(self) -> None:
        """One that has a command under way is left alone: it asks by itself."""
        driver, transport = self.guest()
        driver.dataReceived(b"WAIT\r\n")
        _Guest.answer = False
        self.clock.advance(INTERVAL)
        self.assertFalse(transport.disconnecting)

    def test_answer_comes_late(self) -> None:
        """The question may have to wait; meanwhile the peer may go, or ask."""
        _, transport = self.guest()
        driver, _ = self.guest()
        works, busy = self.guest()
        answer: Deferred[bool] = Deferred()
        _Guest.answer = answer
        self.clock.advance(INTERVAL)
        self.assertFalse(transport.disconnecting)
        self.lose(driver)
        works.dataReceived(b"WAIT\r\n")
        answer.callback(False)  # noqa: FBT003 - the answer
        self.assertTrue(transport.disconnecting)
        self.assertEqual(busy.value(), b"hello\r\n")  # it is asked again

    def test_bug(self) -> None:
        """A bug in the question ends that connection and no other review."""
        _, transport = self.guest()
        _Guest.answer = LookupError()
        self.clock.advance(INTERVAL)
        self.assertEqual(len(self.flushLoggedErrors(LookupError)), 1)
        self.assertTrue(transport.disconnecting)


class SliceTests(SynchronousTestCase):
    """Many connections."""

    def test_slices(self) -> None:
        """A mass of them is asked in slices, each of them once."""
        asked: list[int] = []

        class _Driver:
            def review(self) -> None:
                asked.append(id(self))

        clock = Clock()
        drivers: Any = [_Driver() for _ in range(250)]
        review = Review(clock, lambda: drivers)
        review.start()
        turns: list[int] = []
        call_later = clock.callLater

        def later(seconds: float, call: Any, *arguments: Any) -> Any:
            if not seconds:
                turns.append(len(asked))
            return call_later(seconds, call, *arguments)

        self.patch(clock, "callLater", later)
        clock.advance(INTERVAL)
        self.assertEqual(turns, [100, 200])
        self.assertEqual((len(asked), len(set(asked))), (250, 250))
        review.stop()
        self.assertEqual(clock.getDelayedCalls(), [])

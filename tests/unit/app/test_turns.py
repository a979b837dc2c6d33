"""Long turns of the reactor are noticed, with what they were spent with."""

from __future__ import annotations

import os
from typing import Any

from twisted.logger import LogLevel, globalLogPublisher
from twisted.trial.unittest import SynchronousTestCase

from mailapp.app.reactor import MailReactor
from mailapp.app.turns import VARIABLE, Turns, watch_turns


class TurnsTests(SynchronousTestCase):
    """A turn is the time from one wait to the next."""

    def setUp(self) -> None:
        """A processor clock, and whoever listens to the log."""
        self.used = 0.0
        self.events: list[Any] = []
        observer: Any = self.events.append
        globalLogPublisher.addObserver(observer)
        self.addCleanup(globalLogPublisher.removeObserver, observer)
        self.turns = Turns(0.02, lambda: self.used)

    def long_turns(self) -> list[Any]:
        """What was logged."""
        return [e for e in self.events if e.get("event") == "reactor.turn.long"]

    def turn(self, seconds: float, *, seen: bool = False) -> None:
        """One of them; somebody may look meanwhile."""
        self.turns.began()
        if seen:
            self.turns.look()
        self.used += seconds
        self.turns.ended()

    def test_long(self) -> None:
        """Only one that is too long is told, with its time and its calls."""
        self.turn(0.019, seen=True)
        self.assertEqual(self.long_turns(), [])
        self.turn(0.021, seen=True)
        self.turn(0.001)
        [event] = self.long_turns()
        self.assertEqual(event["log_level"], LogLevel.warn)
        self.assertEqual(event["milliseconds"], 21.0)
        self.assertIn("test_turns.py", event["stack"])
        self.assertIn(" turn <", event["stack"])
        self.assertAlmostEqual(self.turns.longest, 0.021)

    def test_unseen(self) -> None:
        """A look at an earlier turn tells nothing of this one."""
        self.turn(0.001, seen=True)
        self.turn(0.03)
        [event] = self.long_turns()
        self.assertEqual(event["stack"], "-")

    def test_reactor(self) -> None:
        """What is due and what is read count; waiting does not."""
        reactor: Any = MailReactor()
        self.addCleanup(reactor.removeAll)
        self.turns.watch(reactor)
        reactor.iterate()
        for seconds in (0.5, 0.001):
            reactor.callLater(0, self.use, seconds)
            reactor.iterate()
        self.assertEqual([e["milliseconds"] for e in self.long_turns()], [500.0])

    def use(self, seconds: float) -> None:
        """Spend time."""
        self.used += seconds

    def test_off(self) -> None:
        """Nothing is measured unless the environment asks for it."""
        environment = {k: v for k, v in os.environ.items() if k != VARIABLE}
        self.patch(os, "environ", environment)
        reactor: Any = MailReactor()
        self.addCleanup(reactor.removeAll)
        poller = reactor._poller
        watch_turns(reactor)
        self.assertIs(reactor._poller, poller)

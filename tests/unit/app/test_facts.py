"""Tests of mailapp.app.facts: what one process tells, another one hears."""

from __future__ import annotations

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from mailapp.app.facts import SENT, TELL_ARRIVALS, TELL_EVERY, Facts
from mailapp.auth.throttle import Outcome
from mailapp.policy.allowance import Sent
from mailapp.storage.types import AccountId

ALICE = AccountId("alice@example.test")


class FactsTests(SynchronousTestCase):
    """Two processes with a bus between them."""

    def setUp(self) -> None:
        """One tells the other."""
        self.clock = Clock()
        self.messages = 0
        self.heard: list[object] = []
        self.other = Facts(self.clock, None)
        self.other.on_login = self.heard.append
        self.other.on_visit = self.heard.append
        self.other.on_sent = self.heard.append
        self.facts = Facts(self.clock, self.publish)
        self.facts.start()
        self.messages = 0
        self.addCleanup(self.facts.stop)

    def publish(self, topic: bytes, fact: bytes) -> None:
        """Over the bus."""
        self.messages += 1
        self.assertLess(len(fact), 65536)
        self.other.heard(topic, fact)

    def test_told(self) -> None:
        """Logins, visits and what was sent arrive as they were, a little later."""
        outcome = Outcome(ALICE, "192.0.2.1", good=False)
        self.facts.tell_login(outcome)
        self.facts.tell_visit(ALICE)
        self.facts.tell_sent(Sent(ALICE, 7))
        self.assertEqual(self.heard, [])
        self.clock.advance(TELL_EVERY)
        self.assertEqual(self.heard, [outcome, ALICE, Sent(ALICE, 7)])
        self.clock.advance(TELL_EVERY)
        self.assertEqual(self.messages, 3)

    def test_batches(self) -> None:
        """However much there is to tell, it goes in messages that the bus carries."""
        for number in range(1000):
            self.facts.tell_sent(Sent(f"{'x' * 200}{number}@example.test", number))
        self.clock.advance(TELL_EVERY)
        self.assertEqual(len(self.heard), 1000)
        self.assertEqual(self.messages, 5)

    def test_arrivals(self) -> None:
        """The first is told at once, what follows a moment later and together."""
        told: list[list[str]] = []
        self.other.on_arrivals = lambda texts: told.append(list(texts))
        for number in range(5):
            self.facts.tell_arrival(f"m{number}")
            self.clock.advance(0.001)
        self.assertEqual(told, [["m0"]])
        self.clock.advance(TELL_ARRIVALS)
        self.assertEqual(told, [["m0"], ["m1", "m2", "m3", "m4"]])
        self.clock.advance(TELL_ARRIVALS)
        self.facts.tell_arrival("m5")
        self.clock.advance(0)
        self.assertEqual(told[2:], [["m5"]])

    def test_not_understood(self) -> None:
        """What an older or newer process says is left out."""
        for fact in (b"", b"[1]", b'[{"who": "x"}]', b'[{"account": "x"}]'):
            self.other.heard(SENT, fact)
        self.assertEqual(self.heard, [])

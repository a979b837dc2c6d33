"""Tests of mailapp.auth.throttle."""

from __future__ import annotations

from attrs import evolve
from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from mailapp.auth import throttle as throttle_module
from mailapp.auth.throttle import (
    Attempt,
    Outcome,
    Pace,
    Paces,
    Throttle,
    network_of,
)
from mailapp.core.peer import Peer
from tests.rows import rows, tabled
from tests.threats import threat

HOME = Peer("192.0.2.1")
ATTACKER = Peer("203.0.113.7")


class ThrottleCase(SynchronousTestCase):
    """Has a clock, and logs in by hand."""

    def setUp(self) -> None:
        """Start at some time."""
        self.clock = Clock()
        self.clock.advance(1_000_000)
        self.seen: list[Outcome] = []
        self.throttle = Throttle(self.clock, observe=self.seen.append)

    def ask(self, account: str, peer: Peer) -> Deferred[Attempt | None]:
        """Ask to be admitted."""
        return Deferred.fromCoroutine(self.throttle.admit(account, peer))

    def attempt(self, account: str, peer: Peer, *, good: bool) -> float | None:
        """Try once, with all the waiting; how long it took, or None: refused."""
        start = self.clock.seconds()
        asked = self.ask(account, peer)
        while not asked.called:
            self.clock.advance(0.25)
        attempt = self.successResultOf(asked)
        if attempt is None:
            return None
        if good:
            attempt.succeeded()
        else:
            attempt.failed()
        attempt.close()
        return self.clock.seconds() - start


class GuessTests(ThrottleCase):
    """Those who guess."""

    def test_first_are_free(self) -> None:
        """People mistype; the first failures cost nothing."""
        waits = [self.attempt("alice", HOME, good=False) for _ in range(10)]
        self.assertEqual(waits, [0.0] * 10)

    @threat(39)
    def test_rate(self) -> None:
        """10,000 tries in an hour come to few that are evaluated."""
        evaluated = 0
        end = self.clock.seconds() + 3600
        for n in range(10_000):
            if self.clock.seconds() >= end:
                break
            if self.attempt(f"user{n}", ATTACKER, good=False) is None:
                self.clock.advance(0.36)
            else:
                evaluated += 1
        self.assertLess(evaluated, 100)

    @threat(39)
    def test_distributed(self) -> None:
        """Many addresses against one account are slowed down together."""
        evaluated = 0
        start = self.clock.seconds()
        for n in range(2_000):
            peer = Peer(f"198.51.{n >> 8}.{n & 255}")
            if self.attempt("alice", peer, good=False) is None:
                self.clock.advance(1)
            else:
                evaluated += 1
        self.assertLess(evaluated, 20 + (self.clock.seconds() - start) / 14)

    @threat(39)
    def test_many_at_once(self) -> None:
        """Attempts that run at the same time count before they have failed."""
        asked = [self.ask("alice", ATTACKER) for _ in range(500)]
        admitted = [one for one in asked if one.called and one.result is not None]
        refused = [one for one in asked if one.called and one.result is None]
        self.assertLess(len(admitted), 12)
        self.assertGreater(len(refused), 450)

    @threat(39)
    def test_good_account_buys_nothing(self) -> None:
        """An attacker with one account of his own can't wipe his slate with it."""
        for _ in range(30):
            self.attempt("alice", ATTACKER, good=False)
            self.attempt("mallory", ATTACKER, good=True)
        waits = [self.attempt("alice", ATTACKER, good=False) for _ in range(3)]
        self.assertNotEqual(waits, [0.0] * 3)

    def test_forgiven(self) -> None:
        """After an hour without failures all is forgiven."""
        for _ in range(14):
            self.attempt("alice", ATTACKER, good=False)
        self.clock.advance(3700)
        self.assertEqual(self.attempt("alice", ATTACKER, good=False), 0.0)

    def test_neither(self) -> None:
        """An attempt without an outcome counts for nothing."""
        for _ in range(100):
            attempt = self.successResultOf(self.ask("alice", HOME))
            assert attempt is not None
            attempt.close()
        self.assertEqual(self.seen, [])
        self.assertEqual(self.attempt("alice", HOME, good=False), 0.0)

    def test_gone_while_waiting(self) -> None:
        """A client that goes away while it waits leaves nothing behind."""
        for _ in range(11):
            self.attempt("alice", ATTACKER, good=False)
        waiting = self.ask("alice", ATTACKER)
        self.assertNoResult(waiting)
        waiting.cancel()
        self.failureResultOf(waiting)
        counts = self.throttle._by_account._entries["alice"]
        self.clock.advance(30)
        self.assertEqual(counts.under_way, 0)


class OwnerTests(ThrottleCase):
    """Those who were here before."""

    @threat(39)
    def test_not_locked_out(self) -> None:
        """While others guess at the account, its owner logs in at once."""
        self.attempt("alice", HOME, good=True)
        for n in range(200):
            self.attempt("alice", Peer(f"198.51.100.{n}"), good=False)
        stranger = self.attempt("alice", Peer("198.51.100.250"), good=True)
        self.assertNotEqual(stranger, 0.0)
        self.assertEqual(self.attempt("alice", HOME, good=True), 0.0)

    @threat(39)
    def test_neighbours(self) -> None:
        """Nor do failures of others behind the same address matter."""
        self.attempt("alice", HOME, good=True)
        for n in range(200):
            self.attempt(f"user{n}", HOME, good=False)
        self.assertEqual(self.attempt("alice", HOME, good=True), 0.0)

    @threat(39)
    def test_own_guesser(self) -> None:
        """Guesses from the owner's own address are slowed, never refused."""
        self.attempt("alice", HOME, good=True)
        waits = [self.attempt("alice", HOME, good=False) for _ in range(200)]
        self.assertNotIn(None, waits)
        self.assertGreaterEqual(sum(wait or 0 for wait in waits[100:]), 190)
        last = self.attempt("alice", HOME, good=True)
        assert last is not None
        self.assertLessEqual(last, 2.5)
        self.assertEqual(self.attempt("alice", HOME, good=True), 0.0)

    def test_known_for_a_while(self) -> None:
        """A good login is remembered for two weeks."""
        self.attempt("alice", HOME, good=True)
        self.clock.advance(15 * 86400)
        for n in range(20):
            self.attempt("alice", Peer(f"198.51.100.{n}"), good=False)
        self.assertNotEqual(self.attempt("alice", HOME, good=True), 0.0)

    def test_trusted(self) -> None:
        """Trusted networks are neither counted nor slowed."""
        peer = evolve(HOME, trusted=True)
        for _ in range(1000):
            self.assertEqual(self.attempt("alice", peer, good=False), 0.0)
        self.assertEqual(self.seen, [])
        self.assertEqual(self.attempt("alice", HOME, good=False), 0.0)


@tabled
class ShareTests(ThrottleCase):
    """Several processes."""

    @threat(39)
    def test_learn(self) -> None:
        """What one worker sees, another one acts upon."""
        other = Throttle(self.clock)
        for _ in range(20):
            self.attempt("alice", ATTACKER, good=False)
        self.attempt("bob", HOME, good=True)
        for outcome in self.seen:
            other.learn(outcome)
        self.throttle = other
        first = self.attempt("alice", ATTACKER, good=False)
        second = self.attempt("alice", ATTACKER, good=False)
        self.assertTrue(first is None or second is None or second > 1)
        self.assertEqual(self.attempt("bob", HOME, good=True), 0.0)

    def test_only_news(self) -> None:
        """An owner who comes every minute is told of once, not every minute."""
        for _ in range(100):
            self.attempt("alice", HOME, good=True)
        self.assertEqual(len(self.seen), 1)
        self.attempt("alice", HOME, good=False)
        self.attempt("alice", HOME, good=True)
        self.assertEqual([one.good for one in self.seen], [True, False, True])
        self.clock.advance(8 * 86400)
        self.attempt("alice", HOME, good=True)
        self.assertEqual(len(self.seen), 4)

    @rows(
        ipv4=("192.0.2.1", "192.0.2.1"),
        mapped=("::ffff:192.0.2.1", "192.0.2.1"),
        ipv6=("2001:db8:0:1::1", "20010db800000001/64"),
    )
    def test_network(self, address: str, expected: str) -> None:
        """An IPv6 host has a /64 to play with, so that is what counts."""
        self.assertEqual(network_of(Peer(address)), expected)

    def test_same_64(self) -> None:
        """Two addresses of one /64 are one client."""
        one, other = Peer("2001:db8:0:1::1"), Peer("2001:db8:0:1:ffff::2")
        self.assertEqual(network_of(one), network_of(other))
        self.assertNotEqual(network_of(one), network_of(Peer("2001:db8:0:2::1")))

    @settings(deadline=None, max_examples=50)
    @given(st.integers(0, 10_000))
    def test_pace(self, failures: int) -> None:
        """Distances grow to their limit and never shrink."""
        pace = Pace(5, 0.5, 60.0)
        here, there = pace.interval(failures), pace.interval(failures + 1)
        self.assertLessEqual(here, there)
        self.assertLessEqual(there, 60.0)

    def test_bounded(self) -> None:
        """Names that nobody has fill no memory."""
        self.patch(throttle_module, "ENTRIES_LIMIT", 100)
        throttle = Throttle(self.clock, Paces())
        for n in range(1000):
            throttle.learn(Outcome(f"user{n}", f"net{n}", good=n % 2 == 0))
        self.assertLessEqual(len(throttle._by_account._entries), 100)
        self.assertLessEqual(len(throttle._by_address._entries), 100)
        self.assertLessEqual(len(throttle._known), 100)

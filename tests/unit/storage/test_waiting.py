"""Deliveries that wait for the disk together."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock

from mailapp.net.threads import PoolFull
from mailapp.net.trips import MOMENT
from mailapp.storage.maildir.sink import Sink
from mailapp.storage.maildir.waiting import (
    MOST_TOGETHER,
    Delivery,
    Outcomes,
    deliveries,
)
from mailapp.storage.types import Destination, Unavailable
from tests.contract.store_case import now
from tests.unit.storage.maildir_case import ALICE, BOB, TEXT, MaildirCase


class Threads:
    """Thread trips that end when the test says so."""

    def __init__(self) -> None:
        self.trips: list[tuple[Deferred[Any], Callable[[], Any]]] = []

    def run(self, work: Callable[..., Any], *arguments: Any) -> Awaitable[Any]:
        """See ``InThread``."""
        over: Deferred[Any] = Deferred()
        self.trips.append((over, lambda: work(*arguments)))
        return over

    def end(self) -> None:
        """Do the work of the first trip, and come back."""
        over, work = self.trips.pop(0)
        over.callback(work())


class DeliveriesTests(MaildirCase):
    """What arrives during a trip shares the next one."""

    def setUp(self) -> None:
        """Deliveries whose trips are noted by the number of their messages."""
        super().setUp()
        self.threads = Threads()
        self.clock = Clock()
        self.sizes: list[int] = []
        self.trips = deliveries(self.threads.run, self.work, self.clock)

    def work(self, batch: Sequence[Delivery]) -> Sequence[Outcomes]:
        """All is delivered."""
        self.sizes.append(len(batch))
        return [[None] * len(delivery.destinations) for delivery in batch]

    def sink(self, text: bytes = TEXT) -> Sink:
        """One with a message in it."""
        sink = self.store.stage()
        now(sink.write(text))
        return sink

    def begin(self, *sinks: Sink) -> list[Deferred[Outcomes]]:
        """Deliver each to one mailbox."""
        return [self.send(sink, [Destination(ALICE)]) for sink in sinks]

    def send(
        self, sink: Sink, destinations: Sequence[Destination]
    ) -> Deferred[Outcomes]:
        """As the store does."""
        delivery = Delivery(sink, destinations)
        self.trips.put(delivery, delivery.ended, alone=delivery.is_large)
        return delivery.told

    def test_together(self) -> None:
        """The first goes at once, then more and more together; the rest behind them."""
        told = self.begin(*[self.sink() for _ in range(8)])
        self.assertEqual(len(self.threads.trips), 3)
        self.threads.end()
        self.assertEqual([t.called for t in told], [True] + [False] * 7)
        while self.threads.trips:
            self.threads.end()
        self.assertEqual(self.sizes, [1, 2, 3, 2])
        self.assertEqual([self.successResultOf(t) for t in told], [[None]] * 8)
        self.assertEqual(self.threads.trips, [])

    def test_most(self) -> None:
        """A trip has an end: so many go together and no more."""
        self.begin(*[self.sink() for _ in range(200)])
        while self.threads.trips:
            self.threads.end()
        self.assertEqual(max(self.sizes), MOST_TOGETHER)
        self.assertEqual(sum(self.sizes), 200)

    def test_slow_disk(self) -> None:
        """Nobody waits for a trip that takes long; who waited goes along."""
        self.begin(*[self.sink() for _ in range(4)])
        self.assertEqual(len(self.threads.trips), 2)
        self.clock.advance(MOMENT * 2)
        self.begin(self.sink())
        self.assertEqual(len(self.threads.trips), 3)
        while self.threads.trips:
            self.threads.end()
        self.assertEqual(self.sizes, [1, 2, 2])

    def test_alone(self) -> None:
        """A large message, and one for many mailboxes, make no other one wait."""
        self.begin(self.sink())
        self.begin(self.sink(TEXT * 9999))
        many = [Destination(BOB)] * (MOST_TOGETHER + 1)
        _ = self.send(self.sink(), many)
        self.assertEqual(len(self.threads.trips), 3)

    def test_canceled(self) -> None:
        """Who leaves before the trip is left out; who leaves later is not told."""
        sinks = [self.sink() for _ in range(5)]
        told = self.begin(*sinks)
        for gone in (told[0], told[3]):
            _ = gone.addErrback(lambda _: None)
            gone.cancel()
        for sink in sinks:
            sink.abort()  # as the session does; a thread has the first, so it stays
        self.assertEqual([s.finish().size for s in sinks[:1]], [len(TEXT)])
        while self.threads.trips:
            self.threads.end()
        self.assertEqual(self.sizes, [1, 2, 1])
        free = 32 * 1024 * 1024
        self.assertEqual(self.store._sinks.memory.free, free)

    def test_bug(self) -> None:
        """An exception is told to all of the batch, and the next one goes on."""
        told = self.begin(self.sink(), self.sink())
        over, _ = self.threads.trips.pop(0)
        over.errback(RuntimeError())
        self.failureResultOf(told[0], RuntimeError)
        self.threads.end()
        self.assertEqual(self.successResultOf(told[1]), [None])

    def test_no_thread(self) -> None:
        """When the thread pool is full, each is told that it may pass."""
        (told,) = self.begin(self.sink())
        over, _ = self.threads.trips.pop(0)
        over.errback(PoolFull())
        (outcome,) = self.successResultOf(told)
        self.assertIsInstance(outcome, Unavailable)


class TogetherTests(MaildirCase):
    """Several messages in one trip of a store."""

    def deliver_together(self, *to: Sequence[Destination]) -> list[list[Any]]:
        """Two trips: the first message, then all others."""
        threads = Threads()
        store = self.make_store(threads.run)
        told: list[list[Any]] = []
        for number, destinations in enumerate(to):
            sink = store.stage()
            now(sink.write(b"%d\r\n" % number + TEXT))
            waiting = store.deliver(sink, destinations)
            done = Deferred.fromCoroutine(waiting)
            _ = done.addCallback(
                lambda outcomes: told.insert(len(told), list(outcomes))
            )
        while threads.trips:
            threads.end()
        return told

    def test_delivered(self) -> None:
        """Each lies where it should, whole, and nothing is left over."""
        alice, bob = Destination(ALICE), Destination(BOB)
        told = self.deliver_together([alice], [alice], [alice, bob], [bob])
        self.assertEqual(told, [[None], [None], [None, None], [None]])
        bodies = sorted((self.root / n).read_bytes()[:1] for n in self.all_files())
        self.assertEqual(b"".join(bodies), b"01223")

    def test_one_sync(self) -> None:
        """A directory that gets several names is synced once."""
        synced = self.synced()
        self.deliver_together(*[[Destination(ALICE)]] * 5)
        self.assertEqual(len(synced), 3)  # of trips with one, two and two

    def test_failed_sync(self) -> None:
        """Nobody whose directory could not be synced is told 250, nor has a file."""
        self.files.failing = "sync"
        told = self.deliver_together(*[[Destination(ALICE)]] * 3)
        self.assertEqual([type(t[0]) for t in told], [Unavailable] * 3)
        self.assertEqual(self.all_files(), set())

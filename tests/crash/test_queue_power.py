"""Power cuts at every call of everything that the queue calls durable."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from attrs import define, field
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from mailapp.core.envelope import Notify
from mailapp.net.steps import finish
from mailapp.queue.interfaces import Consignment
from mailapp.queue.settling import SYNC_DELAY
from mailapp.queue.types import Attempt, Outcome
from mailapp.storage.files import Directory
from tests.crash.explore import explore
from tests.crash.powercut import Disk
from tests.threats import threat
from tests.unit.queue.postman import BEGIN, TEXT, Post, attempt, envelope

LARGE = b"0123456\r\n" * 10_000


def started(disk: Disk, after: float = 0.0) -> Post:
    """A postman on the disk, as a process that was just started."""
    clock = Clock()
    clock.advance(BEGIN + after)
    return Post(Path("/queue"), disk, clock)


def idle(post: Post) -> None:
    """Let removals come to their end."""
    for _ in range(3):
        post.clock.advance(SYNC_DELAY)


@define
class Fate:
    """What happened to the messages so far, as the world outside sees it.

    Attributes:
        acked: those whose sender was told 250.
        taken: recipient to how often the next server took the message.
    """

    acked: set[str] = field(factory=set)
    taken: dict[str, int] = field(factory=dict)


class Forgetful(Disk):
    """A disk whose fsync does nothing."""

    def fsync(self, fd: int) -> None:
        """Does nothing."""
        self._call()


class HalfForgetful(Disk):
    """Files are synced, directories are not."""

    def sync(self, directory: Directory) -> None:
        """Does nothing."""
        self._call()


class QueuePowerTests(SynchronousTestCase):
    """Each test plays all cuts of one action, and asks what is left."""

    disk: type[Disk] = Disk
    of: Any = None
    by_domain: dict[str, Outcome]

    def setUp(self) -> None:
        """One message for one recipient, who takes it."""
        self.of = envelope()
        self.text = TEXT
        self.by_domain = {}
        self.final: dict[str, int] = {}

    def answering(self, post: Post) -> None:
        """The next servers; what they take counts when they take it."""

        def answer(consignment: Consignment, place: int) -> Attempt:
            address = consignment.entry.envelope.recipients[place].address
            outcome = self.by_domain.get(address.domain, Outcome.RELAYED)
            if outcome is Outcome.RELAYED:
                name = str(address)
                self.fate.taken[name] = self.fate.taken.get(name, 0) + 1
            return attempt(outcome, post.clock.seconds())

        post.carrier.answer = answer

    def empty(self) -> Disk:
        """A disk with a queue in it."""
        self.fate = Fate()
        disk = self.disk()
        started(disk).spool.prepare()
        disk.settle()
        return disk

    def filled(self) -> Disk:
        """A queue with a message that was not tried."""
        disk = self.empty()
        started(disk).put(self.of, self.text)
        self.fate.acked.add(self.of.id)
        disk.settle()
        return disk

    def commit(self, disk: Disk) -> None:
        """Put the message into the queue."""
        started(disk).put(self.of, self.text)
        self.fate.acked.add(self.of.id)

    def carry(self, disk: Disk) -> None:
        """Let the postman work until there is nothing to do."""
        post = started(disk)
        self.answering(post)
        post.start()
        idle(post)
        for domain, outcome in self.by_domain.items():
            if outcome is Outcome.DEFERRED:
                self.by_domain[domain] = Outcome.RELAYED
                post.clock.advance(600)
        idle(post)

    def check_entries(self, disk: Disk) -> None:
        """What was acknowledged is there, whole, and nothing else is."""
        post = started(disk)
        finish(post.custody.take())
        found = [entry.id for entry in post.entries()]
        self.assertLessEqual(self.fate.acked, set(found), "acknowledged mail is lost")
        self.assertEqual(disk.names(b"/queue/corrupt"), [], "half a message is visible")
        post.start()
        for content in post.carrier.contents:
            self.assertEqual(content, self.text)

    def check_ends(self, disk: Disk) -> None:
        """After a restart everybody gets it, at most twice; nothing is left."""
        before = dict(self.fate.taken)
        outcomes = dict(self.by_domain)
        fate, self.fate = self.fate, Fate(taken=dict(self.fate.taken))
        self.by_domain = {
            domain: Outcome.FAILED if outcome is Outcome.FAILED else Outcome.RELAYED
            for domain, outcome in self.by_domain.items()
        }
        post = started(disk, after=100_000)
        self.answering(post)
        post.start()
        idle(post)
        for recipient in self.of.recipients:
            if self.by_domain.get(recipient.address.domain) is Outcome.FAILED:
                continue
            name = str(recipient.address)
            self.assertIn(name, self.fate.taken, "acknowledged mail is lost")
            again = self.fate.taken[name] - before.get(name, 0)
            self.assertLessEqual(again, 1)
            self.assertLessEqual(self.fate.taken[name], 2, "more than one duplicate")
        self.assertEqual(post.entries(), [])
        self.final = self.fate.taken
        self.fate, self.by_domain = fate, outcomes

    @threat(114)
    def test_commit(self) -> None:
        """What was acknowledged is in the queue, whole (FI-11)."""
        self.assertGreater(explore(self.empty, self.commit, self.check_entries), 5)

    @threat(114)
    def test_commit_large(self) -> None:
        """The same for a content that went through a file."""
        self.text = LARGE
        self.assertGreater(explore(self.empty, self.commit, self.check_entries), 5)

    def test_negative_control(self) -> None:
        """The checker reports loss on a disk that forgets, and half loss too."""
        for forgetful in Forgetful, HalfForgetful:
            self.disk = forgetful
            with self.assertRaises(AssertionError) as caught:
                explore(self.empty, self.commit, self.check_entries)
            self.assertRegex(str(caught.exception), "lost|half")

    @threat(114)
    def test_relay(self) -> None:
        """A message that is delivered at once is never lost."""
        self.assertGreater(explore(self.filled, self.carry, self.check_ends), 3)

    @threat(114)
    def test_defer(self) -> None:
        """One that is deferred and then delivered is not lost either."""

        def act(disk: Disk) -> None:
            self.by_domain = {"far.test": Outcome.DEFERRED}
            self.carry(disk)

        self.assertGreater(explore(self.filled, act, self.check_ends), 10)

    @threat(114)
    def test_partly(self) -> None:
        """Of several recipients each gets it, one has a failure, none is forgotten."""
        self.of = envelope("m1", "x@a.test", "y@b.test", "z@c.test", "w@a.test")

        def act(disk: Disk) -> None:
            self.by_domain = {"b.test": Outcome.DEFERRED, "c.test": Outcome.FAILED}
            self.carry(disk)

        self.assertGreater(explore(self.filled, act, self.check_ends), 30)

    @threat(114)
    def test_recorded_is_not_sent_again(self) -> None:
        """What was recorded is not repeated, wherever the power is cut later."""
        self.of = envelope("m1", "x@a.test", "y@b.test", notify=Notify.NEVER)

        def prepare() -> Disk:
            disk = self.filled()
            self.by_domain = {"b.test": Outcome.DEFERRED}
            post = started(disk)
            self.answering(post)
            post.start()
            disk.settle()
            return disk

        def act(disk: Disk) -> None:
            self.by_domain = {}
            post = started(disk, after=100_000)
            self.answering(post)
            post.start()
            idle(post)

        def check(disk: Disk) -> None:
            self.check_ends(disk)
            self.assertEqual(self.final["x@a.test"], 1, "recorded, but sent again")

        self.assertGreater(explore(prepare, act, check), 3)

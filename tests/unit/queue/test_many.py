"""Much that waits, destinations that are down, files that are damaged."""

from __future__ import annotations

import os
import tracemalloc
from pathlib import Path

from twisted.internet.task import Clock

from mailapp.core.failures import TemporaryFailure
from mailapp.events.record import Kind
from mailapp.net.steps import finish
from mailapp.queue.lane import Lane, LaneLimits
from mailapp.queue.lanes import Limits
from mailapp.queue.schedule import DAY
from mailapp.queue.tray import arrival_text
from mailapp.queue.types import Destination, Outcome
from mailapp.storage.files import Directory, Files
from tests.threats import threat
from tests.unit.queue.postman import BEGIN, TEXT, Post, PostCase, attempt, envelope

MANY = int(os.environ.get("MAILAPP_MANY", "1000"))
"""Entries of the large queue; the promise is made for 100,000."""


class DestinationTests(PostCase):
    """One destination does not disturb another."""

    limits = Limits(lane=LaneLimits(first=2, most=4), under_way=6, active=8)

    def unanswered(self) -> None:
        """Nobody answers at down.test."""

        def answer(consignment: object, _place: int) -> object:
            down = consignment.destination.key == "down.test"  # type: ignore[attr-defined]
            outcome = Outcome.DEFERRED if down else Outcome.RELAYED
            return attempt(outcome, self.clock.seconds(), "4.4.1" if down else "")

        self.post.carrier.answer = answer  # type: ignore[assignment]

    def test_window(self) -> None:
        """A new destination gets a few at once, one that takes them gets more."""
        self.post.carrier.held = True
        for number in range(20):
            self.post.put(envelope(f"m{number}"))
        self.assertEqual(len(self.post.carrier.waiting), 2)
        while self.post.carrier.waiting:
            self.post.carrier.release()
        self.assertEqual(self.post.carrier.most, 4)
        self.assertEqual(len(self.post.carrier.taken), 20)
        self.assertEqual(self.left(), [])

    def test_slow_destination(self) -> None:
        """What is slow holds its own places only."""
        self.post.carrier.held = True
        for number in range(20):
            self.post.put(envelope(f"m{number}", "x@slow.test"))
        self.post.put(envelope("new", "x@far.test"))
        self.post.carrier.release(2)
        self.assertEqual(self.post.carrier.taken, [("new", "x@far.test")])

    @threat(119)
    def test_dead_destination(self) -> None:
        """It is asked now and then; when it answers, all that waits goes."""
        self.unanswered()
        for number in range(30):
            self.post.put(envelope(f"m{number}", "x@down.test"))
        asked = len(self.post.carrier.carried)
        self.assertLess(asked, 10)
        self.assertEqual(self.post.events.kinds("m29"), [Kind.DEFERRED])
        self.wait(3600)
        self.assertLess(len(self.post.carrier.carried) - asked, 30)
        self.post.put(envelope("new", "x@far.test"))
        self.assertIn(("new", "x@far.test"), self.post.carrier.taken)
        self.always(Outcome.RELAYED)
        self.wait(7200)
        self.assertEqual(len(self.post.carrier.taken), 31)
        self.assertEqual(self.left(), [])

    def test_dead_for_long(self) -> None:
        """What waits for a destination that never comes back has its end, too."""
        self.unanswered()
        for number in range(5):
            self.post.put(envelope(f"m{number}", "x@down.test"))
        self.wait(5 * DAY + 10)
        self.assertEqual(self.left(), [])
        for number in range(5):
            kinds = self.post.events.kinds(f"m{number}")
            self.assertEqual(kinds.count(Kind.EXPIRED), 1)
            self.assertEqual(kinds.count(Kind.REPORTED), 2)  # delay and end

    def test_priority(self) -> None:
        """What is urgent goes first (RFC 6710)."""
        self.post.carrier.held = True
        for number in range(5):
            self.post.put(envelope(f"m{number}"))
        self.post.put(envelope("urgent", priority=3))
        self.post.carrier.release()
        self.assertEqual(self.post.carrier.waiting[1][0].entry.id, "urgent")

    def test_bug_of_the_carrier(self) -> None:
        """A carrier that breaks loses nothing."""
        self.post.carrier.answer = lambda _consignment, _place: 1 // 0  # type: ignore[assignment,return-value]
        self.post.put(envelope())
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)
        self.always(Outcome.RELAYED)
        self.wait(600)
        self.assertEqual(self.post.carrier.taken, [("m1", "bob@far.test")])

    def test_hold_until(self) -> None:
        """FUTURERELEASE: not before its time, also after a restart (RFC 4865)."""
        self.post.put(envelope(hold_until=BEGIN + 1000))
        self.wait(500)
        self.restart()
        self.wait(499)
        self.assertEqual(self.post.carrier.carried, [])
        self.wait(2)
        self.assertEqual(len(self.post.carrier.taken), 1)


class Hasty(Files):
    """Syncs nothing: these tests cut no power."""

    def fsync(self, fd: int) -> None:
        """See :class:`Files`."""

    def sync(self, directory: Directory) -> None:
        """See :class:`Files`."""


class ManyTests(PostCase):
    """A large queue."""

    files = Hasty()

    def test_new_message_goes(self) -> None:
        """However much is deferred, a new message goes at once, also after a start."""
        self.always(Outcome.DEFERRED)
        for number in range(MANY):
            self.post.put(envelope(f"m{number}", f"x@d{number % 50}.test"))
        self.restart()
        self.assertEqual(self.post.carrier.carried, [])
        self.assertEqual(self.post.dispatcher.carrying.waiting.lanes.waiting, MANY)
        self.always(Outcome.RELAYED)
        self.post.put(envelope("new", "x@d1.test"))
        self.assertEqual(self.post.carrier.taken, [("new", "x@d1.test")])
        self.wait(900)
        self.assertEqual(len(self.post.carrier.taken), MANY + 1)
        self.assertEqual(self.left(), [])

    def test_memory(self) -> None:
        """An entry that waits takes less than 100 octets of memory."""
        lane = Lane(Destination("far.test"), LaneLimits())
        tracemalloc.start()
        try:
            before, _ = tracemalloc.get_traced_memory()
            for number in range(10_000):
                lane.put_off(f"{number:016x}", BEGIN + number, 0)
            after, _ = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        self.assertLess((after - before) / 10_000, 100)


class StartTests(PostCase):
    """What a process finds when it starts, and what it is not told."""

    def entries(self) -> Path:
        """The folder of entries."""
        return self.folder / "queue" / "entries"

    def test_untold(self) -> None:
        """An entry that nobody told of is found after a while."""
        worker = Post(self.folder / "queue", Files(), self.clock)
        worker.put(envelope())
        self.wait(301)
        self.assertEqual(self.post.carrier.taken, [("m1", "bob@far.test")])

    def test_told(self) -> None:
        """One that another process tells of goes at once, and once."""
        worker = Post(self.folder / "queue", Files(), self.clock)
        texts = []
        worker.spool.arrived = lambda entry, _octets, place: texts.append(
            arrival_text(entry.id, place)
        )
        worker.put(envelope())
        self.post.dispatcher.arrived([*texts, *texts, "gone", "../lock"])
        self.post.dispatcher.arrived(texts)
        self.assertEqual(self.post.carrier.taken, [("m1", "bob@far.test")])

    def test_second_postman(self) -> None:
        """FI-17: a second postman is refused; when the first has ended it is not."""
        second = self.new_post()
        with self.assertRaises(TemporaryFailure):
            finish(second.custody.take())
        self.post.end()
        finish(second.custody.take())

    @threat(118)
    def test_damaged(self) -> None:
        """FI-16: what is damaged is put aside, the rest goes; foreign files stay."""
        self.always(Outcome.DEFERRED)
        for name in "m1", "m2", "m3", "m4":
            self.post.put(envelope(name))
        self.post.end()
        folder = self.entries()
        for name, octets in (
            ("m1", (folder / "m1").read_bytes()[:-1]),
            ("m2", (folder / "m2").read_bytes().replace(b"far", b"fax")),
            ("m3", (folder / "m3").read_bytes().replace(b"Hello", b"Hallo")),
            ("m5", (folder / "m4").read_bytes()),
            ("empty", b""),
            ("not an entry", b"x"),
            ("orphan.log", b"x"),
        ):
            (folder / name).write_bytes(octets)
        (folder / "m4.log").write_bytes(b"\nnoise")
        self.post = self.new_post()
        self.post.start()
        self.wait(600)
        self.assertEqual(self.post.carrier.taken, [("m4", "bob@far.test")])
        self.assertEqual(self.left(), ["not an entry"])
        aside = sorted(p.name for p in (self.folder / "queue/corrupt").iterdir())
        whole = [name for name in aside if not name.endswith(".log")]
        self.assertEqual(whole, ["empty", "m1", "m2", "m3", "m5"])
        events = self.post.events.events
        told = {e.message: e.text for e in events if e.kind is Kind.DAMAGED}
        self.assertEqual(set(whole), set(told))
        self.assertEqual("the envelope is damaged", told["m2"])

    def test_leftovers(self) -> None:
        """What a crash left in tmp goes after 36 hours, not sooner."""
        tmp = self.folder / "queue" / "tmp"
        for name, age in ("old", 37), ("new", 35):
            (tmp / name).write_bytes(b"x")
            os.utime(tmp / name, (BEGIN - age * 3600, BEGIN - age * 3600))
        self.restart()
        self.assertEqual([path.name for path in tmp.iterdir()], ["new"])


class LargeTests(PostCase):
    """Contents that are not held in memory."""

    def test_large(self) -> None:
        """A large content goes through a file, there and back."""
        text = b"0123456\r\n" * 100_000
        body = self.post.spool.stage()
        for start in range(0, len(text), 50_000):
            finish(body.write(text[start : start + 50_000]))
        finish(body.commit(envelope()))
        self.assertEqual(self.post.carrier.contents, [text])
        self.assertEqual(self.post.spool.free_memory, 16 * 1024 * 1024)
        self.assertEqual(self.left(), [])

    def test_abort(self) -> None:
        """Nothing is left of what is aborted; aborting twice is no error."""
        for size in 10, 300_000:
            body = self.post.spool.stage()
            finish(body.write(b"x" * size))
            body.abort()
            body.abort()
            with self.assertRaises(TemporaryFailure):
                finish(body.write(b"x"))
        self.assertEqual(list((self.folder / "queue/tmp").iterdir()), [])
        self.assertEqual(self.post.spool.free_memory, 16 * 1024 * 1024)

    def test_same_name(self) -> None:
        """A second entry of the same name is refused, the first stays as it is."""
        self.always(Outcome.DEFERRED)
        self.post.put(envelope())
        with self.assertRaises(TemporaryFailure):
            self.post.put(envelope(), b"other")
        self.assertEqual(self.post.entries()[0].size_octets, len(TEXT))

    def test_bad_name(self) -> None:
        """A name that is a path is refused."""
        with self.assertRaises(TemporaryFailure):
            self.post.put(envelope("../m1"))
        self.assertEqual(self.left(), [])


class ClockTests(PostCase):
    """A clock that is another one after a restart."""

    @threat(116)
    def test_backwards(self) -> None:
        """A clock that jumps back by a year keeps nothing from being tried."""
        self.always(Outcome.DEFERRED)
        self.post.put(envelope())
        self.post.end()
        self.clock = Clock()
        self.clock.advance(BEGIN - 365 * DAY)
        self.post = self.new_post()
        self.post.start()
        self.wait(3 * 3600)
        self.assertEqual(len(self.post.carrier.taken), 1)

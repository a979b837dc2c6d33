"""Mailboxes are watched by the system, or looked at where it does not want to."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable

from attrs import define
from twisted.internet.task import Clock
from twisted.logger import capturedLogs
from twisted.trial.unittest import SynchronousTestCase

from mailapp.storage.maildir.lookout import AT_ONCE, LOOK_EVERY, Lookout

NEW, CUR = b"/mail/box/new", b"/mail/box/cur"


@define(eq=False)
class Box:
    """A mailbox that counts what happens to it."""

    path: bytes = b"/mail/box"
    hints: int = 0
    looks: int = 0

    def hint(self) -> None:
        """See Watched."""
        self.hints += 1

    def look(self) -> None:
        """See Watched."""
        self.looks += 1


class System:
    """Watches so many directories."""

    def __init__(self, room: int, number: int = errno.ENOSPC) -> None:
        self.room = room
        self.number = number
        self.hints: dict[bytes, Callable[[], None]] = {}

    def __call__(self, path: bytes, hint: Callable[[], None]) -> Callable[[], None]:
        """See Notify."""
        if len(self.hints) >= self.room:
            raise OSError(self.number, os.strerror(self.number))
        assert path not in self.hints
        self.hints[path] = hint
        return lambda: self.hints.pop(path, None) and None

    @property
    def watched(self) -> list[bytes]:
        """All directories."""
        return list(self.hints)

    def tell(self, path: bytes) -> None:
        """It changed."""
        self.hints.pop(path)()


class LookoutTests(SynchronousTestCase):
    """A system with and without room."""

    def setUp(self) -> None:
        """Time stands."""
        self.clock = Clock()

    def test_told(self) -> None:
        """Where the system tells, nothing is looked at."""
        system, box = System(2), Box()
        lookout = Lookout(system, self.clock)
        lookout.watch(box)
        self.assertEqual(system.watched, [NEW, CUR])
        system.tell(NEW)
        self.assertEqual((box.hints, self.clock.getDelayedCalls()), (1, []))
        lookout.unwatch(box)
        self.assertEqual((system.watched, box.looks), ([], 0))

    def test_told_again(self) -> None:
        """Who was told and looks is told again: of where it lies now."""
        system, box = System(2), Box()
        lookout = Lookout(system, self.clock)
        lookout.watch(box)
        system.tell(CUR)
        self.assertEqual(system.watched, [NEW])
        box.path = b"/mail/other"
        for _ in range(2):
            lookout.watch(box)
            self.assertEqual(system.watched, [NEW, b"/mail/other/cur"])
        system.tell(b"/mail/other/cur")
        self.assertEqual(box.hints, 2)
        lookout.unwatch(box)
        self.assertEqual(system.watched, [])

    def test_told_no_more(self) -> None:
        """What another took when it was told of is looked at, till it is free again."""
        system, box = System(2), Box()
        lookout = Lookout(system, self.clock)
        lookout.watch(box)
        system.tell(NEW)
        system.room = 1
        with capturedLogs():
            for _ in range(2):
                lookout.watch(box)
            self.assertEqual((system.watched, box.looks), ([], 0))
            self.clock.advance(LOOK_EVERY)
        self.assertEqual((system.watched, box.looks), ([], 1))
        system.room = 2
        self.clock.advance(LOOK_EVERY)
        self.assertEqual((len(system.watched), box.looks), (2, 2))
        lookout.unwatch(box)
        self.assertEqual((system.watched, self.clock.getDelayedCalls()), ([], []))

    def test_exhausted(self) -> None:
        """Beyond its limits mailboxes are looked at; that is said once."""
        system, boxes = System(3), [Box(b"/mail/%d" % n) for n in range(5)]
        lookout = Lookout(system, self.clock)
        with capturedLogs() as events:
            for box in boxes:
                lookout.watch(box)
            self.clock.advance(LOOK_EVERY)
        self.assertEqual([box.looks for box in boxes], [0, 1, 1, 1, 1])
        self.assertEqual(len(system.watched), 2)  # not one half of a mailbox
        said = [e for e in events if e.get("event") == "maildir.watch.refused"]
        self.assertEqual([e["reason"] for e in said], [os.strerror(errno.ENOSPC)])
        for box in boxes:
            lookout.unwatch(box)
        self.assertEqual((system.watched, self.clock.getDelayedCalls()), ([], []))

    def test_room_again(self) -> None:
        """When there is room again the system tells, and no look is left out."""
        system, first, second = System(2), Box(), Box(b"/mail/second")
        lookout = Lookout(system, self.clock)
        lookout.watch(first)
        lookout.watch(second)
        lookout.unwatch(first)
        self.clock.advance(LOOK_EVERY)
        self.assertEqual((len(system.watched), second.looks), (2, 1))
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_many(self) -> None:
        """With many each has its turn in the same time, some at once."""
        boxes = [Box() for _ in range(AT_ONCE * 4)]
        lookout = Lookout(System(0, errno.EMFILE), self.clock)
        for box in boxes:
            lookout.watch(box)
        before = 0
        for _ in range(1000):
            self.clock.advance(LOOK_EVERY / 500)
            looks = sum(box.looks for box in boxes)
            self.assertLessEqual(looks - before, AT_ONCE)
            before = looks
        self.assertTrue(all(1 <= box.looks <= 2 for box in boxes))

    def test_missing(self) -> None:
        """A mailbox that is not there is looked for, and nothing is said."""
        lookout = Lookout(System(0, errno.ENOENT), self.clock)
        with capturedLogs() as events:
            box = Box()
            lookout.watch(box)
            self.clock.advance(LOOK_EVERY)
        self.assertEqual((box.looks, events), (1, []))

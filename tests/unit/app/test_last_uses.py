"""Tests of mailapp.app.last_uses."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from attrs import evolve
from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from mailapp.app.last_uses import EVERY, LastUses
from mailapp.directory.types import AppPassword
from mailapp.storage.types import AccountId

ALICE = AccountId("alice@example.test")
PHONE = AppPassword("phone", b"digest")


class _Table:
    """Keeps what is written."""

    def __init__(self) -> None:
        self.marks: list[tuple[str, str, float]] = []
        self.trouble: Exception | None = None

    def mark_used(self, account: AccountId, label: str, now: float) -> None:
        """Write it down, or fail."""
        if self.trouble is not None:
            raise self.trouble
        self.marks.append((account, label, now))


class LastUsesTests(SynchronousTestCase):
    """Once a day is enough."""

    def setUp(self) -> None:
        """A table, and a thread that works when told."""
        self.table = _Table()
        self.waiting: list[Callable[[], None]] = []
        self.now = 1_000_000.0
        self.uses = LastUses(self.table.mark_used, self.in_thread, lambda: self.now)

    def in_thread(self, function: Callable[..., Any], *args: Any) -> Deferred[Any]:
        """Later."""
        answer: Deferred[Any] = Deferred()

        def work() -> None:
            try:
                answer.callback(function(*args))
            except OSError:
                answer.errback()

        self.waiting.append(work)
        return answer

    def work(self) -> int:
        """Do what waits; how much it was."""
        waiting, self.waiting = self.waiting, []
        for work in waiting:
            work()
        return len(waiting)

    def test_first(self) -> None:
        """A first use is written once, however many connections begin at once."""
        for _ in range(5):
            self.uses.note(ALICE, PHONE)
        self.assertEqual(self.work(), 1)
        self.assertEqual(self.table.marks, [(ALICE, "phone", self.now)])

    def test_again(self) -> None:
        """Not within a day; but after it, or when the clock went back."""
        for used_at, count in (
            (self.now - EVERY + 1, 0),
            (self.now - EVERY, 1),
            (self.now + 9, 1),
        ):
            self.uses.note(ALICE, evolve(PHONE, used_at=int(used_at)))
            self.assertEqual(self.work(), count)

    def test_failure(self) -> None:
        """A file that can't be written costs nobody the login; the next use tries."""
        self.table.trouble = OSError("full")
        self.uses.note(ALICE, PHONE)
        self.work()
        self.table.trouble = None
        self.uses.note(ALICE, PHONE)
        self.work()
        self.assertEqual(len(self.table.marks), 1)

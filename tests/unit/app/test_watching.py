"""What processes tell each other of mailboxes that are watched."""

from __future__ import annotations

import json
from itertools import count
from typing import Any
from unittest import mock

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from mailapp.app.facts import GONE, Facts
from mailapp.app.watching import TELL_EVERY
from mailapp.storage.types import INBOX_ID, AccountId, FolderId

ALICE = AccountId("alice@example.test")
BOB = AccountId("bob@example.test")


class Bus:
    """Processes that tell each other; a topic may name the one that is to hear it."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.numbers = count(100)
        self.processes: dict[int, Facts] = {}
        self.heard: dict[int, list[tuple[str, int | None]]] = {}
        self.messages: list[tuple[int, bytes, Any]] = []

    def join(self) -> int:
        """One more process; its number."""
        number = next(self.numbers)
        facts = Facts(self.clock, lambda topic, fact: self.publish(number, topic, fact))
        self.processes[number] = facts
        heard = self.heard[number] = []
        facts.watching.on_changed = lambda account, folder: heard.append(
            (account, folder)
        )
        with mock.patch("os.getpid", return_value=number):
            facts.start()
        return number

    def leave(self, number: int) -> None:
        """A process ends."""
        self.processes.pop(number).stop()
        for facts in self.processes.values():
            facts.heard(GONE, str(number).encode())

    def stop(self) -> None:
        """All end."""
        for facts in self.processes.values():
            facts.stop()

    def publish(self, sender: int, topic: bytes, fact: bytes) -> None:
        """As the supervisor passes it on."""
        assert len(fact) < 65536
        name, _, wanted = topic.partition(b" ")
        self.messages.append((sender, name, json.loads(fact)))
        for number, facts in list(self.processes.items()):
            if number != sender and wanted in {b"", str(number).encode()}:
                with mock.patch("os.getpid", return_value=number):
                    facts.heard(name, fact)

    def watched(self, number: int, account: AccountId, *, yes: bool = True) -> None:
        """A process begins or ends to watch."""
        self.processes[number].watching.watched(account, yes)
        with mock.patch("os.getpid", return_value=number):
            self.clock.advance(TELL_EVERY)

    def changed(
        self, number: int, account: AccountId, folder: FolderId | None = INBOX_ID
    ) -> None:
        """A process changed something."""
        self.processes[number].watching.changed(account, folder)


class WatchingTests(SynchronousTestCase):
    """Three processes on one bus."""

    def setUp(self) -> None:
        """They begin."""
        self.clock = Clock()
        self.bus = Bus(self.clock)
        self.addCleanup(self.bus.stop)
        self.one, self.two, self.three = (self.bus.join() for _ in range(3))
        self.bus.messages.clear()

    def test_nobody(self) -> None:
        """What nobody watches is told to nobody, and no time is planned for it."""
        for folder in range(1000):
            self.bus.changed(self.one, ALICE, FolderId(folder))
        self.clock.advance(1)
        self.assertEqual(self.bus.messages, [])

    def test_watched(self) -> None:
        """Who watches an account hears of its mailboxes, at once, and nobody else."""
        self.bus.watched(self.two, ALICE)
        self.bus.messages.clear()
        self.bus.changed(self.one, ALICE)
        self.bus.changed(self.one, BOB)
        self.clock.advance(0)
        self.bus.changed(self.one, ALICE, None)
        self.clock.advance(TELL_EVERY)
        expected: list[tuple[str, int | None]] = [(ALICE, INBOX_ID), (ALICE, None)]
        self.assertEqual(self.bus.heard[self.two], expected)
        self.assertEqual(self.bus.heard[self.three], [])
        elsewhere = self.bus.processes[self.one].watching.elsewhere
        self.assertEqual([elsewhere(ALICE), elsewhere(BOB)], [True, False])
        self.bus.watched(self.two, ALICE, yes=False)
        self.assertFalse(elsewhere(ALICE))
        self.bus.messages.clear()
        self.bus.changed(self.one, ALICE)
        self.clock.advance(1)
        self.assertEqual(self.bus.messages, [])

    def test_together(self) -> None:
        """Changes of a moment are one message, and each mailbox is in it once."""
        self.bus.watched(self.two, ALICE)
        self.bus.watched(self.two, BOB)
        self.bus.messages.clear()
        for _ in range(500):
            self.bus.changed(self.one, ALICE)
            self.bus.changed(self.one, BOB)
        self.clock.advance(TELL_EVERY)
        rows = [[ALICE, INBOX_ID], [BOB, INBOX_ID]]
        self.assertEqual(self.bus.messages, [(self.one, b"changes", rows)])

    def test_late(self) -> None:
        """A process that begins later learns what is watched by asking."""
        accounts = [AccountId(f"{'x' * 300}{n}@example.test") for n in range(500)]
        for account in accounts:
            self.bus.processes[self.two].watching.watched(account, True)  # noqa: FBT003
        self.clock.advance(TELL_EVERY)
        late = self.bus.join()
        for account in accounts:
            self.bus.changed(late, account)
        self.clock.advance(TELL_EVERY)
        self.assertEqual([who for who, _ in self.bus.heard[self.two]], accounts)

    def test_gone(self) -> None:
        """A process that ended watches nothing, and nothing is told to it."""
        self.bus.watched(self.two, ALICE)
        self.bus.watched(self.three, ALICE)
        self.bus.leave(self.two)
        self.bus.messages.clear()
        self.bus.changed(self.one, ALICE)
        self.clock.advance(TELL_EVERY)
        self.assertEqual(self.bus.heard[self.three], [(ALICE, INBOX_ID)])
        self.assertEqual(len(self.bus.messages), 1)

    def test_alone(self) -> None:
        """Where there is one process, nothing is planned."""
        facts = Facts(self.clock, None)
        planned = len(self.clock.getDelayedCalls())
        facts.start()
        facts.watching.watched(ALICE, True)  # noqa: FBT003 - a state
        facts.watching.changed(ALICE, INBOX_ID)
        self.assertEqual(len(self.clock.getDelayedCalls()), planned)

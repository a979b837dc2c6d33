"""Tests of what a process does for its indexes."""

from __future__ import annotations

import os
from typing import Any, cast

from twisted.internet.task import Clock
from twisted.logger import ILogObserver, globalLogPublisher
from twisted.trial.unittest import SynchronousTestCase

from mailapp.app.indexes import LOOK_SECONDS, TELL_SECONDS, IndexCare
from mailapp.net.threads import inline
from mailapp.storage.index.indexes import IDLE_SECONDS


class _Reactor(Clock):
    """Threads are this one."""

    def callFromThread(self, call: Any, *arguments: Any) -> None:  # noqa: N802 - Twisted
        call(*arguments)


class IndexCareTests(SynchronousTestCase):
    """Losses are told, but no more than once a minute for each file."""

    def setUp(self) -> None:
        """Events are kept."""
        self.reactor = _Reactor()
        self.care = IndexCare(self.reactor, inline)
        self.events: list[tuple[str, str, int]] = []
        observe = cast(ILogObserver, self.observe)
        globalLogPublisher.addObserver(observe)
        self.addCleanup(globalLogPublisher.removeObserver, observe)
        self.care.start()
        self.addCleanup(self.care.stop)

    def observe(self, event: Any) -> None:
        """Keep it."""
        if event.get("event") == "index.file.discarded":
            self.events.append((event["directory"], event["reason"], event["times"]))

    def lose(self, directory: bytes, why: str = "damaged") -> None:
        """A file that is no index is thrown away."""
        self.care.indexes.of(directory).database.throw_away(why)

    def test_rate(self) -> None:
        """The first is told at once, those of the next minute as a number."""
        one, other = (self.mktemp() for _ in range(2))
        self.lose(one.encode(), "a")
        self.lose(other.encode(), "b")
        for why in "cde":
            self.lose(one.encode(), why)
        self.assertEqual(self.events, [(one, "a", 1), (other, "b", 1)])
        self.events.clear()
        self.pass_minute()
        self.assertEqual(self.events, [(one, "e", 3)])
        self.events.clear()
        self.lose(one.encode(), "f")
        self.assertEqual(self.events, [])
        self.lose(other.encode(), "g")
        self.assertEqual(self.events, [(other, "g", 1)])
        self.pass_minute()
        self.assertEqual(self.events[1:], [(one, "f", 1)])
        for _ in range(2):
            self.pass_minute()
        self.assertEqual(self.care._losses, {})

    def test_idle(self) -> None:
        """Files that nobody uses are closed."""
        index = self.care.indexes.of(self.make().encode())
        index.known(1, 1)
        self.assertIsNotNone(index.database._connection)
        self.reactor.pump([LOOK_SECONDS] * (1 + IDLE_SECONDS // LOOK_SECONDS))
        self.assertIsNone(index.database._connection)

    def pass_minute(self) -> None:
        """So that all is told."""
        self.reactor.pump([LOOK_SECONDS] * (TELL_SECONDS // LOOK_SECONDS))

    def make(self) -> str:
        """A directory."""
        path: str = self.mktemp()
        os.makedirs(path)
        return path

"""The system tells of changes in directories."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from twisted.internet.interfaces import IReadDescriptor
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from mailapp.storage.maildir.inotify import REST_SECONDS, Inotify


class Reactor(Clock):
    """Knows who wants to read."""

    def __init__(self) -> None:
        super().__init__()
        self.readers: list[Any] = []

    def addReader(self, reader: Any) -> None:  # noqa: N802 - Twisted's name
        """See IReactorFDSet."""
        self.readers.append(reader)

    def removeReader(self, reader: Any) -> None:  # noqa: N802 - Twisted's name
        """See IReactorFDSet."""
        if reader in self.readers:
            self.readers.remove(reader)


class InotifyTests(SynchronousTestCase):
    """A real queue, read by hand."""

    def setUp(self) -> None:
        """Two directories."""
        self.reactor = Reactor()
        self.inotify = Inotify(self.reactor)
        self.addCleanup(self.inotify.close)
        self.one, self.two = Path(self.mktemp()), Path(self.mktemp())
        for directory in (self.one, self.two):
            directory.mkdir()
        self.heard: list[str] = []

    def watch(self, path: Path, name: str) -> Any:
        """Note hints under a name."""
        return self.inotify(os.fsencode(path), lambda: self.heard.append(name))

    def told(self) -> list[str]:
        """Hints since the last time."""
        self.inotify.doRead()
        heard, self.heard[:] = list(self.heard), []
        return heard

    def test_rest(self) -> None:
        """What comes while it rests is told together, and nothing is missed."""
        self.watch(self.one, "one")
        self.watch(self.two, "two")
        (self.one / "a").touch()
        self.assertEqual(self.told(), ["one"])
        self.assertEqual(self.reactor.readers, [])
        for name in ("b", "c"):
            (self.one / name).touch()
            (self.two / name).touch()
        self.reactor.advance(REST_SECONDS)
        self.assertEqual(self.reactor.readers, [self.inotify])
        self.assertEqual(self.told(), ["one", "two"])
        self.inotify.close()
        self.assertEqual(
            (self.reactor.readers, self.reactor.getDelayedCalls()), ([], [])
        )

    def test_events(self) -> None:
        """Names that come, go or change are told, each directory once."""
        verifyObject(IReadDescriptor, self.inotify)
        self.watch(self.one, "one")
        self.watch(self.two, "two")
        self.assertEqual(self.told(), [])
        for name in ("a", "b"):
            (self.one / name).touch()
        self.assertEqual(self.told(), ["one"])
        (self.one / "a").rename(self.two / "a")
        self.assertEqual(sorted(self.told()), ["one", "two"])
        (self.two / "a").rename(self.two / "c")
        self.assertEqual(self.told(), ["two"])
        (self.two / "c").unlink()
        self.assertEqual(self.told(), ["two"])
        (self.one / "b").read_bytes()
        self.assertEqual(self.told(), [])

    def test_stop(self) -> None:
        """Several watch the same; each stops for itself, and twice is no error."""
        first, second = self.watch(self.one, "1"), self.watch(self.one, "2")
        (self.one / "a").touch()
        self.assertEqual(self.told(), ["1", "2"])
        first()
        first()
        (self.one / "b").touch()
        self.assertEqual(self.told(), ["2"])
        second()
        (self.one / "c").touch()
        self.assertEqual(self.told(), [])
        self.watch(self.one, "3")
        (self.one / "d").touch()
        self.assertEqual(self.told(), ["3"])

    def test_removed(self) -> None:
        """That a directory is removed is told; it is not watched any more."""
        stop = self.watch(self.one, "one")
        self.one.rmdir()
        self.assertEqual(self.told(), ["one"])
        stop()
        with self.assertRaises(OSError):
            self.watch(self.one, "one")

    def test_close(self) -> None:
        """Closed, it reads no more."""
        self.inotify.close()
        self.inotify.close()
        self.assertEqual((self.reactor.readers, self.inotify.fileno()), ([], -1))

"""The system tells of changes in directories."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from twisted.internet.interfaces import IReadDescriptor
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from mailapp.storage.maildir.inotify import Inotify


class Reactor:
    """Knows who wants to read."""

    def __init__(self) -> None:
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

    def test_events(self) -> None:
        """Names that come, go or change are told; reading a file is not."""
        verifyObject(IReadDescriptor, self.inotify)
        acts: list[tuple[Callable[[], object], list[str]]] = [
            (lambda: None, []),
            ((self.one / "a").touch, ["one"]),
            (lambda: (self.one / "a").rename(self.two / "a"), ["one", "two"]),
            (lambda: (self.two / "a").rename(self.two / "c"), ["two"]),
            ((self.two / "c").read_bytes, []),
            ((self.two / "c").unlink, ["two"]),
        ]
        for act, heard in acts:
            stops = [self.watch(self.one, "one"), self.watch(self.two, "two")]
            act()
            self.assertEqual(sorted(self.told()), heard)
            for stop in stops:
                stop()
        self.assertEqual(self.told(), [])

    def test_once(self) -> None:
        """What comes before it is watched again is not told, nor queued."""
        self.watch(self.one, "one")
        for number in range(100):
            (self.one / f"{number}").touch()
        queued = os.read(self.inotify.fileno(), 65536)
        # of the first name, and that it is not watched any more
        self.assertEqual(len(queued), 32 + 16)
        self.watch(self.one, "again")
        (self.one / "b").touch()
        self.assertEqual(self.told(), ["again"])
        (self.one / "c").touch()
        self.assertEqual(self.told(), [])

    def test_again_in_hint(self) -> None:
        """Watched again by who is told, all is told that is done from then on."""

        def hint() -> None:
            self.heard.append("hint")
            self.inotify(os.fsencode(self.one), hint)

        self.inotify(os.fsencode(self.one), hint)
        for name in ("a", "b", "c"):
            (self.one / name).touch()
            self.assertEqual(self.told(), ["hint"])
            self.assertEqual(self.told(), [])

    def test_stop(self) -> None:
        """Several watch the same; each stops for itself, and twice is no error."""
        first, second = self.watch(self.one, "1"), self.watch(self.one, "2")
        first()
        first()
        (self.one / "b").touch()
        self.assertEqual(self.told(), ["2"])
        second()
        self.watch(self.one, "3")()
        (self.one / "c").touch()
        self.assertEqual(self.told(), [])
        self.watch(self.one, "4")
        self.watch(self.one, "5")
        (self.one / "d").touch()
        self.assertEqual(self.told(), ["4", "5"])

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

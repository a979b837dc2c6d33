"""A Maildir store on a real disk, and a disk that fails."""

from __future__ import annotations

import errno
import shutil
import tempfile
from pathlib import Path
from typing import Any

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from mailapp.net.threads import inline
from mailapp.storage.files import Directory, Files
from mailapp.storage.maildir.store import MaildirStore
from mailapp.storage.types import (
    INBOX_ID,
    AccountId,
    Destination,
    Item,
    StoreError,
)
from tests.contract.store_case import gathered, now

ALICE = AccountId("alice@example.test")
BOB = AccountId("bob@example.test")
TEXT = b"Subject: x\r\n\r\nHello.\r\n"


class Faulty(Files):
    """A disk on which one call fails, once it is armed."""

    def __init__(self) -> None:
        self.failing = ""
        self.errno = errno.EIO
        self.failed = 0

    def _fail(self, call: str) -> None:
        if call == self.failing:
            self.failed += 1
            raise OSError(self.errno, "injected")

    def create(self, path: bytes) -> int:
        """See :class:`Files`."""
        self._fail("create")
        return super().create(path)

    def write(self, fd: int, octets: bytes) -> None:
        """See :class:`Files`: half is written before it fails."""
        if self.failing == "write":
            super().write(fd, octets[: len(octets) // 2])
        self._fail("write")
        super().write(fd, octets)

    def fsync(self, fd: int) -> None:
        """See :class:`Files`."""
        self._fail("fsync")
        super().fsync(fd)

    def close(self, fd: int) -> None:
        """See :class:`Files`."""
        super().close(fd)
        self._fail("close")

    def rename_into(self, old: bytes, directory: Directory, name: bytes) -> None:
        """See :class:`Files`."""
        self._fail("rename")
        super().rename_into(old, directory, name)

    def link_into(self, old: bytes, directory: Directory, name: bytes) -> None:
        """See :class:`Files`."""
        self._fail("link")
        super().link_into(old, directory, name)

    def sync(self, directory: Directory) -> None:
        """See :class:`Files`."""
        self._fail("sync")
        super().sync(directory)


class MaildirCase(SynchronousTestCase):
    """A store on a real disk."""

    def setUp(self) -> None:
        """Two accounts."""
        self.root = Path(tempfile.mkdtemp())
        self.addCleanup(shutil.rmtree, self.root)
        self.files = Faulty()
        self.clock = Clock()
        self.store = self.make_store()
        self.alice = now(self.store.create(ALICE))
        now(self.store.create(BOB))
        self.path = self.root / "example.test" / "alice"

    def make_store(self, in_thread: Any = inline, **options: Any) -> MaildirStore:
        """A store as another process would have it."""
        store = MaildirStore(
            self.root, in_thread, clock=self.clock, files=self.files, **options
        )
        self.addCleanup(lambda: now(store.close()))
        return store

    def deliver(self, text: bytes = TEXT, *to: Destination) -> list[Any]:
        """Deliver, to alice if nobody is named."""
        sink = self.store.stage()
        now(sink.write(text))
        return list(now(self.store.deliver(sink, to or [Destination(ALICE)])))

    def synced(self) -> list[bytes]:
        """Paths of the held directories that are synced from now on."""
        synced: list[bytes] = []
        sync = self.files.sync

        def noted(directory: Directory) -> None:
            synced.append(directory.path)
            sync(directory)

        self.patch(self.files, "sync", noted)
        return synced

    def items(self) -> list[Item]:
        """Alice's messages."""
        return list(now(self.alice.items(INBOX_ID)))

    def read(self, item: Item, *limits: int) -> bytes:
        """A body; the short way to it, if there is one, gives the same."""
        try:
            octets = b"".join(now(gathered(self.alice.read(item.blob, *limits))))
        except StoreError:
            self.assertIsNone(self.alice.at_hand(item.blob))
            raise
        if not limits:
            self.assertIn(self.alice.at_hand(item.blob), (None, octets))
        return octets

    def put(self, name: str, text: bytes = TEXT) -> Path:
        """A file that another program put there."""
        path = self.path / name
        path.write_bytes(text)
        return path

    def all_files(self) -> set[str]:
        """Files that hold messages or parts of them."""
        return {
            str(p.relative_to(self.root))
            for p in self.root.rglob("*")
            if p.is_file() and p.parent.name in {"cur", "new", "tmp", ".staging"}
        }

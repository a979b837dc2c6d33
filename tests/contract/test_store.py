"""Both stores keep the contract."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import Any

from twisted.internet.task import Clock

from mailapp.net.threads import inline
from mailapp.storage.index.indexes import Indexes
from mailapp.storage.maildir.store import MaildirStore
from mailapp.storage.memory import MemoryStore
from tests.contract import mailbox, store, store_changes


class MemoryStoreTests(
    store.DeliveryContract, store_changes.ChangeContract, mailbox.MailboxContract
):
    """The store in memory."""

    def make_store(self, clock: Clock) -> Any:
        """In memory."""
        return MemoryStore(clock=clock)


class MaildirStoreTests(
    store.DeliveryContract, store_changes.ChangeContract, mailbox.MailboxContract
):
    """The store of files, on a real disk."""

    def make_store(self, clock: Clock) -> Any:
        """In a directory of its own."""
        root = Path(tempfile.mkdtemp())
        self.addCleanup(shutil.rmtree, root)
        return MaildirStore(root, inline, clock=clock)


class LineFeedStoreTests(
    store.DeliveryContract, store_changes.ChangeContract, mailbox.MailboxContract
):
    """The store of files that ends lines on disk with LF."""

    def make_store(self, clock: Clock) -> Any:
        """In a directory of its own."""
        root = Path(tempfile.mkdtemp())
        self.addCleanup(shutil.rmtree, root)
        return MaildirStore(root, inline, clock=clock, line_endings="lf")

    def test_quota(self) -> None:
        """Quota counts octets on disk, where lines are shorter here."""


class IndexedStoreTests(
    store.DeliveryContract, store_changes.ChangeContract, mailbox.MailboxContract
):
    """The store of files with an index beside each account's mail."""

    def make_store(self, clock: Clock) -> Any:
        """In a directory of its own."""
        root = Path(tempfile.mkdtemp())
        self.addCleanup(shutil.rmtree, root)
        troubles: list[tuple[bytes, str]] = []
        self.addCleanup(lambda: self.assertEqual(troubles, []))
        indexes = Indexes(lambda *trouble: troubles.append(trouble))
        return MaildirStore(root, inline, clock=clock, indexes=indexes)

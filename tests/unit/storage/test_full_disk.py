"""A disk on which no file can be made any more."""

from __future__ import annotations

import errno
import tempfile
from pathlib import Path

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from mailapp.net.threads import inline
from mailapp.storage.files import Files
from mailapp.storage.maildir.store import MaildirStore
from mailapp.storage.maildrop import PURPOSE
from mailapp.storage.types import AccountId
from tests.contract.store_case import now
from tests.threats import threat

ALICE = AccountId("alice@example.test")


class NoInodes(Files):
    """Refuses what would make a file."""

    def open_scratch(self, path: bytes) -> int:
        """Only one that is there."""
        if not self.exists(path):
            raise OSError(errno.ENOSPC, "no inodes")
        return super().open_scratch(path)


class FullDiskTests(SynchronousTestCase):
    """A mailbox on it has to be emptied."""

    @threat(113)
    def test_first_login(self) -> None:
        """The maildrop can be locked, also by who never logged in before."""
        root = tempfile.mkdtemp(dir=".")
        now(MaildirStore(Path(root), inline, clock=Clock()).create(ALICE))
        full = MaildirStore(Path(root), inline, clock=Clock(), files=NoInodes())
        lease = now(now(full.open(ALICE)).lease(PURPOSE, "pop3", 60.0))
        self.assertIsNotNone(lease)
        now(full.close())

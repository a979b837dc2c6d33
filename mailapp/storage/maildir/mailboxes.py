"""The mailboxes of one account, for threads: all methods block, but for ``known``."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from threading import RLock
from typing import Final

from mailapp.storage.columns import Columns
from mailapp.storage.maildir.arriving import Arriving
from mailapp.storage.maildir.changes import Changes
from mailapp.storage.maildir.clock import ModSeqClock
from mailapp.storage.maildir.commits import Commit
from mailapp.storage.maildir.folders import Folders, Found
from mailapp.storage.maildir.ground import Ground
from mailapp.storage.maildir.late import complete, complete_own, name_late
from mailapp.storage.maildir.mailbox import Mailbox
from mailapp.storage.maildir.placing import Placing
from mailapp.storage.maildir.quota import Quota
from mailapp.storage.maildir.reading import folder_of
from mailapp.storage.maildir.remembered import Remembered
from mailapp.storage.maildir.scan import Listing
from mailapp.storage.maildir.tracked import Tracked
from mailapp.storage.types import (
    UID,
    BadName,
    BlobRef,
    Copy,
    Expunge,
    Folder,
    FolderId,
    Move,
    Named,
    NoSuch,
    Outcome,
    Row,
)

_TEXTS_LOCK: Final = b"mailapp-texts.lock"


class Mailboxes:
    """See the module.

    Args:
        ground: of the store.
        path: of the account.
        watched: do other processes watch it?

    Attributes:
        clock: gives MODSEQs.
        quota: of the account.
    """

    def __init__(
        self, ground: Ground, path: bytes, watched: Callable[[], bool]
    ) -> None:
        self.clock: Final = ModSeqClock(ground.files)
        self.quota: Final = Quota(ground.files, path)
        self._ground = ground
        self._files = ground.files
        self._path = path
        self._watched = watched
        self._folders = Folders(ground.files, ground.unique, path)
        self._boxes: dict[FolderId, Mailbox] = {}
        self._lock = RLock()
        arriving = Arriving(self._files, ground.unique, path, self.quota)
        placing = Placing(self._files, path, arriving, self.mailbox)
        self._changes: Final = Changes(
            self._files, self._folders, self.quota, placing, self.mailbox
        )

    def known(self, folder: FolderId) -> Mailbox | None:
        """A mailbox that was looked at before, as it was called then."""
        return self._boxes.get(folder)

    def mailbox(self, folder: FolderId) -> Mailbox:
        """A mailbox, by its id.

        Raises:
            NoSuch: there is none.
        """
        found = self._folders.by_id(folder)
        box = self._boxes.get(folder)
        if box is None:
            box = self._boxes[folder] = self._new_mailbox(found)
        elif box.found != found:
            box.move(found)
        return box

    def _new_mailbox(self, found: Found) -> Mailbox:
        index, indexes = None, self._ground.indexes
        if indexes is not None:
            index = indexes.of(self._path)
        remembered = None if index is None else Remembered(index, found.id)
        tracked = Tracked(self._files, self._folders, found, self.clock, remembered)
        return Mailbox(self._files, self._folders, tracked, index, self._watched)

    def summaries(self) -> list[Folder]:
        """Every mailbox with its counters, INBOX first."""
        with self._lock:
            summaries = []
            for found in self._folders.all():
                box = self.mailbox(found.id)
                summaries.append(box.summary())
                self._ground.kept.used(box, self._lock)
            return summaries

    def names(self) -> list[Named]:
        """Every mailbox without them."""
        with self._lock:
            return [Named(found.id, found.name) for found in self._folders.all()]

    def find_name(self, name: tuple[str, ...]) -> FolderId | None:
        """The mailbox of this name, if there is one."""
        with self._lock, suppress(BadName):
            found = self._folders.by_name(name)
            return found.id if found is not None else None
        return None

    def look(self, folder: FolderId) -> Mailbox:
        """A mailbox, with columns that are up to date."""
        with self._lock, missing_mailbox():
            box = self.mailbox(folder)
            box.texts.learn(box.look())
            self._ground.kept.used(box, self._lock)
            return box

    def name_late(self, folder: FolderId) -> int:
        """Have some names tell UIDs; how many are left."""
        with self._lock, missing_mailbox():
            tracked = self.mailbox(folder).tracked
            return name_late(self._files, tracked) if tracked.current.late else 0

    def complete(self, folder: FolderId, columns: Columns, uids: Sequence[int]) -> None:
        """See :func:`mailapp.storage.maildir.late.complete`."""
        with self._lock, missing_mailbox():
            complete(self._files, self.mailbox(folder).tracked, columns, uids)

    def index_texts(self, folder: FolderId) -> int | None:
        """Put some texts into the index; how many messages are still to come.

        Of two processes one reads them; the other is told None.
        """
        lock = self._files.open_scratch(b"%b/%b" % (self._path, _TEXTS_LOCK))
        try:
            if not self._files.lock(lock, wait=False):
                return None
            box = self.look(folder)
            columns = box.tracked.latest
            return 0 if columns is None else box.texts.put_in(columns)
        finally:
            self._files.close(lock)

    def rows(
        self, folder: FolderId, low: int, high: int, since: int | None
    ) -> list[Row]:
        """Messages by UID."""
        with self._lock, missing_mailbox():
            box = self.mailbox(folder)
            return box.rows(low, high, since)

    def vanished(self, folder: FolderId, since: int) -> list[tuple[UID, UID]] | None:
        """UIDs that went; see :class:`IAccount`."""
        with self._lock, missing_mailbox():
            box = self.mailbox(folder)
            return box.vanished(since)

    def listing(self, folder: FolderId) -> tuple[Mailbox, Listing]:
        """A mailbox as POP sees it."""
        with missing_mailbox():
            box = self.mailbox(folder)
            return box, box.listing()

    def open(self, blob: BlobRef) -> int:
        """Open it wherever it lies now: flags are in the name, and names change."""
        with missing_mailbox():
            return self.mailbox(folder_of(blob)).open(blob)

    def commit_all(
        self, commits: Sequence[Commit]
    ) -> list[Sequence[Outcome] | Exception]:
        """Do several commits: one, or all with the same ``target``."""
        target = commits[0].target
        with self._lock:
            if target is None:
                return [self._commit(commit) for commit in commits]
            return self._changes.append(target, commits)

    def _commit(self, commit: Commit) -> list[Outcome]:
        """Do all changes; see :class:`IAccount`, and :meth:`Changes.check`."""
        work = self._changes
        work.check(commit)
        for change in commit.changes:
            if isinstance(change, Expunge | Copy | Move):
                tracked = self.mailbox(change.folder).tracked
                complete_own(self._files, tracked, change.uids)
        return work.apply_all(commit)

    def changed_at(self) -> dict[bytes, tuple[int, int]]:
        """When each mailbox changed last: mtimes of its directories, by path."""
        found = [folder.path for folder in self._folders.all()]
        return {
            path: (self._files.mtime(path + b"/new"), self._files.mtime(path + b"/cur"))
            for path in found
        }


@contextmanager
def missing_mailbox() -> Iterator[None]:
    """A directory that is not there is a mailbox that is not there."""
    try:
        yield
    except FileNotFoundError:
        raise NoSuch from None

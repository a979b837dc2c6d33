"""One account of a :class:`mailapp.storage.maildir.store.MaildirStore`."""

from __future__ import annotations

import re
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from threading import RLock
from typing import Any, ClassVar, Final, TypeVar

from attrs import field, frozen
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import implementer

from mailapp.core.failures import TemporaryFailure
from mailapp.net.steps import nothing, run
from mailapp.net.threads import InThread
from mailapp.storage.files import Files
from mailapp.storage.index.indexes import Indexes
from mailapp.storage.interfaces import IAccount, ILease
from mailapp.storage.items import Items
from mailapp.storage.maildir.changes import Changes, touched
from mailapp.storage.maildir.clock import ModSeqClock
from mailapp.storage.maildir.errors import disk_errors
from mailapp.storage.maildir.filename import UniqueNames
from mailapp.storage.maildir.folders import Folders, Found
from mailapp.storage.maildir.kept import Kept
from mailapp.storage.maildir.lease import Lease, LeaseTable
from mailapp.storage.maildir.mailbox import Mailbox
from mailapp.storage.maildir.marks import MaildirMarks
from mailapp.storage.maildir.opened import MaildirMailbox, Neighbours, Opened
from mailapp.storage.maildir.placing import Placing
from mailapp.storage.maildir.quota import Quota
from mailapp.storage.maildir.reading import (
    Reader,
    at_hand,
    folder_of,
    open_inbox,
    raw_octets,
)
from mailapp.storage.maildir.remembered import Remembered
from mailapp.storage.maildir.scan import Listing
from mailapp.storage.maildir.sink import SinkParts, StagedSink
from mailapp.storage.maildir.tracked import Tracked
from mailapp.storage.types import (
    INBOX,
    INBOX_ID,
    UID,
    AccountId,
    BadName,
    BlobRef,
    Change,
    Fenced,
    Folder,
    FolderId,
    ModSeq,
    Named,
    NoSuch,
    Outcome,
    Row,
    Unavailable,
    Usage,
)

_T = TypeVar("_T")
ROWS_AT_ONCE: Final = 500
REMEMBERED_REQUESTS: Final = 200
_PURPOSE: Final = re.compile(r"[a-z0-9-]{1,40}")


@frozen
class Ground:
    """What all accounts of one store stand on.

    Attributes:
        in_thread: runs what blocks.
        leases: that this process holds.
        clock: of the reactor.
        neighbours: other processes and programs.
        indexes: of the accounts; None: nothing is kept but the mail.
        kept: what is in memory.
    """

    files: Files
    unique: UniqueNames
    in_thread: InThread
    leases: LeaseTable
    clock: IReactorTime
    neighbours: Neighbours
    indexes: Indexes | None = None
    kept: Kept = field(factory=Kept)


@implementer(IAccount)
class MaildirAccount:
    """See :class:`IAccount`. Made by the store, one for each account that is in use."""

    log: ClassVar = Logger()

    def __init__(
        self, ground: Ground, account: AccountId, path: bytes, sinks: SinkParts
    ) -> None:
        self.id: Final = account
        self.path: Final = path
        self.seen_at = 0
        """When it was there, in nanoseconds; for a moment nobody looks again."""
        self._ground = ground
        self._files = ground.files
        self._sinks = sinks
        self._folders = Folders(ground.files, ground.unique, path)
        self._clock = ModSeqClock(ground.files)
        self._boxes: dict[FolderId, Mailbox] = {}
        self._lock = RLock()
        self._done: OrderedDict[bytes, Sequence[Outcome]] = OrderedDict()
        self._hints: list[Callable[[ModSeq], None]] = []
        self._seen: dict[bytes, tuple[int, int]] = {}
        self.quota: Final = Quota(ground.files, path)
        self.marks: Final = MaildirMarks(ground.files, self._blocking, path)
        self._opened: Final = Opened(
            ground.neighbours.notify, ground.clock, self._blocking, self._look
        )

    async def folders(self) -> Sequence[Folder]:
        """See :class:`IAccount`."""
        return await self._blocking(self._summaries)

    async def names(self) -> Sequence[Named]:
        """See :class:`IAccount`."""
        return await self._blocking(self._names)

    async def find(self, name: tuple[str, ...]) -> FolderId | None:
        """See :class:`IAccount`."""
        if name == INBOX:
            return INBOX_ID
        return await self._blocking(self._find_name, name)

    async def mailbox(self, folder: FolderId) -> MaildirMailbox:
        """See :class:`IAccount`."""
        return await self._opened.open(folder)

    async def rows(
        self,
        folder: FolderId,
        *,
        uids: tuple[UID, UID] | None = None,
        since: ModSeq | None = None,
    ) -> AsyncIterator[Sequence[Row]]:
        """See :class:`IAccount`."""
        low, high = uids or (1, 2**32 - 1)
        rows = await self._blocking(self._rows, folder, low, high, since)
        for at in range(0, len(rows), ROWS_AT_ONCE):
            yield rows[at : at + ROWS_AT_ONCE]

    async def vanished(
        self, folder: FolderId, since: ModSeq
    ) -> Sequence[tuple[UID, UID]] | None:
        """See :class:`IAccount`. Known as far back as this process looked."""
        return await self._blocking(self._vanished, folder, since)

    async def items(self, folder: FolderId) -> Items:
        """See :class:`IAccount`. What was read before costs two looks, no thread."""
        box = self._boxes.get(folder)
        if box is not None:
            with disk_errors(), missing_mailbox():
                listing = box.cached()
            if listing is not None:
                return listing.items
        looked, fresh = await self._blocking(self._listing, folder)
        if fresh.untold:
            # nobody waits for it: with many foreign files it takes a while
            run(self._blocking(looked.tell, fresh), nothing, self._tell_failed)
        return fresh.items

    def stage(self, size_hint: int | None = None) -> StagedSink:
        """See :class:`IAccount`."""
        del size_hint
        return StagedSink(self._sinks)

    async def read(
        self, blob: BlobRef, start: int = 0, length: int | None = None
    ) -> AsyncIterator[bytes]:
        """See :class:`IAccount`. What the system has in memory needs no thread."""
        with disk_errors():
            fd = open_inbox(self._files, *self._placed(blob))
        if fd is None:
            fd = await self._blocking(self._find, blob)
        reader = Reader(self._files, self._blocking, fd)
        try:
            end = None if length is None else start + length
            async for chunk in reader.chunks(start, end, raw=raw_octets(blob)):
                yield chunk
        finally:
            self._files.close(fd)

    def at_hand(self, blob: BlobRef) -> bytes | None:
        """See :class:`IAccount`."""
        return at_hand(self._files, *self._placed(blob))

    def _placed(self, blob: BlobRef) -> tuple[bytes, BlobRef]:
        """Where its mailbox lies, and the reference as if that were INBOX. Hot."""
        if blob[:2] == b"1/":
            return self.path, blob
        folder, _, place = blob.partition(b"/")
        box = self._boxes.get(FolderId(int(folder))) if folder.isdigit() else None
        if box is None:
            return self.path, blob
        return box.found.path, BlobRef(b"1/" + place)

    async def commit(
        self,
        changes: Sequence[Change],
        *,
        request_id: bytes,
        guard: ILease | None = None,
    ) -> Sequence[Outcome]:
        """See :class:`IAccount`."""
        if guard is not None and not (isinstance(guard, Lease) and guard.held()):
            raise Fenced
        if request_id in self._done:
            return self._done[request_id]
        outcomes = await self._blocking(self._commit, tuple(changes))
        self._done[request_id] = outcomes
        if len(self._done) > REMEMBERED_REQUESTS:
            self._done.popitem(last=False)
        for folder in touched(changes):
            self.changed(folder)
        return outcomes

    async def usage(self) -> Usage:
        """See :class:`IAccount`."""
        return await self._blocking(self.quota.usage)

    async def lease(self, purpose: str, owner: str, ttl_seconds: float) -> Lease | None:
        """See :class:`IAccount`."""
        del owner
        if not _PURPOSE.fullmatch(purpose):
            raise Unavailable
        path = self.path + b"/mailapp-" + purpose.encode("ascii") + b".lock"
        with disk_errors():
            return self._ground.leases.acquire(path, ttl_seconds)

    async def watch(self, hint: Callable[[ModSeq], None]) -> Callable[[], None]:
        """See :class:`IAccount`.

        Told at once of what this process does, of the rest when the store is tended.
        """
        self._hints.append(hint)
        self._seen = await self._blocking(self._changed_at)

        def stop() -> None:
            if hint in self._hints:
                self._hints.remove(hint)

        return stop

    @property
    def watched(self) -> bool:
        """Somebody wants hints."""
        return bool(self._hints) or self._opened.watched

    def changed(self, folder: FolderId | None) -> None:
        """This process changed a mailbox: tell the watchers, here and elsewhere."""
        self.hint(folder)
        self._ground.neighbours.on_changed(self.id, folder)

    def hint(self, folder: FolderId | None = None) -> None:
        """Tell the watchers in this process; without a folder, those of all."""
        self._opened.hint(folder)
        for hint in list(self._hints):
            hint(ModSeq(self._clock.next()))

    async def look_for_changes(self) -> None:
        """Tell the watchers if another program changed something."""
        seen = await self._blocking(self._changed_at)
        if seen != self._seen:
            self._seen = seen
            self.hint()

    # ---- in threads

    async def _blocking(self, work: Callable[..., _T], *arguments: Any) -> _T:
        try:
            with disk_errors():
                result: _T = await self._ground.in_thread(work, *arguments)
                return result
        except TemporaryFailure as failure:
            raise Unavailable from failure

    def _mailbox(self, folder: FolderId) -> Mailbox:
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
            index = indexes.of(self.path)
        remembered = None if index is None else Remembered(index, found.id)
        tracked = Tracked(self._files, self._folders, found, self._clock, remembered)
        return Mailbox(self._files, self._folders, tracked, index)

    def _summaries(self) -> list[Folder]:
        with self._lock:
            summaries = []
            for found in self._folders.all():
                box = self._mailbox(found.id)
                summaries.append(box.summary())
                self._ground.kept.used(box, self._lock)
            return summaries

    def _names(self) -> list[Named]:
        with self._lock:
            return [Named(found.id, found.name) for found in self._folders.all()]

    def _find_name(self, name: tuple[str, ...]) -> FolderId | None:
        with self._lock, suppress(BadName):
            found = self._folders.by_name(name)
            return found.id if found is not None else None
        return None

    def _look(self, folder: FolderId) -> Mailbox:
        with self._lock, missing_mailbox():
            box = self._mailbox(folder)
            box.look()
            self._ground.kept.used(box, self._lock)
            return box

    def _rows(
        self, folder: FolderId, low: int, high: int, since: int | None
    ) -> list[Row]:
        with self._lock, missing_mailbox():
            box = self._mailbox(folder)
            return box.rows(low, high, since)

    def _vanished(self, folder: FolderId, since: int) -> list[tuple[UID, UID]] | None:
        with self._lock, missing_mailbox():
            box = self._mailbox(folder)
            return box.vanished(since)

    def _listing(self, folder: FolderId) -> tuple[Mailbox, Listing]:
        with missing_mailbox():
            box = self._mailbox(folder)
            return box, box.listing()

    def _tell_failed(self, problem: BaseException) -> None:
        self.log.failure(
            "names of foreign messages",
            failure=Failure(problem),
            event="maildir.tell.failed",
        )

    def _find(self, blob: BlobRef) -> int:
        """Open it wherever it lies now: flags are in the name, and names change."""
        with missing_mailbox():
            return self._mailbox(folder_of(blob)).open(blob)

    def _commit(self, changes: Sequence[Change]) -> list[Outcome]:
        with self._lock:
            placing = Placing(
                self._files, self._ground.unique, self.path, self.quota, self._mailbox
            )
            work = Changes(
                self._files, self._folders, self.quota, placing, self._mailbox
            )
            work.check(changes)
            return work.apply_all(changes)

    def _changed_at(self) -> dict[bytes, tuple[int, int]]:
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

"""One account of a :class:`mailapp.storage.maildir.store.MaildirStore`."""

from __future__ import annotations

import re
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from functools import partial
from typing import Any, ClassVar, Final, TypeVar

from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import implementer

from mailapp.core.failures import TemporaryFailure
from mailapp.net.steps import nothing, run
from mailapp.net.trips import Trips
from mailapp.storage.interfaces import IAccount, ILease
from mailapp.storage.items import Items
from mailapp.storage.maildir.changes import touched
from mailapp.storage.maildir.commits import Commit
from mailapp.storage.maildir.errors import disk_errors
from mailapp.storage.maildir.following import Work
from mailapp.storage.maildir.ground import Ground
from mailapp.storage.maildir.lease import Lease
from mailapp.storage.maildir.mailboxes import Mailboxes, missing_mailbox
from mailapp.storage.maildir.marks import MaildirMarks
from mailapp.storage.maildir.opened import MaildirMailbox, Opened
from mailapp.storage.maildir.reading import (
    Reader,
    at_hand,
    open_inbox,
    raw_octets,
)
from mailapp.storage.maildir.sink import SinkParts, StagedSink
from mailapp.storage.types import (
    INBOX,
    INBOX_ID,
    UID,
    AccountId,
    Append,
    BlobRef,
    Change,
    Fenced,
    Folder,
    FolderId,
    ModSeq,
    Named,
    Outcome,
    Row,
    Unavailable,
    Usage,
)

_T = TypeVar("_T")
ROWS_AT_ONCE: Final = 500
REMEMBERED_REQUESTS: Final = 200
_PURPOSE: Final = re.compile(r"[a-z0-9-]{1,40}")


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
        self._mailboxes: Final = Mailboxes(
            ground, path, partial(ground.neighbours.watched, account)
        )
        self._commits: Final[Trips[Commit, Sequence[Outcome]]] = Trips(
            self._blocking,
            self._mailboxes.commit_all,
            ground.clock,
            joins=Commit.joins,
        )
        self._done: OrderedDict[bytes, Sequence[Outcome]] = OrderedDict()
        self._held: dict[BlobRef, StagedSink] = {}
        self._hints: list[Callable[[ModSeq], None]] = []
        self._seen: dict[bytes, tuple[int, int]] = {}
        self.marks: Final = MaildirMarks(ground.files, self._blocking, path)
        self._opened: Final = Opened(
            ground.lookout,
            ground.clock,
            self._blocking,
            Work(
                self._mailboxes.look,
                self._build,
                self._mailboxes.name_late,
                self._mailboxes.complete,
                ground.leases.acquire,
            ),
            partial(ground.neighbours.on_watched, account),
        )

    async def folders(self) -> Sequence[Folder]:
        """See :class:`IAccount`."""
        return await self._blocking(self._mailboxes.summaries)

    async def names(self) -> Sequence[Named]:
        """See :class:`IAccount`."""
        return await self._blocking(self._mailboxes.names)

    async def find(self, name: tuple[str, ...]) -> FolderId | None:
        """See :class:`IAccount`."""
        if name == INBOX:
            return INBOX_ID
        return await self._blocking(self._mailboxes.find_name, name)

    async def mailbox(self, folder: FolderId, *, whole: bool = True) -> MaildirMailbox:
        """See :class:`IAccount`."""
        mailbox = await self._opened.open(folder)
        if whole:
            try:
                await mailbox.complete(mailbox.columns, mailbox.columns.uids)
            except BaseException:
                mailbox.close()
                raise
        return mailbox

    async def rows(
        self,
        folder: FolderId,
        *,
        uids: tuple[UID, UID] | None = None,
        since: ModSeq | None = None,
    ) -> AsyncIterator[Sequence[Row]]:
        """See :class:`IAccount`."""
        low, high = uids or (1, 2**32 - 1)
        rows = await self._blocking(self._mailboxes.rows, folder, low, high, since)
        for at in range(0, len(rows), ROWS_AT_ONCE):
            yield rows[at : at + ROWS_AT_ONCE]

    async def vanished(
        self, folder: FolderId, since: ModSeq
    ) -> Sequence[tuple[UID, UID]] | None:
        """See :class:`IAccount`. Known as far back as this process looked."""
        return await self._blocking(self._mailboxes.vanished, folder, since)

    async def items(self, folder: FolderId) -> Items:
        """See :class:`IAccount`. What was read before costs two looks, no thread."""
        box = self._mailboxes.known(folder)
        if box is not None:
            with disk_errors(), missing_mailbox():
                listing = box.cached()
            if listing is not None:
                return listing.items
        looked, fresh = await self._blocking(self._mailboxes.listing, folder)
        if fresh.untold:
            # nobody waits for it: with many foreign files it takes a while
            run(self._blocking(looked.tell, fresh), nothing, self._tell_failed)
        return fresh.items

    def stage(self, size_hint: int | None = None) -> StagedSink:
        """See :class:`IAccount`."""
        del size_hint
        return StagedSink(self._sinks, self._held)

    async def read(
        self, blob: BlobRef, start: int = 0, length: int | None = None
    ) -> AsyncIterator[bytes]:
        """See :class:`IAccount`. What the system has in memory needs no thread."""
        with disk_errors():
            fd = open_inbox(self._files, *self._placed(blob))
        if fd is None:
            fd = await self._blocking(self._mailboxes.open, blob)
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
        box = self._mailboxes.known(FolderId(int(folder))) if folder.isdigit() else None
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
        held = self._lent(changes) if self._held else {}
        try:
            outcomes = await self._commits.do(Commit(tuple(changes), held))
        finally:
            for sink in held.values():
                sink.take_back()
        self._done[request_id] = outcomes
        if len(self._done) > REMEMBERED_REQUESTS:
            self._done.popitem(last=False)
        for folder in touched(changes):
            self.changed(folder)
        return outcomes

    def _lent(self, changes: Sequence[Change]) -> Mapping[BlobRef, StagedSink]:
        """The bodies among the changes that are in memory, lent to a thread."""
        blobs = {each.blob for each in changes if isinstance(each, Append)}
        lent = {blob: self._held[blob] for blob in blobs if blob in self._held}
        for sink in lent.values():
            sink.lend()
        return lent

    async def usage(self) -> Usage:
        """See :class:`IAccount`."""
        return await self._blocking(self._mailboxes.quota.usage)

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
        self._seen = await self._blocking(self._mailboxes.changed_at)

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
            hint(ModSeq(self._mailboxes.clock.next()))

    async def look_for_changes(self) -> None:
        """Tell the watchers if another program changed something."""
        seen = await self._blocking(self._mailboxes.changed_at)
        if seen != self._seen:
            self._seen = seen
            self.hint()

    async def _blocking(self, work: Callable[..., _T], *arguments: Any) -> _T:
        try:
            with disk_errors():
                result: _T = await self._ground.in_thread(work, *arguments)
                return result
        except TemporaryFailure as failure:
            raise Unavailable from failure

    def _build(self, folder: FolderId, *, first: bool = False) -> None:
        """Have the texts of a mailbox indexed, whoever is there."""
        step = partial(self._blocking, self._mailboxes.index_texts, folder)
        self._ground.builds.want((self.path, folder), step, first=first)

    def _tell_failed(self, problem: BaseException) -> None:
        self.log.failure(
            "names of foreign messages",
            failure=Failure(problem),
            event="maildir.tell.failed",
        )

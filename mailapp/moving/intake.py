"""Brings the messages of a source into an account, each exactly once.

The order is that of :mod:`mailapp.moving.journal`. Messages come in batches: while one
is read, those before it are already on their way to the disk, and all of a batch become
visible by one commit.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from typing import Any, Final

from attrs import define, evolve, field, frozen
from twisted.internet.defer import Deferred

from mailapp.message.line_ends import ToWire
from mailapp.moving.flags import kept, system_only
from mailapp.moving.journal import Intent, Journal
from mailapp.moving.traces import content_digest, missing
from mailapp.moving.types import (
    MoveProblem,
    Offered,
    Run,
    Shelf,
    Source,
    Tally,
    Watch,
    shown,
)
from mailapp.net.threads import InThread
from mailapp.storage.interfaces import IAccount, IMailbox
from mailapp.storage.types import (
    Append,
    BadName,
    BlobRef,
    CreateFolder,
    Exists,
    FolderId,
    NoSpace,
    OverQuota,
    StoreError,
    TooMany,
)

BATCH_MESSAGES: Final = 200
BATCH_OCTETS: Final = 16 * 1024 * 1024
"""A batch is committed when it has so many messages or octets."""
_LATEST: Final = 2**32 - 1


@frozen
class Place:
    """Where messages go.

    Attributes:
        account: that they go to.
        journal: of the account, for the source.
        in_thread: runs what blocks.
        now: seconds since the epoch.
        token: a fresh request id.
    """

    account: IAccount
    journal: Journal
    in_thread: InThread
    now: Callable[[], float]
    token: Callable[[], bytes]


@define(eq=False)
class _Waiting:
    """A message on its way to the disk."""

    key: bytes
    digest: bytes
    size: int
    flags: frozenset[str]
    received: int
    step: int
    stored: Deferred[BlobRef]


@define(eq=False)
class _Batch:
    """What goes into one mailbox by one commit."""

    messages: list[_Waiting] = field(factory=list)
    octets: int = 0

    def add(self, message: _Waiting) -> bool:
        """Add one; is the batch full?"""
        self.messages.append(message)
        self.octets += message.size
        return len(self.messages) >= BATCH_MESSAGES or self.octets >= BATCH_OCTETS


class Intake:
    """The way from one source into one account, for one run.

    Args:
        source: where from.
        place: where to.
        watch: is told how far it is.
        tally: is told what was done.
    """

    def __init__(
        self, source: Source, place: Place, watch: Watch, tally: Tally
    ) -> None:
        self.tally: Final = tally
        self._source = source
        self._place = place
        self._watch = watch

    async def run(self) -> None:
        """Bring all of it.

        Raises:
            MoveProblem: it can't go on; what came is noted, a later run goes on.
            StoreError, OSError, sqlite3.Error: the same.
        """
        await self._recover()
        try:
            for shelf in await self._source.shelves():
                await self._shelf(shelf)
        except Exception:
            with suppress(StoreError, OSError):
                await self._recover()
            raise
        await self._place.in_thread(self._place.journal.settle)

    async def _recover(self) -> None:
        """See what became of a batch that broke off, and note what came."""
        journal = self._place.journal
        pending = journal.pending()
        if pending:
            lost = await missing(self._place.account, pending)
            await self._place.in_thread(journal.settle, lost)

    async def _shelf(self, shelf: Shelf) -> None:
        """Bring one mailbox."""
        self._watch.begin(shown(shelf.name))
        target = _Target(self._place, self.tally, self._watch)
        await target.open(shelf)
        batch = _Batch()
        try:
            alike: Counter[bytes] = Counter()
            run = Run(partial(self._known, shelf), self.tally, self._watch)
            async for offered in self._source.messages(shelf, run):
                message = await self._take(shelf, offered, alike)
                if message is None:
                    self._watch.advance(offered.step)
                elif batch.add(message):
                    full, batch = batch, _Batch()
                    await target.put(full.messages)
            if batch.messages:
                full, batch = batch, _Batch()
                await target.put(full.messages)
        finally:
            for left in batch.messages:
                _ = left.stored.addErrback(_unheard)
            target.close()

    def _known(self, shelf: Shelf, key: bytes) -> bool:
        journal = self._place.journal
        return journal.knows(journal.key_of(shelf.key, b"k" + key))

    async def _take(
        self, shelf: Shelf, offered: Offered, alike: Counter[bytes]
    ) -> _Waiting | None:
        """Take the octets of a message; None: it is known by them."""
        sink = self._place.account.stage()
        wire, digest = ToWire(), content_digest()
        try:
            async for octets in offered.chunks:
                ready = wire.convert(octets)
                digest.update(ready)
                await sink.write(ready)
            content = digest.digest()
            key = offered.key
            if key is None:
                key = b"%b.%d" % (content, alike[content])
                alike[content] += 1
                if self._known(shelf, key):
                    self.tally.known += 1
                    sink.abort()
                    return None
        except BaseException:
            sink.abort()
            raise
        flags, lost = kept(offered.flags)
        self.tally.keywords += lost
        received = offered.received
        if received is None:
            received = int(self._place.now())
        return _Waiting(
            self._place.journal.key_of(shelf.key, b"k" + key),
            content,
            sink.size_octets,
            flags,
            max(0, min(received, _LATEST)),
            offered.step,
            Deferred.fromCoroutine(_stored(sink)),
        )


class _Target:
    """The mailbox that a shelf comes into."""

    def __init__(self, place: Place, tally: Tally, watch: Watch) -> None:
        self._place = place
        self._tally = tally
        self._watch = watch
        self._name: tuple[str, ...] = ()
        self._mailbox: IMailbox | None = None

    async def open(self, shelf: Shelf) -> None:
        """Find the mailbox, or make it.

        Raises:
            MoveProblem: no mailbox can have this name.
        """
        account = self._place.account
        self._name = shelf.name
        try:
            folder = await account.find(shelf.name)
            made = folder is None
            if folder is None:
                folder = await self._make(shelf.name)
                self._tally.folders += 1
            wanted = made if shelf.subscribed is None else shelf.subscribed
            if wanted:
                await account.marks.subscribe(shelf.name, on=True)
        except BadName:
            text = f"no mailbox can be called {shown(shelf.name)!r}; see --folder"
            raise MoveProblem(text) from None
        if shelf.uses:
            await self._use(folder, shelf.uses)
        self._mailbox = await account.mailbox(folder)

    def close(self) -> None:
        """Let go of it."""
        if self._mailbox is not None:
            self._mailbox.close()

    async def put(self, messages: Sequence[_Waiting]) -> None:
        """Put messages into it, durably, and note that they came."""
        mailbox = self._mailbox
        assert mailbox is not None  # noqa: S101 - open() came first
        blobs = await _all_stored(messages)
        columns = await mailbox.refresh()
        intents = [
            Intent(
                key=message.key,
                mailbox=self._name,
                uid_validity=columns.uid_validity,
                uid_next=columns.uid_next,
                digest=message.digest,
                size=message.size,
                received=message.received,
            )
            for message in messages
        ]
        appends = [
            Append(mailbox.id, blob, message.flags, message.received)
            for blob, message in zip(blobs, messages, strict=True)
        ]
        await self._place.in_thread(self._place.journal.intend, intents)
        await self._commit(appends)
        for message in messages:
            self._tally.imported += 1
            self._tally.octets += message.size
            self._watch.advance(message.step)

    async def _commit(self, appends: Sequence[Append]) -> None:
        """Make them visible; keywords that the mailbox has no room for are left out."""
        account, token = self._place.account, self._place.token
        try:
            try:
                await account.commit(appends, request_id=token())
            except TooMany:
                for append in appends:
                    await self._alone(append)
        except OverQuota:
            msg = "the account is full: its quota leaves no room for the next messages"
            raise MoveProblem(msg) from None
        except NoSpace:
            msg = "the disk is full"
            raise MoveProblem(msg, lasting=False) from None

    async def _alone(self, append: Append) -> None:
        account, token = self._place.account, self._place.token
        try:
            await account.commit([append], request_id=token())
        except TooMany:
            flags = system_only(append.flags)
            self._tally.keywords += len(append.flags - flags)
            await account.commit([evolve(append, flags=flags)], request_id=token())

    async def _make(self, name: tuple[str, ...]) -> FolderId:
        account = self._place.account
        with suppress(Exists):
            await account.commit([CreateFolder(name)], request_id=self._place.token())
        folder = await account.find(name)
        if folder is None:
            raise BadName
        return folder

    async def _use(self, folder: FolderId, uses: frozenset[str]) -> None:
        """Give it the uses that no mailbox has yet (RFC 6154, section 2)."""
        marks = self._place.account.marks
        noted = await marks.read()
        taken = {use for own in noted.uses.values() for use in own}
        if folder not in noted.uses and uses - taken:
            await marks.assign(folder, uses - taken)


async def _stored(sink: Any) -> BlobRef:
    blob: BlobRef = await sink.done()
    return blob


async def _all_stored(messages: Sequence[_Waiting]) -> list[BlobRef]:
    """Wait until all lie on the disk; if one does not, raise when all are through."""
    blobs: list[BlobRef] = []
    problem: Exception | None = None
    for message in messages:
        try:
            blobs.append(await message.stored)
        except NoSpace:
            problem = MoveProblem("the disk is full", lasting=False)
        except StoreError as failure:
            problem = failure
    if problem is not None:
        raise problem
    return blobs


def _unheard(_failure: object) -> None:
    """The run broke off for another reason."""

"""The mail store that keeps each message in a file: ``<root>/<domain>/<user>``."""

from __future__ import annotations

import os
import platform
from collections import OrderedDict
from collections.abc import Sequence
from contextlib import suppress
from functools import lru_cache
from typing import Final, Literal
from weakref import WeakValueDictionary

from attrs import evolve
from twisted.internet.interfaces import IReactorTime
from zope.interface import implementer

from mailapp.core.failures import TemporaryFailure
from mailapp.net.threads import InThread
from mailapp.storage.files import Files
from mailapp.storage.index.indexes import Indexes
from mailapp.storage.interfaces import IBlobSink, IMailStore
from mailapp.storage.maildir import keywords
from mailapp.storage.maildir.account import MaildirAccount
from mailapp.storage.maildir.deliver import (
    NOTHING,
    NOWHERE,
    Copy,
    Message,
    Writer,
)
from mailapp.storage.maildir.errors import disk_errors, storage_error
from mailapp.storage.maildir.filename import UniqueNames
from mailapp.storage.maildir.folders import Folders, make_maildir
from mailapp.storage.maildir.ground import Ground
from mailapp.storage.maildir.layout import (
    MAILDROP_LOCK,
    STAGING,
    account_path,
    folder_directory,
)
from mailapp.storage.maildir.lease import LeaseTable
from mailapp.storage.maildir.lookout import Lookout
from mailapp.storage.maildir.opened import Neighbours
from mailapp.storage.maildir.places import PLACE_NANOSECONDS, Places, Target
from mailapp.storage.maildir.quota import Quota
from mailapp.storage.maildir.sink import Memory, Sink, SinkParts
from mailapp.storage.maildir.sweep import remove_tree, sweep
from mailapp.storage.maildir.text_builds import TextBuilds
from mailapp.storage.maildir.uids import turn
from mailapp.storage.maildir.waiting import Delivery, deliveries
from mailapp.storage.types import (
    INBOX,
    INBOX_ID,
    AccountId,
    Destination,
    Exists,
    FolderId,
    NoSuch,
    StoreError,
    Unavailable,
)

ACCOUNTS_KEPT: Final = 1000
MEMORY_OCTETS: Final = 32 * 1024 * 1024
"""What bodies on their way may hold in memory together; more go to files at once."""


@implementer(IMailStore)
class MaildirStore:
    """See :class:`IMailStore`.

    Args:
        root: the directory of all accounts; made if it is not there.
        in_thread: runs what blocks; as many threads as deliveries that should wait for
            the disk together.
        clock: ends leases.
        line_endings: how lines lie on disk: ``crlf`` as they came, or ``lf``.
        files: the disk.
        neighbours: other processes and programs.
        indexes: to keep what is expensive to find out; None: do without.
        unique: makes file names; by default from pid, host and the system's randomness.
    """

    def __init__(  # noqa: PLR0913 - the seam of the composition
        self,
        root: str | os.PathLike[str],
        in_thread: InThread,
        *,
        clock: IReactorTime,
        line_endings: Literal["crlf", "lf"] = "crlf",
        files: Files | None = None,
        neighbours: Neighbours | None = None,
        indexes: Indexes | None = None,
        unique: UniqueNames | None = None,
    ) -> None:
        self._files = files or Files()
        self._root = os.fsencode(root)
        if unique is None:
            unique = UniqueNames(os.getpid(), os.urandom(6), platform.node())
        leases = LeaseTable(self._files, clock)
        neighbours = neighbours or Neighbours()
        self._ground = Ground(
            files=self._files,
            unique=unique,
            in_thread=in_thread,
            leases=leases,
            clock=clock,
            neighbours=neighbours,
            lookout=Lookout(neighbours.notify, clock),
            builds=TextBuilds(clock),
            indexes=indexes,
        )
        self._sinks = SinkParts(
            files=self._files,
            unique=unique,
            in_thread=in_thread,
            memory=Memory(MEMORY_OCTETS),
            directory=self._root + b"/" + STAGING,
            as_lf=line_endings == "lf",
        )
        self._places = Places(self._files)
        self._writer = Writer(
            self._files, unique, self._places, self._make_missing, self._sinks.directory
        )
        self._deliveries = deliveries(in_thread, self._deliver, clock)
        self._accounts: WeakValueDictionary[bytes, MaildirAccount]
        self._accounts = WeakValueDictionary()
        self._recent: OrderedDict[bytes, MaildirAccount] = OrderedDict()
        with disk_errors():
            self._make_root()

    async def open(self, account: AccountId) -> MaildirAccount:
        """See :class:`IMailStore`."""
        path = account_path(self._root, account)
        recent = self._recent.get(path)
        now = self._files.now()
        if recent is not None and 0 <= now - recent.seen_at < PLACE_NANOSECONDS:
            return recent
        with disk_errors():
            if not self._exists(path):
                raise NoSuch
        found = self._account(account, path)
        found.seen_at = now
        return found

    async def create(self, account: AccountId, quota_octets: int = 0) -> MaildirAccount:
        """See :class:`IMailStore`."""
        path = account_path(self._root, account)
        await self._blocking(self._create, path, quota_octets)
        return self._account(account, path)

    async def destroy(self, account: AccountId) -> None:
        """See :class:`IMailStore`."""
        path = account_path(self._root, account)
        self._accounts.pop(path, None)
        self._recent.pop(path, None)
        await self._blocking(self._destroy, path)

    def stage(self, size_hint: int | None = None) -> Sink:
        """See :class:`IMailStore`."""
        del size_hint
        return Sink(self._sinks)

    async def deliver(
        self, sink: IBlobSink, destinations: Sequence[Destination]
    ) -> Sequence[StoreError | None]:
        """See :class:`IMailStore`."""
        if not isinstance(sink, Sink):
            raise TypeError(sink)
        delivery = Delivery(sink, destinations)
        self._deliveries.put(delivery, delivery.ended, alone=delivery.is_large)
        outcomes = await delivery.told
        for destination, outcome in zip(destinations, outcomes, strict=True):
            if outcome is None:
                folder = INBOX_ID if tuple(destination.folder) == INBOX else None
                self.noticed(destination.account, folder)
                self._ground.neighbours.on_changed(destination.account, folder)
        return outcomes

    async def tend(self, now: float) -> None:
        """Sweep what crashes left behind, and look for changes by other programs.

        Args:
            now: seconds since the epoch.
        """
        for account in list(self._accounts.values()):
            if account.watched:
                await account.look_for_changes()
        await self._blocking(sweep, self._files, self._root, now)

    async def close(self) -> None:
        """See :class:`IMailStore`."""
        self._ground.leases.close()
        self._recent.clear()
        self._places.clear()
        await self._ground.builds.stop()
        if self._ground.indexes is not None:
            self._ground.indexes.close()

    def noticed(self, account: AccountId, folder: FolderId | None) -> None:
        """Another process changed a mailbox; None: which one is not known."""
        known = self._accounts.get(account_path(self._root, account))
        if known is not None and known.watched:
            known.hint(folder)

    def _account(self, name: AccountId, path: bytes) -> MaildirAccount:
        account = self._accounts.get(path)
        if account is None:
            sinks = evolve(self._sinks, directory=path + b"/tmp")
            account = MaildirAccount(self._ground, name, path, sinks)
            self._accounts[path] = account
        self._recent[path] = account
        self._recent.move_to_end(path)
        if len(self._recent) > ACCOUNTS_KEPT:
            self._recent.popitem(last=False)
        return account

    async def _blocking(self, work: object, *arguments: object) -> None:
        try:
            with disk_errors():
                await self._ground.in_thread(work, *arguments)
        except TemporaryFailure as failure:
            raise Unavailable from failure

    # ---- in threads

    def _exists(self, path: bytes) -> bool:
        try:
            return self._files.facts(path + b"/cur").directory
        except (FileNotFoundError, NotADirectoryError):
            return False

    def _make_root(self) -> None:
        for path in (self._root, self._root + b"/" + STAGING):
            with suppress(FileExistsError):
                self._files.mkdir(path)
        self._files.sync_directory(self._root)

    def _create(self, path: bytes, quota_octets: int) -> None:
        domain = path.rpartition(b"/")[0]
        if not self._exists(path):
            with suppress(FileExistsError):
                self._files.mkdir(domain)
            make_maildir(self._files, path)
            self._files.sync_directory(domain)
            self._files.sync_directory(self._root)
        there = Folders(self._files, self._ground.unique, path)
        with turn(self._files, path, lambda: there.begin(INBOX_ID)):
            pass
        # There before the disk is full: who empties a mailbox has to lock it first.
        self._files.close(self._files.open_scratch(path + b"/" + MAILDROP_LOCK))
        Quota(self._files, path).limit(quota_octets)

    def _destroy(self, path: bytes) -> None:
        rubbish = self._root + b"/" + STAGING + b"/"
        rubbish += self._ground.unique.next(self._files.now())
        with suppress(FileNotFoundError):
            self._files.rename(path, rubbish)
            self._files.sync_directory(path.rpartition(b"/")[0])
            remove_tree(self._files, rubbish)

    def _deliver(self, batch: Sequence[Delivery]) -> list[list[StoreError | None]]:
        """One trip: finish bodies, put them into their mailboxes, make that durable."""
        messages = [self._message(d.sink, d.destinations) for d in batch]
        self._writer.deliver(messages)
        return [[copy.failure for copy in message.copies] for message in messages]

    def _message(self, sink: Sink, destinations: Sequence[Destination]) -> Message:
        copies = [self._copy(destination) for destination in destinations]
        message = Message(NOTHING, copies)
        try:
            message.body = sink.finish()
        except OSError as failure:
            message.fail(storage_error(failure))
        except StoreError as failure:
            message.fail(failure)
        return message

    def _copy(self, destination: Destination) -> Copy:
        try:
            return Copy(self._target(destination))
        except OSError as failure:
            return Copy(NOWHERE, failure=storage_error(failure))
        except StoreError as failure:
            return Copy(NOWHERE, failure=failure)

    def _target(self, destination: Destination) -> Target:
        name = tuple(destination.folder)
        target = _target(self._root, destination.account, name)
        account = target.account
        if not destination.flags:
            return target
        if not self._exists(target.folder):
            self._make_missing(target)
        there = Folders(self._files, self._ground.unique, account)
        found = INBOX_ID if target.folder == account else None
        with turn(self._files, target.folder, lambda: there.begin(found)):
            known = keywords.with_letters(self._files, target.folder, destination.flags)
        letters = known.letters(destination.flags)
        return evolve(target, place=b"cur", letters=letters)

    def _make_missing(self, target: Target) -> None:
        """Make the mailbox that a delivery did not find, or a missing part of it."""
        if not self._exists(target.account):
            raise NoSuch
        if self._exists(target.folder):
            make_maildir(self._files, target.folder)
            return
        there = Folders(self._files, self._ground.unique, target.account)
        name = target.folder[len(target.account) + 1 :]
        with suppress(Exists):
            there.create_directory(name)


@lru_cache(maxsize=4096)
def _target(root: bytes, account: AccountId, folder: tuple[str, ...]) -> Target:
    """Where a mailbox lies: pure, and asked often."""
    path, directory = account_path(root, account), folder_directory(folder)
    return Target(path, path + b"/" + directory if directory else path)

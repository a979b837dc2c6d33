"""A mail store in memory: for tests of protocols, and the seam at its shortest.

Nothing in it ever waits: each coroutine runs through without a Deferred. It keeps every
promise of :mod:`mailapp.storage.interfaces` but durability.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import suppress
from typing import Final, Protocol

from attrs import define, field
from zope.interface import implementer

from mailapp.storage.interfaces import IAccount, IBlobSink, ILease, IMailStore
from mailapp.storage.items import Items, Listed
from mailapp.storage.marks import MemoryMarks
from mailapp.storage.memory_changes import State, apply
from mailapp.storage.memory_mailbox import MemoryMailbox
from mailapp.storage.names import canonical
from mailapp.storage.types import (
    INBOX,
    UID,
    AccountId,
    Append,
    BadName,
    BlobRef,
    Change,
    CreateFolder,
    Destination,
    Exists,
    Fenced,
    Folder,
    FolderId,
    ModSeq,
    Named,
    NoSuch,
    Outcome,
    Row,
    StoreError,
    Unavailable,
    Usage,
)

CHUNK: Final = 64 * 1024
REMEMBERED_REQUESTS: Final = 1000


class Clock(Protocol):
    """The part of IReactorTime that a store needs."""

    def seconds(self) -> float:
        """Seconds since the epoch."""


@implementer(ILease)
class MemoryLease:
    """See :class:`ILease`."""

    def __init__(self, account: MemoryAccount, purpose: str, ttl: float) -> None:
        self._account = account
        self._purpose = purpose
        self._ttl = ttl
        self._until = account.clock.seconds() + ttl

    def held(self) -> bool:
        """Not lost, not released."""
        mine = self._account.leases.get(self._purpose) is self
        return mine and self._account.clock.seconds() < self._until

    async def renew(self) -> None:
        """See :class:`ILease`."""
        if not self.held():
            raise Fenced
        self._until = self._account.clock.seconds() + self._ttl

    async def release(self) -> None:
        """See :class:`ILease`."""
        if self._account.leases.get(self._purpose) is self:
            del self._account.leases[self._purpose]


@implementer(IBlobSink)
class MemorySink:
    """See :class:`IBlobSink`."""

    def __init__(self, bodies: dict[BlobRef, bytes], ref: BlobRef) -> None:
        self.size_octets = 0
        self._bodies = bodies
        self._ref = ref
        self._chunks: list[bytes] | None = []

    async def write(self, octets: bytes) -> None:
        """See :class:`IBlobSink`."""
        if self._chunks is None:
            raise Unavailable
        self._chunks.append(octets)
        self.size_octets += len(octets)

    async def done(self) -> BlobRef:
        """See :class:`IBlobSink`."""
        self._bodies[self._ref] = self.taken()
        return self._ref

    async def ready(self) -> BlobRef:
        """See :class:`IBlobSink`."""
        return await self.done()

    def abort(self) -> None:
        """See :class:`IBlobSink`."""
        self._chunks = None

    def taken(self) -> bytes:
        """The body; the sink is used up."""
        if self._chunks is None:
            raise Unavailable
        body = b"".join(self._chunks)
        self._chunks = None
        return body


@define(eq=False)
class _Shared:
    """What all accounts of one store share."""

    bodies: dict[BlobRef, bytes] = field(factory=dict)
    serial: int = 0

    def reference(self) -> BlobRef:
        self.serial += 1
        return BlobRef(b"b%d" % self.serial)


@implementer(IAccount)
class MemoryAccount:
    """See :class:`IAccount`."""

    def __init__(self, clock: Clock, shared: _Shared, quota_octets: int) -> None:
        self.clock = clock
        self.leases: dict[str, MemoryLease] = {}
        self.state = State(quota_octets=quota_octets, bodies=shared.bodies)
        self._shared = shared
        self._done: OrderedDict[bytes, Sequence[Outcome]] = OrderedDict()
        self._hints: list[Callable[[ModSeq], None]] = []
        self.marks = MemoryMarks()
        self.folder_hints: dict[FolderId, list[Callable[[], None]]] = {}
        apply(self.state, [CreateFolder(INBOX)], shared.reference, 0)

    async def folders(self) -> Sequence[Folder]:
        """See :class:`IAccount`."""
        boxes = sorted(
            self.state.boxes.values(), key=lambda b: (b.name != INBOX, b.name)
        )
        return [box.summary() for box in boxes]

    async def names(self) -> Sequence[Named]:
        """See :class:`IAccount`."""
        return [Named(folder.id, folder.name) for folder in await self.folders()]

    async def find(self, name: tuple[str, ...]) -> FolderId | None:
        """See :class:`IAccount`."""
        with suppress(NoSuch, BadName):
            return self.state.named(canonical(name)).id
        return None

    async def mailbox(self, folder: FolderId, *, whole: bool = True) -> MemoryMailbox:
        """See :class:`IAccount`."""
        del whole
        return MemoryMailbox(self, folder)

    async def rows(
        self,
        folder: FolderId,
        *,
        uids: tuple[UID, UID] | None = None,
        since: ModSeq | None = None,
    ) -> AsyncIterator[Sequence[Row]]:
        """See :class:`IAccount`."""
        low, high = uids or (1, 2**32 - 1)
        box = self.state.box(folder)
        found = [
            message.row(uid)
            for uid, message in box.messages.items()
            if low <= uid <= high and (since is None or message.modseq > since)
        ]
        if found:
            yield found

    async def vanished(
        self, folder: FolderId, since: ModSeq
    ) -> Sequence[tuple[UID, UID]] | None:
        """See :class:`IAccount`."""
        gone = self.state.box(folder).expunged
        return [(uid, uid) for uid, modseq in sorted(gone.items()) if modseq > since]

    async def items(self, folder: FolderId) -> Items:
        """See :class:`IAccount`."""
        return Listed(m.item() for m in self.state.box(folder).messages.values())

    def stage(self, size_hint: int | None = None) -> MemorySink:
        """See :class:`IAccount`."""
        del size_hint
        return MemorySink(self._shared.bodies, self._shared.reference())

    async def read(
        self, blob: BlobRef, start: int = 0, length: int | None = None
    ) -> AsyncIterator[bytes]:
        """See :class:`IAccount`."""
        if not self.state.holds(blob):
            raise NoSuch
        body = self._shared.bodies[blob]
        end = len(body) if length is None else min(len(body), start + length)
        for at in range(start, end, CHUNK):
            yield body[at : min(at + CHUNK, end)]

    def at_hand(self, blob: BlobRef) -> bytes | None:
        """See :class:`IAccount`."""
        body = self._shared.bodies[blob] if self.state.holds(blob) else None
        return None if body is None or len(body) > CHUNK else body

    async def commit(
        self,
        changes: Sequence[Change],
        *,
        request_id: bytes,
        guard: ILease | None = None,
    ) -> Sequence[Outcome]:
        """See :class:`IAccount`."""
        if guard is not None and not (isinstance(guard, MemoryLease) and guard.held()):
            raise Fenced
        if request_id in self._done:
            return self._done[request_id]
        state = self.state.copy()
        outcomes = apply(
            state, changes, self._shared.reference, int(self.clock.seconds())
        )
        self.state = state
        self._done[request_id] = outcomes
        if len(self._done) > REMEMBERED_REQUESTS:
            self._done.popitem(last=False)
        for hint in list(self._hints):
            hint(ModSeq(state.modseq))
        for each in [each for hints in self.folder_hints.values() for each in hints]:
            each()
        return outcomes

    async def usage(self) -> Usage:
        """See :class:`IAccount`."""
        return self.state.usage()

    async def lease(
        self, purpose: str, owner: str, ttl_seconds: float
    ) -> MemoryLease | None:
        """See :class:`IAccount`."""
        del owner
        held = self.leases.get(purpose)
        if held is not None and held.held():
            return None
        lease = self.leases[purpose] = MemoryLease(self, purpose, ttl_seconds)
        return lease

    async def watch(self, hint: Callable[[ModSeq], None]) -> Callable[[], None]:
        """See :class:`IAccount`."""
        self._hints.append(hint)

        def stop() -> None:
            if hint in self._hints:
                self._hints.remove(hint)

        return stop


@implementer(IMailStore)
class MemoryStore:
    """See :class:`IMailStore`.

    Args:
        clock: says when messages arrive and leases end.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._shared = _Shared()
        self._accounts: dict[AccountId, MemoryAccount] = {}

    async def open(self, account: AccountId) -> MemoryAccount:
        """See :class:`IMailStore`."""
        try:
            return self._accounts[account]
        except KeyError:
            raise NoSuch from None

    async def create(self, account: AccountId, quota_octets: int = 0) -> MemoryAccount:
        """See :class:`IMailStore`."""
        if account not in self._accounts:
            self._accounts[account] = MemoryAccount(
                self._clock, self._shared, quota_octets
            )
        self._accounts[account].state.quota_octets = quota_octets
        return self._accounts[account]

    async def destroy(self, account: AccountId) -> None:
        """See :class:`IMailStore`."""
        self._accounts.pop(account, None)

    def stage(self, size_hint: int | None = None) -> MemorySink:
        """See :class:`IMailStore`."""
        del size_hint
        return MemorySink(self._shared.bodies, self._shared.reference())

    async def deliver(
        self, sink: IBlobSink, destinations: Sequence[Destination]
    ) -> Sequence[StoreError | None]:
        """See :class:`IMailStore`."""
        outcomes: list[StoreError | None] = []
        try:
            blob = await sink.done()
        except StoreError as failure:
            return [failure for _ in destinations]
        for destination in destinations:
            try:
                await self._append(blob, destination)
                outcomes.append(None)
            except StoreError as failure:
                outcomes.append(failure)
        return outcomes

    async def close(self) -> None:
        """See :class:`IMailStore`."""

    async def _append(self, blob: BlobRef, destination: Destination) -> None:
        account = await self.open(destination.account)
        name = canonical(destination.folder)
        with suppress(Exists):
            await account.commit([CreateFolder(name)], request_id=self._request())
        folder = account.state.named(name)
        await account.commit(
            [Append(folder.id, blob, destination.flags)], request_id=self._request()
        )

    def _request(self) -> bytes:
        return bytes(self._shared.reference())

"""Mail as machines of the 1980s can show it: one ASCII text a message, of bounded size.

What a message becomes is :func:`mailapp.message.plain.vintage`. Here it stands in the
place of the message: its octets are what is counted and sent. Nothing on disk changes.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Iterable, Sequence
from contextlib import aclosing
from typing import Final

from twisted.internet.defer import DeferredSemaphore
from zope.interface import implementer

from mailapp.message.plain import vintage
from mailapp.net.threads import InThread
from mailapp.storage.interfaces import ILease, IMailboxes
from mailapp.storage.items import Items
from mailapp.storage.types import (
    AccountId,
    BlobRef,
    Change,
    FolderId,
    Item,
    NoSuch,
    Outcome,
)

READ_OCTETS: Final = 2 * 2**20
"""Of a larger message only the beginning is read; its text is there or nowhere."""
CHUNK: Final = 64 * 1024
REMEMBERED_SIZES: Final = 100_000
IN_A_ROW: Final = 1000
"""Sizes that are looked up between two turns of the reactor."""
AT_ONCE: Final = 4
"""Messages that are converted at a time, in a process; each is held in memory."""

_Key = tuple[AccountId, FolderId, bytes]


class Vintage:
    """What all vintage listeners of a process share.

    Args:
        size_limit: octets that a message may have.
        in_thread: where messages are converted.
    """

    def __init__(self, size_limit: int, in_thread: InThread) -> None:
        self._size_limit = size_limit
        self._in_thread = in_thread
        self._turns = DeferredSemaphore(AT_ONCE)
        self._sizes: dict[_Key, int] = {}  # oldest first

    def uncounted(self, account: AccountId, mail: IMailboxes) -> IMailboxes:
        """An account's mail in this form, for who does not believe sizes (POP2)."""
        return _Mail(self, account, mail, counted=False)

    def counted(self, account: AccountId, mail: IMailboxes) -> IMailboxes:
        """The same, with all sizes; the first look converts all messages (POP3)."""
        return _Mail(self, account, mail, counted=True)

    async def convert(self, mail: IMailboxes, blob: BlobRef) -> bytes:
        """One message in this form.

        Raises:
            StoreError: it can't be read.
        """
        await self._turns.acquire()
        try:
            head, octets = await _beginning(mail, blob)
            converted: bytes = await self._in_thread(
                _converted, head, octets, self._size_limit
            )
            return converted
        finally:
            self._turns.release()

    async def give_way(self) -> None:
        """Let others have a turn."""
        await self._in_thread(int)

    async def size(self, key: _Key, mail: IMailboxes, item: Item) -> int:
        """Octets of a message in this form; messages do not change."""
        size = self._sizes.get(key)
        if size is None:
            try:
                size = len(await self.convert(mail, item.blob))
            except NoSuch:
                return item.size_octets  # it is gone, and RETR will say so
            while len(self._sizes) >= REMEMBERED_SIZES:
                del self._sizes[next(iter(self._sizes))]
            self._sizes[key] = size
        return size


@implementer(IMailboxes)
class _Mail:
    """See :class:`IMailboxes`."""

    def __init__(
        self, shown: Vintage, account: AccountId, mail: IMailboxes, *, counted: bool
    ) -> None:
        self._shown = shown
        self._account = account
        self._mail = mail
        self._counted = counted

    async def items(self, folder: FolderId) -> Items:
        """See :class:`IMailboxes`."""
        items = await self._mail.items(folder)
        if not self._counted:
            return items
        sizes: list[int] = []
        for number, item in enumerate(items, 1):
            key = (self._account, folder, item.guid)
            sizes.append(await self._shown.size(key, self._mail, item))
            if not number % IN_A_ROW:
                await self._shown.give_way()
        return _Resized(items, sizes)

    async def read(
        self, blob: BlobRef, start: int = 0, length: int | None = None
    ) -> AsyncIterator[bytes]:
        """See :class:`IMailboxes`."""
        octets = await self._shown.convert(self._mail, blob)
        end = len(octets) if length is None else min(len(octets), start + length)
        for at in range(start, end, CHUNK):
            yield octets[at : min(at + CHUNK, end)]

    def at_hand(self, blob: BlobRef) -> None:
        """See :class:`IMailboxes`."""
        del blob

    async def commit(
        self,
        changes: Sequence[Change],
        *,
        request_id: bytes,
        guard: ILease | None = None,
    ) -> Sequence[Outcome]:
        """See :class:`IMailboxes`."""
        return await self._mail.commit(changes, request_id=request_id, guard=guard)

    async def lease(
        self, purpose: str, owner: str, ttl_seconds: float
    ) -> ILease | None:
        """See :class:`IMailboxes`."""
        return await self._mail.lease(purpose, owner, ttl_seconds)


class _Resized(Items):
    """The same messages with other sizes."""

    def __init__(self, items: Items, sizes: Sequence[int]) -> None:
        self._items = items
        self._sizes = sizes
        self.octets = sum(sizes)

    def __len__(self) -> int:
        return len(self._items)

    def item(self, index: int) -> Item:
        """See :class:`Items`."""
        return self._items[index]._replace(size_octets=self._sizes[index])

    def sizes(self, start: int, end: int) -> Iterable[int]:
        """See :class:`Items`."""
        return self._sizes[start:end]

    def guids(self, start: int, end: int) -> Iterable[bytes]:
        """See :class:`Items`."""
        return self._items.guids(start, end)


async def _beginning(mail: IMailboxes, blob: BlobRef) -> tuple[bytes, int]:
    """As much of a message as is read, and how many octets there are at least."""
    whole = mail.at_hand(blob)
    if whole is not None:
        return whole, len(whole)
    chunks, size = [], 0
    async with aclosing(_chunks(mail, blob)) as reading:
        async for chunk in reading:
            if size < READ_OCTETS:
                chunks.append(chunk)
            size += len(chunk)
    return b"".join(chunks), size


async def _chunks(mail: IMailboxes, blob: BlobRef) -> AsyncGenerator[bytes, None]:
    async for chunk in mail.read(blob):
        yield chunk


def _converted(head: bytes, octets: int, size_limit: int) -> bytes:
    return vintage(head, size_limit=size_limit, whole_octets=octets)

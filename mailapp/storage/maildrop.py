"""The maildrop: what POP shows of a mailbox, held by one session at a time.

A maildrop is a lease and a snapshot of a mailbox: INBOX (RFC 1939, section 4), or the
one that was asked for (RFC 937, page 7). Messages have the numbers 1 to n as long as it
is open, whatever others do to the mailbox. Marks live in memory only: nothing is
removed but by :meth:`Maildrop.commit`, and a session that ends in any other way just
lets go (threats 75 and 77).

The lease ends by itself when its holder is silent for ``ttl_seconds``; a commit that
comes too late is fenced off by the store.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from contextlib import suppress
from enum import Enum
from itertools import compress
from operator import not_
from typing import Final, Protocol, TypeVar

from attrs import frozen

from mailapp.storage.interfaces import ILease, IMailboxes
from mailapp.storage.items import Items
from mailapp.storage.types import (
    INBOX_ID,
    Discard,
    FolderId,
    Item,
    NoSuch,
    Unavailable,
)

_T = TypeVar("_T")
PURPOSE: Final = "maildrop"
RENEWALS: Final = 10  # in the life of a lease, of a session that is never silent


class Clock(Protocol):
    """The part of IReactorTime that a maildrop needs."""

    def seconds(self) -> float:
        """Seconds since the epoch."""


class Absence(Enum):
    """What came instead of a message."""

    VANISHED = "the message was removed by somebody else"


VANISHED: Final = Absence.VANISHED


@frozen
class Content:
    """The octets of a message, CRLF line ends, as transferred.

    Attributes:
        first: the first chunk; the whole message where ``rest`` is None.
        rest: the other chunks; to be run to the end or closed with ``aclose()``.
    """

    first: bytes
    rest: AsyncIterator[bytes] | None = None


class Rest:
    """The chunks of a message after the first.

    Each one that the client takes renews the lease: a slow reader is no dead one.
    """

    __slots__ = ("_chunks", "_drop", "_second")

    def __init__(
        self, drop: Maildrop, second: bytes | None, chunks: AsyncIterator[bytes]
    ) -> None:
        self._drop = drop
        self._second = second
        self._chunks = chunks

    def __aiter__(self) -> Rest:
        return self

    async def __anext__(self) -> bytes:
        """Raises StoreError where the message breaks off or the lease was lost."""
        if self._second is not None:
            second, self._second = self._second, None
            return second
        await self._drop.keep()
        return await anext(self._chunks)

    async def aclose(self) -> None:
        """Let go of the message. Closing twice is no error."""
        aclose = getattr(self._chunks, "aclose", None)
        if aclose is not None:
            await aclose()


class Maildrop:
    """A locked maildrop with its marks. Made by :meth:`open`.

    Attributes:
        messages: how many there are, those marked left out.
        octets: of those messages.
    """

    __slots__ = (
        "_account",
        "_clock",
        "_folder",
        "_items",
        "_lease",
        "_marks",
        "_renew_at",
        "_renew_every",
        "messages",
        "octets",
    )

    def __init__(
        self,
        account: IMailboxes,
        items: Items,
        lease: ILease,
        clock: Clock,
        ttl_seconds: float,
        folder: FolderId = INBOX_ID,
    ) -> None:
        self._account = account
        self._folder = folder
        self._items = items
        self._lease: ILease | None = lease
        self._clock = clock
        self._renew_every = ttl_seconds / RENEWALS
        self._renew_at = clock.seconds() + self._renew_every
        self._marks = bytearray(len(items))  # one octet a message: 1 is marked
        self.messages = len(items)
        self.octets = items.octets

    @classmethod
    async def open(
        cls,
        account: IMailboxes,
        owner: str,
        ttl_seconds: float,
        clock: Clock,
        folder: FolderId = INBOX_ID,
    ) -> Maildrop | None:
        """Lock the maildrop and take the snapshot; None: another session holds it.

        Each mailbox has a lock of its own.

        Raises:
            NoSuch: there is no such mailbox; nothing is locked.
            StoreError: not now; nothing is locked.
        """
        purpose = PURPOSE if folder == INBOX_ID else f"{PURPOSE}-{folder}"
        lease = await account.lease(purpose, owner, ttl_seconds)
        if lease is None:
            return None
        try:
            items = await account.items(folder)
            return cls(account, items, lease, clock, ttl_seconds, folder)
        except BaseException:
            await lease.release()
            raise

    def __len__(self) -> int:
        """How many messages there are, those marked included."""
        return len(self._items)

    @property
    def marked(self) -> int:
        """How many messages are marked as deleted."""
        return len(self._items) - self.messages

    def find(self, number: int) -> Item | None:
        """The message of this number; None: there is none, or it is marked."""
        if 0 < number <= len(self._items) and not self._marks[number - 1]:
            return self._items[number - 1]
        return None

    def is_marked(self, number: int) -> bool:
        """There is such a message and it is marked as deleted."""
        return 0 < number <= len(self._items) and self._marks[number - 1] == 1

    def mark(self, number: int) -> bool:
        """Mark as deleted; false: there is no such message, or it was marked before."""
        item = self.find(number)
        if item is None:
            return False
        self._marks[number - 1] = 1
        self.messages -= 1
        self.octets -= item.size_octets
        return True

    def unmark_all(self) -> None:
        """Forget all marks."""
        if self.marked:
            self._marks = bytearray(len(self._items))
            self.messages = len(self._items)
            self.octets = self._items.octets

    def sizes(self, count: int) -> Iterator[Iterable[tuple[int, int]]]:
        """Numbers and sizes of messages without marks, of ``count`` numbers at a time.

        Marks that are set later do not show.
        """
        return self._batches(count, self._items.sizes)

    def guids(self, count: int) -> Iterator[Iterable[tuple[int, bytes]]]:
        """Numbers and UIDLs, likewise."""
        return self._batches(count, self._items.guids)

    def _batches(
        self, count: int, give: Callable[[int, int], Iterable[_T]]
    ) -> Iterator[Iterable[tuple[int, _T]]]:
        total = len(self._items)
        marks = bytes(self._marks) if self.marked else b""
        for start in range(0, total, count):
            end = min(start + count, total)
            numbered = zip(range(start + 1, end + 1), give(start, end), strict=True)
            kept = map(not_, marks[start:end])
            yield compress(numbered, kept) if marks else numbered

    def at_hand(self, item: Item) -> bytes | None:
        """All octets of a small message that is in memory; else None: read it. Hot."""
        octets = self._account.at_hand(item.blob)
        # no size is believed so far that octets would be lost
        return octets if octets and len(octets) == item.size_octets else None

    async def read(self, item: Item) -> Content | Absence:
        """Begin to read one message.

        Raises:
            StoreError: it can't be read now.
        """
        chunks = self._account.read(item.blob)
        try:
            first = await anext(chunks, b"")
            if len(first) < item.size_octets:
                return Content(first, Rest(self, None, chunks))
            # no size is believed so far that octets would be lost
            second = await anext(chunks, None)
        except NoSuch:
            return VANISHED
        if second is None:
            return Content(first)
        return Content(first, Rest(self, second, chunks))

    async def keep(self) -> None:
        """The client is there: renew the lease when part of its time has passed.

        Raises:
            Fenced: it was lost; the session must end.
        """
        now = self._clock.seconds()
        if now >= self._renew_at and self._lease is not None:
            self._renew_at = now + self._renew_every
            with suppress(Unavailable):  # it still has most of its time: try again
                await self._lease.renew()

    async def commit(self, request_id: bytes) -> None:
        """Remove the marked messages, durably; those already gone are no error.

        Raises:
            StoreError: nothing was removed as far as is known; Fenced if the lease was
                lost.
        """
        if not self.marked:
            return
        blobs = [item.blob for item in compress(self._items, self._marks)]
        _ = await self._account.commit(
            [Discard(self._folder, blobs)], request_id=request_id, guard=self._lease
        )

    async def release(self) -> None:
        """Let others have the maildrop. Releasing twice is no error."""
        lease, self._lease = self._lease, None
        if lease is not None:
            await lease.release()

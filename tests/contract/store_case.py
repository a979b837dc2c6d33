"""What the contract of a mail store is played with."""

from __future__ import annotations

from collections.abc import AsyncIterator, Coroutine, Sequence
from itertools import count
from typing import Any, TypeVar

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from mailapp.storage.types import (
    INBOX_ID,
    UID,
    AccountId,
    Append,
    Change,
    CreateFolder,
    Destination,
    FolderId,
    Outcome,
    Row,
    StoreError,
)

ALICE = AccountId("alice@example.test")
BOB = AccountId("bob@example.test")
NOBODY = AccountId("nobody@example.test")
TEXT = b"Subject: one\r\n\r\nHello.\r\n"
_T = TypeVar("_T")


def now(work: Coroutine[Any, Any, _T]) -> _T:
    """The result of a coroutine that waits for nothing."""
    try:
        work.send(None)
    except StopIteration as stop:
        return stop.value  # type: ignore[no-any-return]  # what it returned
    raise AssertionError("it waited")


async def gathered(chunks: AsyncIterator[_T]) -> list[_T]:
    """All that an iterator gives."""
    return [chunk async for chunk in chunks]


class StoreCase(SynchronousTestCase):
    """A store, two accounts, and the contract in few words."""

    store: Any

    def make_store(self, clock: Clock) -> Any:
        """A store with nothing in it."""
        raise NotImplementedError

    def setUp(self) -> None:
        """Two accounts."""
        self.clock = Clock()
        self.clock.advance(1_800_000_000)
        self.store = self.make_store(self.clock)
        self.alice = now(self.store.create(ALICE))
        self.bob = now(self.store.create(BOB))
        self._requests = count()

    def tearDown(self) -> None:
        """Let go of all."""
        now(self.store.close())

    # ---- in few words

    def deliver(self, *to: Destination, text: bytes = TEXT) -> list[StoreError | None]:
        """Deliver in two chunks."""
        sink = self.store.stage()
        now(sink.write(text[:5]))
        now(sink.write(text[5:]))
        return list(now(self.store.deliver(sink, to)))

    def commit(self, *changes: Change, guard: Any = None) -> Sequence[Outcome]:
        """Commit under a request id of its own, at alice's."""
        request = b"r%d" % next(self._requests)
        return now(self.alice.commit(changes, request_id=request, guard=guard))

    def append(self, folder: FolderId = INBOX_ID, *flags: str) -> UID:
        """Append the text at alice's."""
        sink = self.alice.stage()
        now(sink.write(TEXT))
        blob = now(sink.done())
        return self.commit(Append(folder, blob, frozenset(flags)))[0].uids[0]

    def make(self, *name: str) -> FolderId:
        """Make a mailbox at alice's."""
        folder = self.commit(CreateFolder(name))[0].folder
        assert folder is not None
        return folder

    def rows(self, folder: FolderId = INBOX_ID, **limits: Any) -> list[Row]:
        """Alice's messages."""
        batches = now(gathered(self.alice.rows(folder, **limits)))
        return [row for batch in batches for row in batch]

    def read(self, account: Any, blob: Any, *limits: Any) -> bytes:
        """A body; the short way to it, if there is one, gives the same."""
        octets = b"".join(now(gathered(account.read(blob, *limits))))
        if not limits:
            self.assertIn(account.at_hand(blob), (None, octets))
        return octets

    def flags(self, folder: FolderId = INBOX_ID) -> dict[UID, frozenset[str]]:
        """Flags by UID."""
        return {row.uid: row.flags for row in self.rows(folder)}

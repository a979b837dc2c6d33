"""The maildrop: a lease, a snapshot, and marks that only a commit makes true."""

from __future__ import annotations

from collections.abc import AsyncIterator

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from mailapp.storage.items import Listed
from mailapp.storage.maildrop import RENEWALS, VANISHED, Content, Maildrop
from mailapp.storage.memory import MemoryAccount, MemoryStore
from mailapp.storage.types import (
    INBOX_ID,
    AccountId,
    Destination,
    Discard,
    Fenced,
    Item,
    Unavailable,
)
from tests.threats import threat

TTL = 100.0
NAME = AccountId("u@example.test")


class MaildropTests(SynchronousTestCase):
    """Over the store in memory."""

    def setUp(self) -> None:
        """Three messages."""
        self.clock = Clock()
        self.store = MemoryStore(self.clock)
        self.account: MemoryAccount = self.successResultOf(self.store.create(NAME))
        for body in (b"1\r\n", b"22\r\n", b"333\r\n"):
            self.deliver(body)

    def deliver(self, body: bytes) -> None:
        """One message more."""
        sink = self.store.stage()
        self.successResultOf(sink.write(body))
        self.successResultOf(self.store.deliver(sink, [Destination(NAME)]))

    def open(self) -> Maildrop | None:
        """What a session gets."""
        opening = Maildrop.open(self.account, "test", TTL, self.clock)
        drop: Maildrop | None = self.successResultOf(opening)
        return drop

    def held(self) -> Maildrop:
        """A maildrop that is not locked yet."""
        drop = self.open()
        assert drop is not None
        return drop

    def inbox(self) -> list[int]:
        """Sizes of what is there."""
        items = self.successResultOf(self.account.items(INBOX_ID))
        return [item.size_octets for item in items]

    def read(self, drop: Maildrop, number: int) -> bytes:
        """A message that is there, whole."""
        item = drop.find(number)
        assert item is not None

        async def join() -> bytes:
            content = await drop.read(item)
            assert isinstance(content, Content)
            if content.rest is None:
                return content.first
            return content.first + b"".join([c async for c in content.rest])

        whole: bytes = self.successResultOf(join())
        return whole

    def test_numbers(self) -> None:
        """Messages have the numbers 1 to n in order of arrival, and exact sizes."""
        drop = self.held()
        self.assertEqual((3, 3, 12), (len(drop), drop.messages, drop.octets))
        self.assertEqual(b"22\r\n", self.read(drop, 2))
        for number in (0, -1, 4, 10**30):
            self.assertIsNone(drop.find(number))
            self.assertFalse(drop.mark(number))
            self.assertFalse(drop.is_marked(number))

    def test_snapshot(self) -> None:
        """What arrives later does not show (RFC 1939, section 4)."""
        drop = self.held()
        self.deliver(b"new\r\n")
        self.assertEqual((3, 12), (drop.messages, drop.octets))
        self.successResultOf(drop.commit(b"r"))
        self.assertEqual([3, 4, 5, 5], self.inbox())

    def test_marks(self) -> None:
        """A marked message is gone from view, once; RSET brings all back."""
        drop = self.held()
        self.assertTrue(drop.mark(2))
        self.assertFalse(drop.mark(2))
        self.assertTrue(drop.is_marked(2))
        self.assertIsNone(drop.find(2))
        self.assertEqual((2, 8, 1), (drop.messages, drop.octets, drop.marked))
        drop.unmark_all()
        self.assertEqual((3, 12, 0), (drop.messages, drop.octets, drop.marked))

    def test_commit(self) -> None:
        """Commit removes what is marked and nothing else."""
        drop = self.held()
        drop.mark(1)
        drop.mark(3)
        self.assertEqual([3, 4, 5], self.inbox())
        self.successResultOf(drop.commit(b"r"))
        self.assertEqual([4], self.inbox())

    @threat(75, 77)
    def test_release_removes_nothing(self) -> None:
        """Who lets go without a commit removes nothing, and the next one may come."""
        drop = self.held()
        drop.mark(1)
        self.assertIsNone(self.open())
        self.successResultOf(drop.release())
        self.successResultOf(drop.release())
        self.assertEqual([3, 4, 5], self.inbox())
        self.assertIsNotNone(self.open())

    @threat(75)
    def test_dead_holder(self) -> None:
        """Who is silent for the lease's time has lost it, and can't remove any more."""
        drop = self.held()
        drop.mark(1)
        self.clock.advance(TTL + 1)
        self.assertIsNotNone(self.open())
        self.failureResultOf(drop.commit(b"r"), Fenced)
        self.assertEqual([3, 4, 5], self.inbox())

    def test_keep(self) -> None:
        """Who is active keeps the lease, however long it takes."""
        drop = self.held()
        for _ in range(5 * RENEWALS):
            self.clock.advance(TTL / 3)
            self.successResultOf(drop.keep())
        self.assertIsNone(self.open())

    def test_keep_too_late(self) -> None:
        """A lease that was lost is not taken for held."""
        drop = self.held()
        self.clock.advance(TTL + 1)
        self.failureResultOf(drop.keep(), Fenced)

    def test_keep_survives_trouble(self) -> None:
        """A renewal that fails for now is tried again at the next turn."""
        drop = self.held()
        renew = self.account.leases["maildrop"].renew
        calls: list[int] = []

        async def trouble() -> None:
            calls.append(1)
            if len(calls) == 1:
                raise Unavailable
            await renew()

        self.account.leases["maildrop"].renew = trouble  # type: ignore[method-assign]
        for _ in range(2):
            self.clock.advance(TTL / RENEWALS)
            self.successResultOf(drop.keep())
        self.assertEqual(2, len(calls))

    @threat(78)
    def test_vanished(self) -> None:
        """A message that another removed is said to be gone; others keep numbers."""
        drop = self.held()
        item = drop.find(2)
        assert item is not None
        change = Discard(INBOX_ID, [item.blob])
        self.successResultOf(self.account.commit([change], request_id=b"imap"))
        self.assertIs(VANISHED, self.successResultOf(drop.read(item)))
        self.assertEqual(b"333\r\n", self.read(drop, 3))
        drop.mark(2)
        drop.mark(3)
        self.successResultOf(drop.commit(b"r"))
        self.assertEqual([3], self.inbox())

    def test_failed_open(self) -> None:
        """If the snapshot fails nothing stays locked."""

        async def fail(_folder: object) -> list[Item]:
            raise Unavailable

        items, self.account.items = self.account.items, fail  # type: ignore[method-assign,assignment]
        opening = Maildrop.open(self.account, "test", TTL, self.clock)
        self.failureResultOf(opening, Unavailable)
        self.account.items = items  # type: ignore[method-assign]
        self.assertIsNotNone(self.open())

    def test_large(self) -> None:
        """A message of many chunks comes whole, and reading it renews the lease."""
        body = b"x" * 78 + b"\r\n"
        self.deliver(body * 10_000)
        drop = self.held()
        item = drop.find(4)
        assert item is not None
        content = self.successResultOf(drop.read(item))
        self.assertLess(len(content.first), 70_000)

        async def join() -> bytes:
            got: bytes = content.first
            async for chunk in content.rest:
                self.clock.advance(TTL / 2)
                got += chunk
            return got

        got = self.successResultOf(join())
        self.assertEqual(body * 10_000, got)
        self.assertIsNone(self.open())

    def test_size_that_lies(self) -> None:
        """A size that is too small or too large costs no octet of the message."""
        for lie in (0, 1, 10**6):
            drop = self.held()
            item = drop.find(3)
            assert item is not None
            false = Item(item.guid, lie, item.blob)

            async def join(drop: Maildrop = drop, false: Item = false) -> bytes:
                content = await drop.read(false)
                assert isinstance(content, Content)
                rest: AsyncIterator[bytes] | tuple[()] = content.rest or ()
                if isinstance(rest, tuple):
                    return content.first
                return content.first + b"".join([c async for c in rest])

            self.assertEqual(b"333\r\n", self.successResultOf(join()))
            self.successResultOf(drop.release())

    @settings(deadline=None, max_examples=50)
    @given(st.sets(st.integers(1, 3)), st.integers(1, 5))
    def test_batches(self, marked: set[int], count: int) -> None:
        """Batches give what is not marked, in order, of at most ``count`` each."""
        drop = self.held()
        for number in marked:
            drop.mark(number)
        batches = [list(batch) for batch in drop.sizes(count)]
        rows = [row for batch in batches for row in batch]
        self.assertEqual([(n, n + 2) for n in (1, 2, 3) if n not in marked], rows)
        self.assertTrue(all(len(batch) <= count for batch in batches))
        guids = [row for batch in drop.guids(count) for row in batch]
        items = self.successResultOf(self.account.items(INBOX_ID))
        self.assertEqual([(n, items[n - 1].guid) for n, _size in rows], guids)
        self.successResultOf(drop.release())

    def test_compact(self) -> None:
        """A mark costs an octet: 1,000,000 messages stay far below 2 MB of ours."""
        items = [
            Item(b"g", 1, self.successResultOf(self.account.items(INBOX_ID))[0].blob)
        ]
        lease = self.successResultOf(self.account.lease("x", "y", 1))
        many = Listed(items * 1_000_000)
        drop = Maildrop(self.account, many, lease, self.clock, TTL)
        for number in range(1, 1_000_001, 1000):
            drop.mark(number)
        self.assertEqual(1_000_000, len(drop._marks))
        self.assertEqual(1000, drop.marked)

"""The contract of a mail store, run against each implementation.

A concrete class mixes :class:`StoreContract` with a test case and gives ``make_store``.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Coroutine, Sequence
from itertools import count
from typing import Any, TypeVar

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from mailapp.storage.interfaces import IAccount, IBlobSink, ILease, IMailStore
from mailapp.storage.types import (
    INBOX,
    INBOX_ID,
    UID,
    AccountId,
    Append,
    BadName,
    Change,
    Copy,
    CreateFolder,
    DeleteFolder,
    Destination,
    Discard,
    Exists,
    Expunge,
    Fenced,
    FlagMode,
    FolderId,
    ModSeq,
    Move,
    NoSuch,
    Outcome,
    OverQuota,
    RenameFolder,
    Row,
    SetFlags,
    StoreError,
)
from tests.threats import threat

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


class StoreContract(SynchronousTestCase):
    """What every store promises."""

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
        return now(self.alice.commit(changes, request_id=request, guard=guard))  # type: ignore[no-any-return]

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
        """A body."""
        return b"".join(now(gathered(account.read(blob, *limits))))

    def flags(self, folder: FolderId = INBOX_ID) -> dict[UID, frozenset[str]]:
        """Flags by UID."""
        return {row.uid: row.flags for row in self.rows(folder)}

    # ---- interfaces

    def test_interfaces(self) -> None:
        """Each object offers what its interface says."""
        verifyObject(IMailStore, self.store)
        verifyObject(IAccount, self.alice)
        verifyObject(IBlobSink, self.store.stage())
        verifyObject(ILease, now(self.alice.lease("maildrop", "x", 10)))

    # ---- accounts

    def test_open(self) -> None:
        """An account opens once it was made, and until it is destroyed."""
        now(self.store.open(ALICE))
        with self.assertRaises(NoSuch):
            now(self.store.open(NOBODY))
        now(self.store.destroy(ALICE))
        with self.assertRaises(NoSuch):
            now(self.store.open(ALICE))
        now(self.store.destroy(ALICE))

    def test_create_again(self) -> None:
        """Making an account again keeps its mail and sets its quota."""
        self.deliver(Destination(ALICE))
        again = now(self.store.create(ALICE, 1000))
        usage = now(again.usage())
        self.assertEqual((usage.messages, usage.limit_octets), (1, 1000))
        self.assertEqual(now(now(self.store.create(ALICE)).usage()).limit_octets, 0)

    # ---- delivery

    def test_deliver(self) -> None:
        """What was delivered is read back octet for octet."""
        self.assertEqual(self.deliver(Destination(ALICE)), [None])
        (item,) = now(self.alice.items(INBOX_ID))
        self.assertEqual(item.size_octets, len(TEXT))
        self.assertEqual(self.read(self.alice, item.blob), TEXT)
        self.assertRegex(item.guid, rb"\A[\x21-\x7e]{1,70}\Z")

    def test_deliver_large(self) -> None:
        """A body of any size is read back, in chunks of at most 64 KiB."""
        text = b"".join(b"%08d 0123456789\r\n" % n for n in range(50_000))
        self.deliver(Destination(ALICE), Destination(BOB), text=text)
        (item,) = now(self.bob.items(INBOX_ID))
        self.assertEqual(item.size_octets, len(text))
        chunks = now(gathered(self.bob.read(item.blob)))
        self.assertEqual(b"".join(chunks), text)
        self.assertLessEqual(max(map(len, chunks)), 65536)
        self.assertEqual(
            self.read(self.bob, item.blob, 70_000, 90_000), text[70_000:][:90_000]
        )

    def test_deliver_many(self) -> None:
        """Each destination has its own outcome; one that fails harms no other."""
        outcomes = self.deliver(
            Destination(ALICE),
            Destination(NOBODY),
            Destination(BOB),
            Destination(ALICE),
        )
        self.assertEqual([outcomes[0], outcomes[2], outcomes[3]], [None] * 3)
        self.assertIsInstance(outcomes[1], NoSuch)
        items = now(self.alice.items(INBOX_ID))
        self.assertEqual(len({item.guid for item in items}), 2)
        self.assertEqual(len(now(self.bob.items(INBOX_ID))), 1)

    def test_deliver_folder(self) -> None:
        """A delivery makes the mailbox that it goes to."""
        to = Destination(ALICE, ("lists", "ab.c/d"), frozenset({"\\Seen"}))
        self.assertEqual(self.deliver(to, to), [None, None])
        folders = now(self.alice.folders())
        self.assertEqual([f.name for f in folders], [INBOX, ("lists", "ab.c/d")])
        self.assertEqual((folders[1].messages, folders[1].unseen), (2, 0))

    def test_deliver_bad_name(self) -> None:
        """A name that no mailbox can have is refused."""
        (outcome,) = self.deliver(Destination(ALICE, ("a\0b",)))
        self.assertIsInstance(outcome, BadName)

    def test_sink(self) -> None:
        """A sink counts; aborted, it takes no more and delivers nothing."""
        sink = self.store.stage()
        now(sink.write(b"abc"))
        self.assertEqual(sink.size_octets, 3)
        sink.abort()
        sink.abort()
        with self.assertRaises(StoreError):
            now(sink.write(b"abc"))
        (outcome,) = now(self.store.deliver(sink, [Destination(ALICE)]))
        self.assertIsInstance(outcome, StoreError)
        self.assertEqual(list(now(self.alice.items(INBOX_ID))), [])

    def test_order(self) -> None:
        """Messages are listed in the order in which they came."""
        texts = [b"%d\r\n" % n for n in range(20)]
        for text in texts:
            self.deliver(Destination(ALICE), text=text)
        items = now(self.alice.items(INBOX_ID))
        self.assertEqual([self.read(self.alice, i.blob) for i in items], texts)
        self.assertEqual([self.read(self.alice, r.blob) for r in self.rows()], texts)

    @threat(70)
    def test_quota(self) -> None:
        """The limit is never passed, by no way of adding; removal makes room."""
        alice = now(self.store.create(ALICE, 2 * len(TEXT) + 5))
        self.assertEqual(self.deliver(Destination(ALICE)), [None])
        uid = self.append()
        (outcome,) = self.deliver(Destination(ALICE))
        self.assertIsInstance(outcome, OverQuota)
        with self.assertRaises(OverQuota):
            self.append()
        folder = self.make("other")
        with self.assertRaises(OverQuota):
            self.commit(Copy(INBOX_ID, [uid], folder))
        self.commit(Move(INBOX_ID, [uid], folder))
        usage = now(alice.usage())
        self.assertEqual((usage.messages, usage.octets), (2, 2 * len(TEXT)))
        self.commit(DeleteFolder(folder))
        self.assertEqual(self.deliver(Destination(ALICE)), [None])

    # ---- UIDs and rows

    @threat(68)
    def test_uids(self) -> None:
        """UIDs rise and none comes again."""
        first = self.append()
        self.deliver(Destination(ALICE))
        second = self.rows()[-1].uid
        self.assertGreater(second, first)
        self.commit(Expunge(INBOX_ID, [second]))
        third = self.append()
        self.assertGreater(third, second)
        (folder,) = now(self.alice.folders())
        self.assertGreater(folder.uid_next, third)

    @threat(76)
    def test_guid_stays(self) -> None:
        """The UIDL is the same after flags changed and UIDs were given."""
        self.deliver(Destination(ALICE))
        (item,) = now(self.alice.items(INBOX_ID))
        (row,) = self.rows()
        self.assertEqual(row.guid, item.guid)
        self.commit(SetFlags(INBOX_ID, [row.uid], FlagMode.ADD, frozenset({"\\Seen"})))
        (after,) = now(self.alice.items(INBOX_ID))
        self.assertEqual(after.guid, item.guid)
        self.assertEqual(self.read(self.alice, item.blob), TEXT)

    def test_row(self) -> None:
        """A row shows what was appended."""
        sink = self.alice.stage()
        now(sink.write(TEXT))
        blob = now(sink.done())
        flags = frozenset({"\\Flagged", "$Forwarded", "Work"})
        (outcome,) = self.commit(Append(INBOX_ID, blob, flags, received=1_700_000_000))
        (row,) = self.rows()
        self.assertEqual(list(outcome.uids), [row.uid])
        self.assertEqual(row.flags, flags)
        self.assertEqual((row.size_octets, row.received), (len(TEXT), 1_700_000_000))
        self.assertEqual(self.read(self.alice, row.blob, 3, 4), TEXT[3:7])

    def test_rows_limits(self) -> None:
        """Rows can be limited to UIDs and to what changed since."""
        uids = [self.append() for _ in range(4)]
        self.assertEqual([r.uid for r in self.rows(uids=(uids[1], uids[2]))], uids[1:3])
        since = max(row.modseq for row in self.rows())
        self.commit(SetFlags(INBOX_ID, [uids[2]], FlagMode.ADD, frozenset({"\\Seen"})))
        self.assertEqual([r.uid for r in self.rows(since=since)], [uids[2]])
        self.commit(Expunge(INBOX_ID, [uids[0]]))
        gone = now(self.alice.vanished(INBOX_ID, since))
        self.assertIn(gone, (None, [(uids[0], uids[0])]))

    def test_no_such_folder(self) -> None:
        """A mailbox that is not there is NoSuch, wherever it is named."""
        none = FolderId(12345)
        with self.assertRaises(NoSuch):
            self.rows(none)
        with self.assertRaises(NoSuch):
            now(self.alice.items(none))
        with self.assertRaises(NoSuch):
            self.commit(Expunge(none, []))
        uid = self.append()
        with self.assertRaises(NoSuch):
            self.commit(Expunge(INBOX_ID, [uid]), Expunge(none, []))
        self.assertEqual(len(self.rows()), 1)

    # ---- changes

    def test_set_flags(self) -> None:
        """Flags are added, removed and replaced; unknown UIDs are reported."""
        uid = self.append(INBOX_ID, "\\Seen", "Work")
        for mode, flags, result in [
            (FlagMode.ADD, {"\\Answered"}, {"\\Seen", "Work", "\\Answered"}),
            (FlagMode.REMOVE, {"\\Seen", "Play"}, {"Work", "\\Answered"}),
            (FlagMode.REPLACE, {"Play", "\\Draft"}, {"Play", "\\Draft"}),
            (FlagMode.REPLACE, set(), set()),
        ]:
            change = SetFlags(INBOX_ID, [uid, UID(99)], mode, frozenset(flags))
            (outcome,) = self.commit(change)
            self.assertEqual(self.flags(), {uid: result})
            self.assertEqual((outcome.uids, outcome.refused), ([uid], [99]))

    def test_unchanged_since(self) -> None:
        """A row that changed meanwhile is left alone and reported."""
        uid = self.append()
        seen = self.rows()[0].modseq
        change = SetFlags(INBOX_ID, [uid], FlagMode.ADD, frozenset({"\\Seen"}), seen)
        self.assertEqual(self.commit(change)[0].refused, [])
        change = SetFlags(INBOX_ID, [uid], FlagMode.ADD, frozenset({"\\Draft"}), seen)
        self.assertEqual(self.commit(change)[0].refused, [uid])
        self.assertEqual(self.flags(), {uid: {"\\Seen"}})

    def test_copy_move(self) -> None:
        """A copy is another message; a moved one is the same, elsewhere."""
        uid = self.append(INBOX_ID, "\\Seen", "Work")
        guid = self.rows()[0].guid
        folder = self.make("other")
        (copied,) = self.commit(Copy(INBOX_ID, [uid, UID(99)], folder))
        self.assertEqual((len(copied.uids), copied.refused), (1, [99]))
        (moved,) = self.commit(Move(INBOX_ID, [uid], folder))
        self.assertEqual(self.rows(), [])
        there = self.rows(folder)
        self.assertEqual([r.uid for r in there], [copied.uids[0], moved.uids[0]])
        self.assertEqual([set(r.flags) for r in there], [{"\\Seen", "Work"}] * 2)
        self.assertNotEqual(there[0].guid, guid)
        self.assertEqual(self.read(self.alice, there[1].blob), TEXT)

    def test_discard(self) -> None:
        """POP removes by reference; what was gone already is reported."""
        for _ in range(3):
            self.deliver(Destination(ALICE))
        items = now(self.alice.items(INBOX_ID))
        blobs = [item.blob for item in items]
        self.commit(Discard(INBOX_ID, blobs[:1]))
        (outcome,) = self.commit(Discard(INBOX_ID, blobs[:2]))
        self.assertEqual(list(outcome.gone), blobs[:1])
        left = now(self.alice.items(INBOX_ID))
        self.assertEqual([i.guid for i in left], [items[2].guid])

    @threat(78)
    def test_read_gone(self) -> None:
        """Reading what somebody removed is NoSuch."""
        self.deliver(Destination(ALICE))
        (item,) = now(self.alice.items(INBOX_ID))
        self.commit(Discard(INBOX_ID, [item.blob]))
        with self.assertRaises(NoSuch):
            self.read(self.alice, item.blob)

    def test_folders(self) -> None:
        """Mailboxes are made, renamed with id and UIDs, and removed."""
        folder = self.make("a", "b")
        uid = self.append(folder)
        before = now(self.alice.folders())[1]
        with self.assertRaises(Exists):
            self.make("a", "b")
        self.commit(RenameFolder(folder, ("c",)))
        after = now(self.alice.folders())[1]
        self.assertEqual(after.name, ("c",))
        self.assertEqual(
            (after.id, after.uid_validity, after.uid_next),
            (before.id, before.uid_validity, before.uid_next),
        )
        self.assertEqual([r.uid for r in self.rows(folder)], [uid])
        with self.assertRaises(Exists):
            self.commit(RenameFolder(folder, INBOX))
        self.commit(DeleteFolder(folder))
        self.assertEqual([f.name for f in now(self.alice.folders())], [INBOX])
        with self.assertRaises(NoSuch):
            self.rows(folder)

    @threat(68)
    def test_uid_validity(self) -> None:
        """A mailbox made anew under an old name has another id and UIDVALIDITY."""
        folder = self.make("a")
        before = now(self.alice.folders())[1]
        self.commit(DeleteFolder(folder))
        self.make("a")
        after = now(self.alice.folders())[1]
        self.assertGreater(after.uid_validity, before.uid_validity)
        self.assertNotEqual(after.id, before.id)

    @threat(110)
    def test_inbox(self) -> None:
        """INBOX is there, is found in any case, and stays; others are case-aware."""
        for name in ("INBOX",), ("inBox",):
            with self.assertRaises(Exists):
                self.make(*name)
        with self.assertRaises(StoreError):
            self.commit(DeleteFolder(INBOX_ID))
        with self.assertRaises(StoreError):
            self.commit(RenameFolder(INBOX_ID, ("x",)))
        self.assertNotEqual(self.make("Work"), self.make("work"))

    def test_request_id(self) -> None:
        """A request that is sent again is not done again."""
        sink = self.alice.stage()
        now(sink.write(TEXT))
        blob = now(sink.done())
        change = Append(INBOX_ID, blob)
        first = now(self.alice.commit([change], request_id=b"same"))
        self.assertEqual(now(self.alice.commit([change], request_id=b"same")), first)
        self.assertEqual(len(self.rows()), 1)

    # ---- leases and hints

    @threat(75)
    def test_lease(self) -> None:
        """One holder at a time; it ends when released or when its time is over."""
        lease = now(self.alice.lease("maildrop", "one", 60))
        self.assertIsNone(now(self.alice.lease("maildrop", "two", 60)))
        self.assertIsNotNone(now(self.alice.lease("other", "two", 60)))
        self.clock.advance(50)
        now(lease.renew())
        self.clock.advance(50)
        self.assertIsNone(now(self.alice.lease("maildrop", "two", 60)))
        now(lease.release())
        now(lease.release())
        second = now(self.alice.lease("maildrop", "two", 60))
        self.clock.advance(61)
        self.assertIsNotNone(now(self.alice.lease("maildrop", "three", 60)))
        with self.assertRaises(Fenced):
            now(second.renew())
        now(second.release())
        self.assertIsNone(now(self.alice.lease("maildrop", "four", 60)))

    @threat(75)
    def test_guard(self) -> None:
        """A commit under a lease that was lost does nothing."""
        self.deliver(Destination(ALICE))
        (item,) = now(self.alice.items(INBOX_ID))
        lease = now(self.alice.lease("maildrop", "one", 60))
        self.clock.advance(61)
        with self.assertRaises(Fenced):
            self.commit(Discard(INBOX_ID, [item.blob]), guard=lease)
        self.assertEqual(len(now(self.alice.items(INBOX_ID))), 1)
        lease = now(self.alice.lease("maildrop", "one", 60))
        self.commit(Discard(INBOX_ID, [item.blob]), guard=lease)
        self.assertEqual(len(now(self.alice.items(INBOX_ID))), 0)

    def test_watch(self) -> None:
        """Who watches hears of deliveries and commits, until it stops."""
        heard: list[ModSeq] = []
        stop = now(self.alice.watch(heard.append))
        self.deliver(Destination(ALICE))
        self.assertEqual(len(heard), 1)
        self.append()
        self.assertGreater(len(heard), 1)
        so_far = len(heard)
        stop()
        stop()
        self.deliver(Destination(ALICE))
        self.assertEqual(len(heard), so_far)

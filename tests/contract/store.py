"""The contract of a mail store: accounts, deliveries, UIDs and rows."""

from __future__ import annotations

from zope.interface.verify import verifyObject

from mailapp.storage.interfaces import IAccount, IBlobSink, ILease, IMailStore
from mailapp.storage.types import (
    INBOX,
    INBOX_ID,
    Append,
    BadName,
    Copy,
    DeleteFolder,
    Destination,
    Expunge,
    FlagMode,
    FolderId,
    Move,
    NoSuch,
    OverQuota,
    SetFlags,
    StoreError,
)
from tests.contract.store_case import ALICE, BOB, NOBODY, TEXT, StoreCase, gathered, now
from tests.threats import threat


class DeliveryContract(StoreCase):
    """How mail comes in, and is listed."""

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

    def test_ready(self) -> None:
        """A body that is committed at once need not be durable before that."""
        for octets in (TEXT, b"x" * 70_000):
            sink = self.alice.stage()
            now(sink.write(octets))
            blob = now(sink.ready())
            self.commit(Append(INBOX_ID, blob))
            sink.abort()
            row = self.rows()[-1]
            self.assertEqual(row.size_octets, len(octets))
            self.assertEqual(self.read(self.alice, row.blob, 0, None), octets)
        dropped = self.alice.stage()
        now(dropped.write(TEXT))
        now(dropped.ready())
        dropped.abort()
        self.assertEqual(len(self.rows()), 2)

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

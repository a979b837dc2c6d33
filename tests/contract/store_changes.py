"""The contract of a mail store: changes, leases and hints."""

from __future__ import annotations

from mailapp.storage.types import (
    INBOX,
    INBOX_ID,
    UID,
    Append,
    Copy,
    DeleteFolder,
    Destination,
    Discard,
    Exists,
    Fenced,
    FlagMode,
    ModSeq,
    Move,
    NoSuch,
    RenameFolder,
    SetFlags,
    StoreError,
)
from tests.contract.store_case import ALICE, TEXT, StoreCase, now
from tests.threats import threat


class ChangeContract(StoreCase):
    """What commits do."""

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
        mailbox = now(self.alice.mailbox(folder))
        columns = mailbox.columns
        mailbox.close()
        # RFC 8474, section 5.1
        self.assertEqual(columns.email(0), columns.email(1))
        self.assertNotIn(columns.saved(0), (None, 0))
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

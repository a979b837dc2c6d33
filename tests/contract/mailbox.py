"""The contract of a mail store: mailboxes that sessions have selected."""

from __future__ import annotations

from typing import Any

from mailapp.message.imap_facts import HeaderFields, Item
from mailapp.storage.types import (
    INBOX_ID,
    UID,
    Append,
    BlobRef,
    Copy,
    DeleteFolder,
    Destination,
    Expunge,
    FlagMode,
    Move,
    NoSuch,
    OverQuota,
    RenameFolder,
    SetFlags,
)
from mailapp.storage.view import View
from tests.contract.store_case import ALICE, TEXT, StoreCase, gathered, now


class MailboxContract(StoreCase):
    """What a session sees that has selected a mailbox."""

    def select(self, folder: Any = INBOX_ID) -> Any:
        """A mailbox, closed at the end."""
        mailbox = now(self.alice.mailbox(folder))
        self.addCleanup(mailbox.close)
        return mailbox

    def set(self, uids: list[UID], mode: FlagMode, *flags: str) -> Any:
        """Change flags in INBOX."""
        return self.commit(SetFlags(INBOX_ID, uids, mode, frozenset(flags)))[0]

    def test_columns(self) -> None:
        """Columns tell what rows tell."""
        self.append(INBOX_ID, "\\Seen", "Work")
        self.append(INBOX_ID, "\\Draft")
        self.append()
        columns = self.select().columns
        self.assertEqual([columns.row(n) for n in range(3)], self.rows())
        self.assertEqual(
            columns.flags[:5],
            ("\\Seen", "\\Answered", "\\Flagged", "\\Deleted", "\\Draft"),
        )
        self.assertEqual(list(columns.masks)[1:], [16, 0])
        self.assertEqual(columns.mask_of(["\\seen", "WORK"]), columns.masks[0])
        folder = now(self.alice.folders())[0]
        self.assertEqual(
            (folder.messages, folder.unseen, folder.octets, folder.uid_next),
            (len(columns), columns.unseen, columns.octets, columns.uid_next),
        )
        self.assertEqual(
            (folder.uid_validity, folder.highest_modseq),
            (columns.uid_validity, columns.highest_modseq),
        )

    def test_shared(self) -> None:
        """Each session sees what the other one does."""
        self.append()
        one, other = self.select(), self.select()
        self.assertIs(now(one.refresh()), one.columns)
        self.append()
        self.assertEqual(len(now(one.refresh())), 2)
        self.assertEqual(len(other.columns), len(now(other.refresh())))

    def test_refresh(self) -> None:
        """Deliveries, flags and expunges show; MODSEQ rises with each."""
        mailbox = self.select()
        seen = [mailbox.columns.highest_modseq]
        self.deliver(Destination(ALICE))
        self.deliver(Destination(ALICE))
        columns = now(mailbox.refresh())
        uids = [UID(uid) for uid in columns.uids]
        self.assertEqual(len(uids), 2)
        seen.append(columns.highest_modseq)
        self.set(uids[:1], FlagMode.ADD, "\\Flagged", "New")
        columns = now(mailbox.refresh())
        self.assertEqual(columns.flags_of(columns.masks[0]), ("\\Flagged", "New"))
        self.assertEqual(columns.modseqs[0], columns.highest_modseq)
        self.assertLess(columns.modseqs[1], columns.highest_modseq)
        self.assertEqual(list(columns.changed_since(seen[-1])), [0])
        seen.append(columns.highest_modseq)
        self.commit(Expunge(INBOX_ID, uids[:1]))
        columns = now(mailbox.refresh())
        seen.append(columns.highest_modseq)
        self.assertEqual(list(columns.uids), uids[1:])
        self.assertEqual(seen, sorted(set(seen)))
        self.assertEqual(
            now(self.alice.vanished(INBOX_ID, seen[-2])), [(uids[0], uids[0])]
        )

    def test_outcome(self) -> None:
        """The outcome of a change tells the MODSEQ that its messages have now."""
        uids = [self.append(), self.append()]
        mailbox = self.select()
        outcome = self.set(uids, FlagMode.ADD, "\\Seen")
        columns = now(mailbox.refresh())
        self.assertEqual(list(columns.modseqs), [outcome.modseq] * 2)
        again = self.set(uids, FlagMode.ADD, "\\Seen")
        self.assertEqual(list(again.uids), uids)
        self.assertEqual(now(mailbox.refresh()).highest_modseq, columns.highest_modseq)

    def test_view(self) -> None:
        """A view over real columns says EXPUNGE, EXISTS and FETCH as it should."""
        uids = [self.append() for _ in range(3)]
        mailbox = self.select()
        view = View(mailbox.columns)
        self.commit(Expunge(INBOX_ID, [uids[1]]))
        self.set([uids[2]], FlagMode.ADD, "\\Seen")
        fresh = self.append()
        update = view.update(now(mailbox.refresh()), may_expunge=False)
        self.assertEqual((list(update.expunged), update.exists), ([], 4))
        self.assertEqual(list(update.changed), [1])
        self.assertEqual(view.sequence(fresh), 4)
        self.assertIsNone(view.place(2))
        update = view.update(now(mailbox.refresh()), may_expunge=True)
        self.assertEqual((list(update.expunged), update.exists), ([2], None))
        self.assertEqual(list(update.vanished), [uids[1]])

    def test_moved_here(self) -> None:
        """Messages copied and moved keep flags, keywords, date and octets."""
        sink = self.alice.stage()
        now(sink.write(TEXT))
        blob = now(sink.done())
        flags = frozenset({"\\Seen", "Work"})
        self.commit(Append(INBOX_ID, blob, flags, received=1_000_000_000))
        uid = self.rows()[0].uid
        folder = self.make("other")
        self.commit(Copy(INBOX_ID, [uid], folder))
        mailbox = self.select(folder)
        self.commit(Move(INBOX_ID, [uid], folder))
        columns = now(mailbox.refresh())
        for place in range(2):
            row = columns.row(place)
            self.assertEqual((row.flags, row.received), (flags, 1_000_000_000))
            self.assertEqual(self.read(self.alice, row.blob), TEXT)
        self.assertEqual(len(set(columns.uids)), 2)

    def test_stale_blob(self) -> None:
        """A reference is good after the flags have changed."""
        uid = self.append()
        columns = self.select().columns
        self.set([uid], FlagMode.ADD, "\\Seen")
        self.assertEqual(self.read(self.alice, columns.blob(0)), TEXT)

    def test_facts(self) -> None:
        """Facts come in the order that was asked for; what is gone is left out."""
        uids = [self.append() for _ in range(3)]
        mailbox = self.select()
        self.commit(Expunge(INBOX_ID, [uids[1]]))
        kinds = [HeaderFields((b"subject",)), Item.ENVELOPE]
        wanted = [uids[2], uids[1], uids[0]]
        for _ in range(2):
            batches = now(gathered(mailbox.facts(wanted, kinds)))
            found = [each for batch in batches for each in batch]
            self.assertEqual([uid for uid, _ in found], [uids[2], uids[0]])
            for _, (header, envelope) in found:
                self.assertEqual(header, b"Subject: one\r\n\r\n")
                self.assertEqual(envelope, b'(NIL "one"' + b" NIL" * 8 + b")")

    def test_watch(self) -> None:
        """Who watches is told of what concerns the mailbox, until it stops."""
        mailbox = self.select()
        heard: list[int] = []
        stop = mailbox.watch(lambda: heard.append(1))

        def told() -> bool:
            self.clock.advance(1)
            found = bool(heard)
            heard.clear()
            return found

        self.deliver(Destination(ALICE))
        self.assertTrue(told())
        uid = UID(now(mailbox.refresh()).uids[0])
        self.set([uid], FlagMode.ADD, "\\Seen")
        self.assertTrue(told())
        stop()
        stop()
        self.deliver(Destination(ALICE))
        self.assertFalse(told())
        mailbox.watch(lambda: heard.append(1))
        mailbox.close()
        mailbox.close()
        self.deliver(Destination(ALICE))
        self.assertFalse(told())

    def test_renamed(self) -> None:
        """A mailbox stays the same one, whatever it is called."""
        folder = self.make("a")
        uid = self.append(folder)
        mailbox = self.select(folder)
        self.commit(RenameFolder(folder, ("b",)))
        self.assertEqual(list(now(mailbox.refresh()).uids), [uid])
        self.append(folder)
        self.assertEqual(len(now(mailbox.refresh())), 2)

    def test_deleted(self) -> None:
        """A mailbox that is gone is NoSuch."""
        folder = self.make("a")
        mailbox = self.select(folder)
        self.commit(DeleteFolder(folder))
        with self.assertRaises(NoSuch):
            now(mailbox.refresh())
        with self.assertRaises(NoSuch):
            now(self.alice.mailbox(folder))

    def test_append_together(self) -> None:
        """Of messages that are appended together all are there, or none (RFC 3502)."""
        blobs = []
        for number in range(3):
            sink = self.alice.stage()
            now(sink.write(b"Subject: %d\r\n\r\n" % number))
            blobs.append(now(sink.done()))
        appends = [Append(INBOX_ID, blob, frozenset({"Work"})) for blob in blobs]
        bad = Append(INBOX_ID, BlobRef(b"0/nothing"))
        with self.assertRaises(NoSuch):
            self.commit(*appends, bad)
        self.assertEqual(self.rows(), [])
        outcomes = self.commit(*appends)
        uids = [uid for outcome in outcomes for uid in outcome.uids]
        rows = self.rows()
        self.assertEqual([row.uid for row in rows], uids)
        bodies = [self.read(self.alice, row.blob) for row in rows]
        self.assertEqual(bodies, [b"Subject: %d\r\n\r\n" % n for n in range(3)])

    def test_append_over_quota(self) -> None:
        """A limit that the last of them passes keeps out all of them."""
        now(self.store.create(ALICE, quota_octets=2 * len(TEXT)))
        appends = []
        for _ in range(3):
            sink = self.alice.stage()
            now(sink.write(TEXT))
            appends.append(Append(INBOX_ID, now(sink.done())))
        with self.assertRaises(OverQuota):
            self.commit(*appends)
        self.assertEqual(self.rows(), [])
        self.assertEqual(now(self.alice.usage()).messages, 0)
        self.commit(*appends[:2])
        self.assertEqual(len(self.rows()), 2)

    def test_many(self) -> None:
        """Many messages change together, in the order that was asked for."""
        folder = self.make("other")
        uids = [self.append() for _ in range(20)]
        wanted = [*uids[10:], *uids[:10]]
        (copied,) = self.commit(Copy(INBOX_ID, wanted, folder))
        self.assertEqual(list(copied.uids), sorted(copied.uids))
        self.set(wanted, FlagMode.REPLACE, "\\Seen", "Work")
        self.assertEqual(set(self.flags().values()), {frozenset({"\\Seen", "Work"})})
        (moved,) = self.commit(Move(INBOX_ID, wanted, folder))
        self.assertEqual((len(moved.uids), list(moved.refused)), (20, []))
        self.assertEqual(self.rows(), [])
        self.assertEqual(len(self.rows(folder)), 40)
        (gone,) = self.commit(Expunge(folder, [*copied.uids, UID(999)]))
        self.assertEqual((len(gone.uids), list(gone.refused)), (20, [999]))
        self.assertEqual([r.uid for r in self.rows(folder)], sorted(moved.uids))

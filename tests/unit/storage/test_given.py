"""Many messages of another program: UIDs at once, names and sizes later."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from typing import Any
from unittest.mock import patch

from hypothesis import given as example
from hypothesis import settings
from hypothesis import strategies as st

from mailapp.message.imap_facts import Item
from mailapp.storage.columns import Columns
from mailapp.storage.files import Files
from mailapp.storage.index.account_index import AccountIndex
from mailapp.storage.index.database import Database
from mailapp.storage.index.indexes import Indexes
from mailapp.storage.maildir import giving, late, stems, tracked
from mailapp.storage.maildir.audit import Audit
from mailapp.storage.maildir.filename import arrival, parse
from mailapp.storage.maildir.following import BEGIN_SECONDS, CLAIM_AGAIN_SECONDS
from mailapp.storage.maildir.given import GIVEN, in_turn, read_given, write_given
from mailapp.storage.maildir.stems import Stems
from mailapp.storage.types import (
    INBOX_ID,
    UID,
    Change,
    Copy,
    CreateFolder,
    Expunge,
    FlagMode,
    SetFlags,
)
from tests.contract.store_case import gathered, now
from tests.rows import rows, tabled
from tests.threats import threat
from tests.unit.storage.maildir_case import ALICE, TEXT, MaildirCase

COUNT = 7
LF_TEXT = b"Subject: y\n\nHello.\n"


class GivenCase(MaildirCase):
    """A mailbox that another program filled; names change when a test says so."""

    def setUp(self) -> None:
        """Files as Dovecot names them: microseconds of one digit or more."""
        super().setUp()
        self.patch(giving, "MANY", 3)
        self.patch(late, "LATE_AT_ONCE", 2)
        for number in range(COUNT):
            path = self.put(
                f"cur/17000000{number // 2}0.M{9 + number}P1.h:2,S", LF_TEXT
            )
            os.utime(path, (1_600_000_000 + number,) * 2)
        self.alice = self.process()

    def process(self) -> Any:
        """An account as another process has it; without the names that come later."""
        store = self.make_store(indexes=Indexes(lambda *_: None))
        account = now(store.open(ALICE))
        account._ground.leases.acquire(
            str(self.path).encode() + b"/mailapp-given.lock", 1e9
        )
        return account

    def select(self, account: Any = None) -> Any:
        """Select at once."""
        mailbox = now((account or self.alice).mailbox(INBOX_ID, whole=False))
        self.addCleanup(mailbox.close)
        return mailbox

    def names(self) -> list[str]:
        """Of all files in cur."""
        return sorted(os.listdir(self.path / "cur"))

    def told(self, columns: Columns) -> dict[int, bytes]:
        """Who has which UID."""
        return {uid: columns.guid(at) for at, uid in enumerate(columns.uids)}

    def finish(self, account: Any = None) -> None:
        """Have all names tell UIDs."""
        boxes = (account or self.alice)._mailboxes
        while boxes.name_late(INBOX_ID):
            pass

    def commit(self, change: Change) -> Any:
        """Do it."""
        [outcome] = now(self.alice.commit([change], request_id=os.urandom(4)))
        return outcome


@tabled
class GivenTests(GivenCase):
    """What a session sees, before and after names follow."""

    def test_gone_and_back(self) -> None:
        """What had UIDs here gets others, and all processes tell the same ones."""
        self.patch(tracked, "_A_WHILE", 0)
        here, there = self.select(), self.select(self.process())
        self.finish()
        now(there.refresh())
        files = [self.path / "cur" / name for name in self.names()[:4]]
        away = [file.rename(self.path / "tmp" / file.name) for file in files]
        self.assertEqual(list(now(here.refresh()).uids), [5, 6, 7])
        for old, file in zip(away, files, strict=True):
            old.rename(file)
        told = self.told(now(here.refresh()))
        self.assertEqual(list(told), [5, 6, 7, 8, 9, 10, 11])
        self.assertEqual(self.told(now(there.refresh())), told)
        self.finish()
        self.assertEqual(self.told(now(here.refresh())), told)

    def test_at_once(self) -> None:
        """A mailbox is selected without a file being read or renamed."""
        before = self.names()
        columns = self.select().columns
        self.assertEqual(list(columns.uids), list(range(1, COUNT + 1)))
        self.assertEqual(self.names(), before)
        self.assertEqual(columns.first_unseen(), None)
        self.assertEqual(columns.uid_next, COUNT + 1)
        numbers = [
            int(guid.split(b"M")[1].split(b"P")[0])
            for guid in self.told(columns).values()
        ]
        self.assertEqual(numbers, sorted(numbers))

    def test_names_follow(self) -> None:
        """In the end all names tell UIDs, and no client notices."""
        mailbox = self.select()
        before = mailbox.columns
        told, modseq = self.told(before), before.highest_modseq
        self.finish()
        now(mailbox.complete(before, before.uids))
        for columns in (before, now(mailbox.refresh()), self.select().columns):
            self.assertEqual(self.told(columns), told)
            self.assertEqual(columns.highest_modseq, modseq)
            self.assertEqual(set(columns.sizes), {len(LF_TEXT) + 3})
            self.assertEqual(columns.received[0], 1_600_000_000)
            self.assertEqual(columns.octets, COUNT * (len(LF_TEXT) + 3))
        self.assertFalse((self.path / "mailapp-given").exists())
        for name in self.names():
            parsed = parse(name.encode())
            self.assertIsNotNone(parsed and parsed.uid and parsed.wire)
        self.assertEqual(self.told(self.select(self.process()).columns), told)

    def test_background(self) -> None:
        """Names follow while a session has the mailbox selected."""
        account = now(self.make_store().open(ALICE))
        other = self.alice._ground.leases
        now(account.mailbox(INBOX_ID, whole=False)).close()
        self.clock.advance(BEGIN_SECONDS)
        mailbox = now(account.mailbox(INBOX_ID, whole=False))
        self.addCleanup(mailbox.close)
        self.clock.advance(BEGIN_SECONDS)
        other.close()
        self.assertFalse(any(",U=" in name for name in self.names()))
        self.clock.advance(CLAIM_AGAIN_SECONDS)
        self.assertTrue(all(",U=" in name for name in self.names()))

    @rows(sizes=0, facts=1, bodies=2)
    def test_some(self, way: int) -> None:
        """What is asked of some messages is told without waiting for the others."""
        mailbox = self.select()
        view = mailbox.columns
        if way == 0:
            now(mailbox.complete(view, [2, 3]))
            self.assertEqual([view.sizes[1], view.sizes[2]], [len(LF_TEXT) + 3] * 2)
            self.assertEqual(view.received[2], 1_600_000_002)
            self.assertEqual(sum(",U=" in name for name in self.names()), 2)
        elif way == 1:
            [found] = now(gathered(mailbox.facts([UID(4)], [Item.ENVELOPE])))
            self.assertIn(b'"y"', found[0][1][0])
        blobs = [view.blob(at) for at in range(COUNT)]
        self.finish()
        for blob in blobs:  # of names that are no longer
            octets = b"".join(now(gathered(self.alice.read(blob))))
            self.assertEqual(octets, LF_TEXT.replace(b"\n", b"\r\n"))

    def test_facts_kept(self) -> None:
        """What was computed of a message is known when it is asked for again."""
        mailbox = self.select()
        uids = [UID(uid) for uid in mailbox.columns.uids]
        wanted = [Item.ENVELOPE]
        first = now(gathered(mailbox.facts(uids, wanted)))
        self.assertEqual(now(gathered(mailbox.facts(uids, wanted))), first)
        for name in self.names():
            (self.path / "cur" / name).write_bytes(b"Subject: z\n\n")
        for account in (self.alice, self.process()):
            again = self.select(account)
            self.assertEqual(now(gathered(again.facts(uids, wanted))), first)
        self.finish()
        mailbox = self.select(self.process())
        self.assertEqual(now(gathered(mailbox.facts(uids, wanted))), first)

    def test_old_view(self) -> None:
        """Columns of before another change learn of sizes, too."""
        mailbox = self.select()
        view = mailbox.columns
        self.deliver()
        self.commit(Expunge(INBOX_ID, [UID(1)]))
        self.assertIsNot(view.sizes, now(mailbox.refresh()).sizes)
        now(mailbox.complete(view, view.uids))
        self.assertEqual(list(view.sizes[1:]), [len(LF_TEXT) + 3] * (COUNT - 1))

    def test_changes(self) -> None:
        """Flags, copies and expunges work on messages whose names do not follow yet."""
        mailbox = self.select()
        other = self.commit(CreateFolder(("other",))).folder
        wanted = {"\\Seen", "\\Flagged", "\\Draft"}
        for flag in wanted:
            change = SetFlags(INBOX_ID, [UID(2)], FlagMode.ADD, frozenset({flag}))
            self.commit(change)
        self.assertIn("1700000000.M10P1.h:2,DFS", self.names())  # no UID yet
        self.commit(Copy(INBOX_ID, [UID(3)], other))
        self.commit(Expunge(INBOX_ID, [UID(4)]))
        columns = now(mailbox.refresh())
        for each in (columns, self.select(self.process()).columns):
            self.assertEqual(each.row(1).flags, wanted)
        self.finish()
        [batch] = now(gathered(self.alice.rows(INBOX_ID)))
        self.assertEqual([row.uid for row in batch], [1, 2, 3, 5, 6, 7])
        self.assertEqual([row.modseq for row in batch], list(columns.modseqs))
        self.assertEqual(batch[1].flags, wanted)
        [[copied]] = now(gathered(self.alice.rows(other)))
        self.assertEqual(copied.size_octets, len(LF_TEXT) + 3)
        self.assertEqual(copied.received, 1_600_000_002)

    @rows(flags="cur/{}T", new="new/{}F", fields="cur/{}", away="tmp/{}")
    @threat(68, 78)
    def test_foreign_rename(self, form: str) -> None:
        """A message is known whatever another program does to the rest of its name."""
        mailbox = self.select()
        told = self.told(mailbox.columns)
        name = self.names()[3]
        self.assertNotIn(",U=", name)
        fresh = form.format(name)
        if form == "cur/{}":
            fresh = form.format(name.replace(":", ",X=1:"))
        (self.path / "cur" / name).rename(self.path / fresh)
        self.finish()
        if fresh.startswith("tmp"):
            del told[4]
        self.assertEqual(self.told(self.select().columns), told)
        self.assertEqual(self.told(self.select(self.process()).columns), told)

    @threat(68)
    def test_came_back(self) -> None:
        """One that was seen to be gone comes back under another UID."""
        mailbox = self.select()
        name = self.names()[2]
        path = self.path / "cur" / name
        path.rename(self.root / "backup")
        self.alice._mailboxes.mailbox(INBOX_ID).tracked._stamp = None
        self.assertEqual(len(now(mailbox.refresh())), COUNT - 1)
        (self.root / "backup").rename(path)
        self.alice._mailboxes.mailbox(INBOX_ID).tracked._stamp = None
        uids = list(now(mailbox.refresh()).uids)
        self.assertEqual(uids, [1, 2, 4, 5, 6, 7, 8])

    def test_more_come(self) -> None:
        """More that are put there meanwhile come behind, and keep their UIDs."""
        told = self.told(self.select().columns)
        for number in range(4):
            self.put(f"cur/180000000{number}.M1P1.h:2,", TEXT)
        more = self.told(self.select(self.process()).columns)
        self.assertEqual(len(more), COUNT + 4)
        self.assertEqual({u: g for u, g in more.items() if u <= COUNT}, told)
        self.assertEqual(self.told(self.select(self.process()).columns), more)

    @rows(cut=slice(0, -9), garbage=slice(0, 0), other=slice(1, None))
    @threat(68)
    def test_damaged(self, part: slice) -> None:
        """When the file is damaged, messages get other UIDs: none comes twice."""
        self.select()
        path = self.path / "mailapp-given"
        path.write_bytes(path.read_bytes()[part])
        uids = self.select(self.process()).columns.uids
        self.assertEqual(len(uids), COUNT)
        self.assertGreater(min(uids), COUNT)

    def test_begun_anew(self) -> None:
        """Without our files beside the mail, who selects next gets other UIDs."""
        first = self.select()
        validity = first.columns.uid_validity
        first.close()
        for name in ("mailapp-uids", "mailapp-given"):
            (self.path / name).unlink()
        mailbox = self.select()
        columns = mailbox.columns
        self.assertNotEqual(columns.uid_validity, validity)
        self.finish()
        self.assertEqual(self.told(now(mailbox.refresh())), self.told(columns))

    def test_unreadable(self) -> None:
        """A file that can't be read hinders none of the others."""
        self.select()
        name = self.names()[6]
        original = self.files.beginnings

        def failing(
            directory: Any, wanted: Sequence[tuple[bytes, int]]
        ) -> Iterator[bytes | None]:
            found = original(directory, wanted)
            for (path, _), octets in zip(wanted, found, strict=True):
                yield None if name.encode() in path else octets

        self.patch(self.files, "beginnings", failing)
        boxes = self.alice._mailboxes
        for _ in range(COUNT):
            boxes.name_late(INBOX_ID)
        self.assertEqual(sum(",U=" in each for each in self.names()), COUNT - 1)
        self.assertTrue((self.path / "mailapp-given").exists())
        self.patch(self.files, "beginnings", original)
        told = self.told(self.select(self.process()).columns)
        self.assertEqual(list(told), list(range(1, COUNT + 1)))

    def test_rebuild(self) -> None:
        """An index that is made anew has them all."""
        self.select()
        index = AccountIndex(Database(str(self.path).encode(), lambda _: None))
        self.addCleanup(index.close)
        seen: list[int] = []
        Audit(self.files, str(self.path).encode(), index).rebuild(seen.append)
        self.assertEqual(sum(seen), COUNT)
        self.assertTrue(all(",U=" in name for name in self.names()))
        audit = Audit(self.files, str(self.path).encode(), index)
        self.assertEqual(list(audit.check(seen.append)), [])
        columns = self.select(self.process()).columns
        serial = index.serial(INBOX_ID, columns.uid_validity)
        assert serial is not None
        facts = index.facts(serial, columns.uids, [Item.ENVELOPE])
        self.assertEqual(len(facts[Item.ENVELOPE]), COUNT)

    def test_pop_meanwhile(self) -> None:
        """A POP session that renames the same files does no harm."""
        told = self.told(self.select().columns)
        self.assertEqual({item.guid for item in self.items()}, set(told.values()))
        self.finish()
        self.assertEqual(self.told(self.select().columns), told)


class FormTests(MaildirCase):
    """The file, and the order of names."""

    def test_sections(self) -> None:
        """What is given in several steps is read at once, under its UIDVALIDITY."""
        files, path = Files(), str(self.path).encode()
        write_given(files, path, 5, None, 10, Stems([b"a:2,S", b"\nb"]))
        before = read_given(files, path, 5)
        write_given(files, path, 5, before, 20, Stems([b"7,S=1:2,"]))
        found = read_given(files, path, 5)
        self.assertEqual(found.uids, {b"a": 10, b"\nb": 11, b"7": 20})
        self.assertEqual(read_given(files, path, 6).uids, {})
        self.assertTrue((self.path / GIVEN.decode()).exists())

    @example(
        st.lists(
            st.builds(
                b"%b.M%dP%d%b".__mod__,
                st.tuples(
                    st.sampled_from([b"1700000000", b"1700000001"]),
                    st.sampled_from([1, 2, 10, 99, 100]),
                    st.integers(1, 12),
                    st.sampled_from([b":2,S", b",S=5,W=5:2,", b""]),
                ),
            ),
            unique_by=lambda name: name.partition(b":")[0].partition(b",")[0],
        ),
        st.integers(0, 60),
    )
    @settings(deadline=None)
    def test_order(self, names: Sequence[bytes], part: int) -> None:
        """Names are in the order that a look at each of them gives."""
        with patch.object(stems, "_PART", part):
            found = in_turn(Stems(names))
        assert found is not None

        def key(name: bytes) -> tuple[int, int, bytes]:
            parsed = parse(name)
            assert parsed is not None
            return arrival(parsed.unique)

        self.assertEqual(list(found), sorted(names, key=key))

    def test_unusual(self) -> None:
        """Names that are twins, no UIDLs, or of another form, are for the slow way."""
        usual = b"1700000000.M1P1.h:2,"
        for other in (
            b"1700000000.M1P1.h:2,S",
            b"1700000000.M1P1.\xe4:2,S",
            b"1700000000." + b"h" * 70,
            b"17000.M1P1.h:2,S",
            b":2,S",
        ):
            self.assertIsNone(in_turn(Stems([usual, other])), other)

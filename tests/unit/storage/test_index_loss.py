"""An index is deleted or damaged beside processes that use it: only time is lost."""

from __future__ import annotations

import os
import sqlite3
from typing import Any

from mailapp.message.imap_facts import Item
from mailapp.storage.index.account_index import State
from mailapp.storage.types import (
    INBOX_ID,
    UID,
    Append,
    Expunge,
    TextMatches,
    TextQuery,
    Where,
)
from tests.contract.store_case import now
from tests.rows import rows, tabled
from tests.threats import threat
from tests.unit.storage.maildir_case import ALICE, TEXT
from tests.unit.storage.test_index import IndexCase, execute, shown


@tabled
class LossTests(IndexCase):
    """Deleted, cut, overwritten, or of another version."""

    @rows(
        removed=lambda file: file.unlink(),
        cut=lambda file: file.write_bytes(file.read_bytes()[:5000]),
        garbage=lambda file: file.write_bytes(b"no database at all" * 1000),
        empty=lambda file: file.write_bytes(b""),
        another_version=lambda file: _version(file, 7),
        odd_columns=lambda file: execute(file, "UPDATE box SET columns = x'00'"),
        changed_columns=lambda file: _change(file),  # noqa: PLW0108 - it is below
        odd_stamp=lambda file: execute(file, "UPDATE box SET stamp = x'00'"),
        no_table=lambda file: execute(file, "DROP TABLE change"),
    )
    def test_lost(self, harm: Any) -> None:
        """Whatever becomes of the file, UIDs, flags and messages are the same."""
        for _ in range(3):
            self.deliver()
        here = self.select_here()
        self.flag(self.alice, 2, "\\Seen", "Work")
        self.facts(here, [Item.ENVELOPE])
        before = shown(now(here.refresh()))
        self.store._ground.indexes.close()  # type: ignore[union-attr]  # it has one
        for name in ("index.sqlite-wal", "index.sqlite-shm"):
            (self.path / name).unlink(missing_ok=True)
        harm(self.file)
        there = self.select()
        self.assertEqual(shown(there.columns)[:2], before[:2])
        without_modseq = [(row[0], *row[2:]) for row in shown(there.columns)[3]]
        self.assertEqual(without_modseq, [(row[0], *row[2:]) for row in before[3]])
        self.assertGreaterEqual(there.columns.highest_modseq, before[2])
        self.assertEqual(len(self.facts(there, [Item.ENVELOPE])), 3)
        self.flag(self.alice, 3, "\\Draft")
        self.assertEqual(
            now(here.refresh()).flags_of(here.columns.masks[2]), ("\\Draft",)
        )
        self.assertEqual(shown(self.select().columns), shown(here.columns))

    def test_removed_while_serving(self) -> None:
        """A process that goes on keeps its MODSEQs, and writes them down again."""
        for _ in range(3):
            self.deliver()
        here = self.select_here()
        before = shown(here.columns)
        for name in ("index.sqlite", "index.sqlite-wal", "index.sqlite-shm"):
            (self.path / name).unlink(missing_ok=True)
        self.assertEqual(shown(now(here.refresh())), before)
        self.flag(self.alice, 3, "\\Draft")
        self.assertTrue(self.file.exists())
        self.assertEqual(shown(self.select().columns), shown(now(here.refresh())))
        self.assertEqual(self.troubles, [])

    def test_back_and_lost(self) -> None:
        """A UID told to be gone stays gone, also if a process missed it all."""
        for _ in range(3):
            self.deliver()
        store = self.make_store()
        here, there = self.select_here(), self.select(store)
        (file,) = (self.path / "cur").glob("*,U=2,*")
        away = file.rename(self.path / "tmp" / file.name)
        self.assertEqual(list(now(here.refresh()).uids), [1, 3])
        away.rename(file)
        for name in ("index.sqlite", "index.sqlite-wal", "index.sqlite-shm"):
            (self.path / name).unlink(missing_ok=True)
        self.flag(now(store.open(ALICE)), 3, "\\Draft")  # it notes all there is
        self.assertEqual(list(now(here.refresh()).uids), [1, 3, 4])
        self.assertEqual(list(now(there.refresh()).uids), [1, 3, 4])

    def test_lost_between_questions(self) -> None:
        """What was learnt of a file that is gone means nothing in the next one."""
        index = self.store._ground.indexes.of(os.fsencode(self.path))  # type: ignore[union-attr]  # it has one
        for folder in (7, 8):
            index.save(State(folder, 1, 10, 1, b""), b"", 0, [])
        old = index.serial(7, 1)
        assert old is not None
        text = TextQuery(Where.BODY, "apples")
        index.add_texts(old, [(1, ("", "", "", "", "", "", "apples"))], 9)
        index.keep(old, [(1, {Item.ENVELOPE: b"7"})])
        self.assertEqual(index.search(old, text), TextMatches({UID(1)}, 9))
        for name in ("index.sqlite", "index.sqlite-wal", "index.sqlite-shm"):
            (self.path / name).unlink(missing_ok=True)
        for folder in (8, 7):
            index.save(State(folder, 1, 10, 1, b""), b"", 0, [])
        self.assertIsNone(index.search(old, text))
        index.keep(old, [(1, {Item.ENVELOPE: b"7"})])
        for folder in (8, 7):
            serial = index.serial(folder, 1)
            assert serial is not None
            self.assertEqual(
                index.facts(serial, [1], [Item.ENVELOPE])[Item.ENVELOPE], {}
            )

    def test_log_lost(self) -> None:
        """A process whose log was deleted does not go on beside one with a new log."""
        for _ in range(3):
            self.deliver()
        here = self.select_here()
        for name in ("index.sqlite-wal", "index.sqlite-shm"):
            (self.path / name).unlink(missing_ok=True)
        there = self.select()
        other = now(self.make_store().open(ALICE))
        for uid, account in enumerate((self.alice, other, self.alice), 1):
            self.flag(account, uid, "\\Seen", f"Word{uid}")
            for mailbox in (here, there):
                columns = now(mailbox.refresh())
                flags = columns.flags_of(columns.masks[uid - 1])
                self.assertEqual(set(flags), {"\\Seen", f"Word{uid}"})
        self.assertEqual(execute(self.file, "PRAGMA integrity_check"), [("ok",)])

    def test_lost_between_reads(self) -> None:
        """Facts are kept again soon, though nothing in the mailbox changes."""
        for _ in range(3):
            self.deliver()
        here = self.select_here()
        self.facts(here, [Item.ENVELOPE])
        for name in ("index.sqlite", "index.sqlite-wal", "index.sqlite-shm"):
            (self.path / name).unlink(missing_ok=True)
        first = self.facts(here, [Item.ENVELOPE])
        self.assertEqual(self.facts(here, [Item.ENVELOPE]), first)
        (count,) = execute(self.file, "SELECT count(*) FROM fact")[0]
        self.assertEqual(count, 3)

    @threat(68)
    def test_gone_before_noted(self) -> None:
        """What came, and went before another process heard of it, is gone for all."""
        for _ in range(2):
            self.deliver()
        here, there = self.select_here(), self.select()
        other = now(self.make_store().open(ALICE))
        sink = self.alice.stage()
        now(sink.write(TEXT))
        _ = self.commit(self.alice, Append(INBOX_ID, now(sink.ready())))
        sink.abort()
        [file] = (self.path / "cur").glob("*,U=3,*")
        file.unlink()
        for part in ("cur", "new"):  # so that no look is in doubt
            os.utime(self.path / part, (1_600_000_000,) * 2)
        self.commit(other, Expunge(INBOX_ID, [UID(1)]))
        for mailbox in (here, there):
            self.assertEqual(list(now(mailbox.refresh()).uids), [2])


def _change(file: Any) -> None:
    """One octet in the middle of the columns."""
    with sqlite3.connect(file) as connection:
        ((columns,),) = connection.execute("SELECT columns FROM box").fetchall()
        middle = len(columns) - 200
        changed = (
            columns[:middle] + bytes([columns[middle] ^ 1]) + columns[middle + 1 :]
        )
        connection.execute("UPDATE box SET columns = ?", (changed,))


def _version(file: Any, version: int) -> None:
    execute(file, f"PRAGMA user_version = {version}")

"""The index is a cache: lost, damaged or locked, it costs time and nothing else."""

from __future__ import annotations

import os
import sqlite3
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from mailapp.message.collation import casemap
from mailapp.message.imap_facts import HeaderFields, Item, read_structure
from mailapp.message.searching import Finder, field_texts, message_texts
from mailapp.net.threads import inline
from mailapp.storage.columns import Columns
from mailapp.storage.index.account_index import AccountIndex, Changed, State
from mailapp.storage.index.database import Database
from mailapp.storage.index.indexes import IDLE_SECONDS, OPEN_AT_ONCE, Indexes
from mailapp.storage.index.texts import texts_of
from mailapp.storage.maildir.store import MaildirStore
from mailapp.storage.types import (
    INBOX_ID,
    UID,
    Append,
    Expunge,
    FlagMode,
    SetFlags,
    TextQuery,
    Where,
)
from tests.contract.store_case import TEXT, gathered, now
from tests.open_files import open_files
from tests.rows import tabled
from tests.unit.storage.maildir_case import ALICE, MaildirCase


def shown(columns: Columns) -> list[Any]:
    """All that a client can see of columns."""
    rows = [columns.row(place) for place in range(len(columns))]
    seen = [(r.uid, r.modseq, r.flags, r.received, r.guid, r.blob) for r in rows]
    return [columns.uid_validity, columns.uid_next, columns.highest_modseq, seen]


class IndexCase(MaildirCase):
    """Stores as several processes would have them, with indexes."""

    def setUp(self) -> None:
        """Nothing is wrong yet."""
        self.troubles: list[str] = []
        super().setUp()
        self.file = self.path / "index.sqlite"

    def make_store(self, in_thread: Any = inline, **options: Any) -> MaildirStore:
        """With an index."""
        indexes = Indexes(lambda _path, why: self.troubles.append(why))
        return super().make_store(in_thread, indexes=indexes, **options)

    def commit(self, account: Any, *changes: Any) -> Any:
        """Commit, under a name of its own."""
        self.serial = getattr(self, "serial", 0) + 1
        return now(account.commit(changes, request_id=b"%d" % self.serial))

    def flag(self, account: Any, uid: int, *flags: str) -> None:
        """Set flags."""
        change = SetFlags(INBOX_ID, [UID(uid)], FlagMode.REPLACE, frozenset(flags))
        self.commit(account, change)

    def select(self, store: MaildirStore | None = None) -> Any:
        """Alice's INBOX as another process sees it."""
        account = now((store or self.make_store()).open(ALICE))
        mailbox = now(account.mailbox(INBOX_ID))
        self.addCleanup(mailbox.close)
        return mailbox

    def select_here(self) -> Any:
        """Alice's INBOX as this process sees it."""
        return self.select(self.store)

    def facts(self, mailbox: Any, kinds: list[Any]) -> list[Any]:
        """Facts of all messages."""
        uids = [UID(uid) for uid in mailbox.columns.uids]
        batches = now(gathered(mailbox.facts(uids, kinds)))
        return [(uid, list(values)) for batch in batches for uid, values in batch]


@tabled
class RecallTests(IndexCase):
    """What one process knows the next one knows, too."""

    def test_restart(self) -> None:
        """MODSEQ, flags and history live longer than a process, to the last bit."""
        for _ in range(4):
            self.deliver()
        mailbox = self.select_here()
        first = mailbox.columns.highest_modseq
        self.flag(self.alice, 2, "\\Seen", "Work")
        self.flag(self.alice, 3, "Play")
        self.commit(self.alice, Expunge(INBOX_ID, [UID(1)]))
        self.deliver()
        before = now(mailbox.refresh())
        other = self.select()
        self.assertEqual(shown(other.columns), shown(before))
        account = now(self.make_store().open(ALICE))
        self.assertEqual(now(account.vanished(INBOX_ID, first)), [(1, 1)])
        self.assertEqual(self.troubles, [])

    def test_beside(self) -> None:
        """Two processes at once agree on every MODSEQ, whoever made the change."""
        for _ in range(5):
            self.deliver()
        here, there = self.select_here(), self.select()
        other = now(self.make_store().open(ALICE))
        for uid, account in enumerate((self.alice, other, self.alice, other), 1):
            self.flag(account, uid, "\\Seen", f"Word{uid}")
            self.assertEqual(shown(now(here.refresh())), shown(now(there.refresh())))
        self.commit(other, Expunge(INBOX_ID, [UID(2), UID(4)]))
        self.deliver()
        self.assertEqual(shown(now(there.refresh())), shown(now(here.refresh())))
        self.assertEqual(list(here.columns.uids), [1, 3, 5, 6])

    def test_same_moment(self) -> None:
        """Two processes append while no clock moves: no UID changes, none is lost."""
        self.deliver()
        here, there = self.select_here(), self.select()
        other = now(self.make_store().open(ALICE))
        self.patch(self.files, "mtime", lambda _path: 1_700_000_000_000_000_000)
        told = []
        for account in (self.alice, other) * 3 + (self.alice, self.alice, other):
            sink = account.stage()
            now(sink.write(TEXT))
            blob = now(sink.ready())
            [outcome] = self.commit(account, Append(INBOX_ID, blob))
            sink.abort()
            told += outcome.uids
        self.flag(other, 3, "\\Seen")
        self.flag(self.alice, 4, "\\Seen")
        self.assertEqual(told, list(range(2, 11)))
        del self.files.mtime
        seen = shown(self.select().columns)[3]
        self.assertEqual([row[0] for row in seen], list(range(1, 11)))
        self.assertEqual([row[0] for row in seen if row[2]], [3, 4])
        for mailbox in (here, there):
            self.assertEqual(shown(now(mailbox.refresh()))[3], seen)

    def test_many_changes(self) -> None:
        """Columns are saved anew after many changes, and still nothing is missing."""
        for _ in range(3):
            self.deliver()
        here, there = self.select_here(), self.select()
        for number in range(1100):
            self.flag(self.alice, 1 + number % 3, *["\\Seen", "\\Draft"][: number % 2])
        self.assertEqual(shown(now(there.refresh())), shown(now(here.refresh())))
        self.assertEqual(shown(self.select().columns), shown(here.columns))

    def test_foreign(self) -> None:
        """What another program did between two processes is noticed, and is new."""
        for _ in range(3):
            self.deliver()
        here = self.select_here()
        before = here.columns
        path = self.path / "cur"
        for file in sorted(path.iterdir()):
            if ",U=2," in file.name:
                file.rename(path / (file.name + "F"))
        there = self.select()
        self.assertEqual(there.columns.flags_of(there.columns.masks[1]), ("\\Flagged",))
        self.assertEqual(list(there.columns.changed_since(before.highest_modseq)), [1])
        self.assertEqual(shown(now(here.refresh())), shown(there.columns))

    def test_facts(self) -> None:
        """Facts are computed once; what an expunged message was is forgotten."""
        for _ in range(3):
            self.deliver()
        here = self.select_here()
        kinds = [Item.ENVELOPE, HeaderFields((b"Subject",))]
        before = self.facts(here, kinds)
        self.assertEqual(before[0][1][1], b"Subject: x\r\n\r\n")
        for file in (self.path / "cur").iterdir():
            file.write_bytes(b"")
        self.assertEqual(self.facts(self.select(), kinds), before)
        self.commit(self.alice, Expunge(INBOX_ID, [UID(1)]))
        (count,) = execute(self.file, "SELECT count(*) FROM fact")[0]
        self.assertEqual(count, 4)


class LockedTests(IndexCase):
    """Another process writes for long, or the disk is full."""

    def test_locked(self) -> None:
        """Nothing waits for ever, and afterwards all agree again."""
        self.patch(sqlite3, "connect", _impatient)
        for _ in range(3):
            self.deliver()
        here = self.select_here()
        other = sqlite3.connect(self.file, isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        self.flag(self.alice, 1, "\\Seen")
        self.assertEqual(len(self.facts(here, [Item.ENVELOPE])), 3)
        other.execute("ROLLBACK")
        other.close()
        self.flag(self.alice, 2, "\\Seen")
        self.assertEqual(shown(self.select().columns), shown(now(here.refresh())))
        self.assertEqual(self.troubles, [])


_WORDS = st.sampled_from(
    [
        "ab",
        "abc",
        "\u00e4\u00f6\u00fc",
        "Stra\u00dfe",
        "x y",
        "\u4f60\u597d",
        '"q"',
        "%",
        "\0",
        "\u0130i",
    ]
)
_TEXTS = st.lists(st.text(max_size=5) | _WORDS, max_size=6).map(" ".join)


class TextTests(SynchronousTestCase):
    """Full text finds what a scan finds."""

    def setUp(self) -> None:
        """An index with one mailbox."""
        self.directory = self.mktemp().encode()
        os.mkdir(self.directory)

    @settings(max_examples=60, deadline=None)
    @given(
        st.lists(st.tuples(_TEXTS, _TEXTS), min_size=1, max_size=6),
        st.text(max_size=5) | _WORDS,
        st.sampled_from(Where),
    )
    def test_equal(self, texts: list[tuple[str, str]], word: str, where: Where) -> None:
        """The index and the scan agree for any texts and any word."""
        messages = [_message(*pair) for pair in texts]
        needle = casemap(word)
        index = self.index()
        serial = index.serial(1, 1)
        assert serial is not None
        own = [
            (uid, texts_of(lambda a, b, m=message: m[a:b], len(message)))  # type: ignore[misc]  # m is bound
            for uid, message in enumerate(messages, 1)
        ]
        self.assertTrue(index.add_texts(serial, own, len(own)))
        found = index.search(serial, TextQuery(where, needle))
        index.database.throw_away("done")
        if found is None:
            self.assertTrue(len(needle) < 3 or not {"\0", "\1"}.isdisjoint(needle))
        else:
            wanted = {
                uid
                for uid, message in enumerate(messages, 1)
                if _scan(message, where, needle)
            }
            self.assertEqual((found.uids, found.reached), (wanted, len(own)))

    def index(self) -> AccountIndex:
        """An index that knows of a mailbox."""
        index = AccountIndex(Database(self.directory, lambda _why: None))
        index.save(State(1, 1, 10, 1, b""), b"", 0, [])
        return index

    def test_other_mailbox(self) -> None:
        """A mailbox with another UIDVALIDITY has nothing of the old one."""
        index = self.index()
        serial = index.serial(1, 1)
        assert serial is not None
        index.keep(serial, [(1, {Item.ENVELOPE: b"x"})])
        self.assertEqual(
            index.facts(serial, [1], [Item.ENVELOPE]), {Item.ENVELOPE: {1: b"x"}}
        )
        index.save(State(1, 2, 10, 1, b""), b"", 0, [Changed(1, 1, None)])
        fresh = index.serial(1, 2)
        assert fresh is not None
        self.assertNotEqual(serial, fresh)
        self.assertIsNone(index.serial(1, 1))
        self.assertEqual(index.facts(fresh, [1], [Item.ENVELOPE]), {Item.ENVELOPE: {}})
        self.assertFalse(index.add_texts(serial, [], 5))
        index.close()


def _message(subject: str, body: str) -> bytes:
    one_line = "".join(c for c in subject if c.isprintable())
    octets = one_line.encode("utf-8", "replace")
    text = body.replace("\r", "").replace("\n", "\r\n").encode("utf-8", "replace")
    return (
        b"Subject: %b\r\nFrom: a@x.test\r\nMIME-Version: 1.0\r\n"
        b"Content-Type: text/plain; charset=utf-8\r\n\r\n%b\r\n" % (octets, text)
    )


def _scan(message: bytes, where: Where, needle: str) -> bool:
    """The slow way."""
    root = read_structure(lambda a, b: message[a:b], len(message))
    if where in {Where.TEXT, Where.BODY}:
        finder = Finder([needle])
        texts = message_texts(
            lambda a, b: message[a:b], root, headers=where is Where.TEXT
        )
        return any(finder.feed(text) for text in texts)
    fields = field_texts(root.header, where.value.encode())
    return any(needle in field for field in fields)


def execute(file: Any, sql: str) -> Any:
    """Have SQLite do it; the rows."""
    connection = sqlite3.connect(file)
    found = connection.execute(sql).fetchall()
    connection.commit()
    connection.close()
    return found


_connect = sqlite3.connect


def _impatient(*arguments: Any, **options: Any) -> Any:
    return _connect(*arguments, **(options | {"timeout": 0}))


class OpenFilesTests(SynchronousTestCase):
    """Many accounts wait for mail; few of their files are open."""

    def test_bound(self) -> None:
        """Those used least lately are closed, and open themselves again."""
        indexes = Indexes(lambda _path, why: self.fail(why))
        root = self.mktemp()
        accounts = []
        for number in range(2 * OPEN_AT_ONCE):
            directory = f"{root}/{number}".encode()
            os.makedirs(directory)
            accounts.append(indexes.of(directory))
            self.assertIs(indexes.of(directory), accounts[-1])
        for _ in range(2):
            for index in accounts:
                self.assertIsNone(index.known(1, 1))
                self.assertLessEqual(len(_open_indexes("/index.sqlite")), OPEN_AT_ONCE)
        indexes.close()
        self.assertEqual(_open_indexes(root), [])

    def test_idle(self) -> None:
        """What nobody used for a minute is closed; the rest stays open."""
        clock = Clock()
        indexes = Indexes(lambda _path, why: self.fail(why), clock.seconds)
        self.addCleanup(indexes.close)
        root = self.mktemp()
        one, other = (self.index(indexes, f"{root}/{name}") for name in "ab")
        one.known(1, 1)
        clock.advance(IDLE_SECONDS - 1)
        other.known(1, 1)
        self.assertFalse(indexes.idle)
        clock.advance(1)
        self.assertTrue(indexes.idle)
        indexes.rest()
        self.assertFalse(indexes.idle)
        [left] = _open_indexes(root)
        self.assertTrue(left.endswith("/b/index.sqlite"), left)
        self.assertIsNone(one.known(1, 1))
        self.assertEqual(len(_open_indexes(root)), 2)

    def test_failed(self) -> None:
        """A file that was opened for what then failed is counted, too."""
        indexes = Indexes(lambda _path, why: self.fail(why))
        root = self.mktemp()
        index = self.index(indexes, root)
        index.known(1, 1)
        busy = sqlite3.connect(f"{root}/index.sqlite", isolation_level=None)
        self.addCleanup(busy.close)
        busy.execute("BEGIN EXCLUSIVE")
        indexes.close()
        self.patch(sqlite3, "connect", _impatient)
        index.save(State(1, 1, 10, 1, b""), b"", 0, [])
        self.assertIsNotNone(index.database._connection)
        indexes.close()
        self.assertIsNone(index.database._connection)

    def index(self, indexes: Indexes, directory: str) -> AccountIndex:
        """That of a new account."""
        os.makedirs(directory)
        return indexes.of(directory.encode())


def _open_indexes(part: str) -> list[str]:
    """Index files, not those of SQLite beside them, that are open."""
    return [path for path in open_files(part) if path.endswith(".sqlite")]

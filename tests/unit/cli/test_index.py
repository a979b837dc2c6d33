"""Tests of ``mailapp index``."""

from __future__ import annotations

import argparse
import io
import sqlite3

from twisted.internet.task import Clock

from mailapp.cli import index
from mailapp.cli.prompt import Terminal
from mailapp.message.imap_facts import HeaderFields, Item, Kind
from mailapp.net.threads import inline
from mailapp.storage.index.indexes import Indexes
from mailapp.storage.maildir.store import MaildirStore
from mailapp.storage.types import (
    INBOX_ID,
    UID,
    Destination,
    FlagMode,
    SetFlags,
    TextQuery,
    Where,
)
from tests.contract.store_case import gathered, now
from tests.unit.cli.support import ALICE, CommandCase

TEXT = b"Subject: the subject\r\n\r\nHello.\r\n"


class IndexTests(CommandCase):
    """Indexes of an installation, beside a server that goes on."""

    def setUp(self) -> None:
        """One account with three messages, and a server that serves it."""
        super().setUp()
        self.add()
        self.site.mail_root.mkdir()
        indexes = Indexes(lambda _path, why: self.fail(why))
        root = self.site.mail_root
        self.store = MaildirStore(root, inline, clock=Clock(), indexes=indexes)
        self.addCleanup(lambda: now(self.store.close()))
        self.mail = now(self.store.create(ALICE))
        for _ in range(3):
            sink = self.store.stage()
            now(sink.write(TEXT))
            now(self.store.deliver(sink, [Destination(ALICE)]))
        self.mailbox = now(self.mail.mailbox(INBOX_ID))
        self.addCleanup(self.mailbox.close)
        self.file = self.site.mail_root / "example.test" / "alice" / "index.sqlite"

    def index(self, *words: str) -> int:
        """Run the command; its exit code."""
        parser = argparse.ArgumentParser(prog="mailapp")
        index.add_parser(parser.add_subparsers())
        arguments = parser.parse_args(["index", *words])
        out, err = io.StringIO(), io.StringIO()
        terminal = Terminal(io.StringIO(), out, err, self.fail)
        code = index.execute(arguments, self.site, terminal)
        self.out, self.err = out.getvalue(), err.getvalue()
        return code

    def harm(self, sql: str) -> None:
        """Put something wrong into the index."""
        connection = sqlite3.connect(self.file)
        connection.execute(sql)
        connection.commit()
        connection.close()

    def test_check(self) -> None:
        """What is right is right; wrong facts and columns are told."""
        uids = [UID(uid) for uid in self.mailbox.columns.uids]
        now(gathered(self.mailbox.facts(uids, [Item.ENVELOPE])))
        self.assertEqual((self.index("check"), self.err), (0, ""))
        self.assertEqual(self.out, "1 account checked, 0 wrong\n")
        self.harm("UPDATE fact SET value = x'00' WHERE uid = 2")
        self.assertEqual(self.index("check", "alice"), 1)
        self.assertIn(f"{ALICE} INBOX: UID 2: another envelope is kept", self.err)
        self.assertEqual(self.index("rebuild"), 0)
        self.assertEqual((self.index("check"), self.err), (0, ""))

    def test_all_kinds(self) -> None:
        """Whatever is kept is compared, and all of it is made anew."""
        kinds: list[Kind] = [*Item, HeaderFields((b"X-SPAM",))]
        uids = [UID(uid) for uid in self.mailbox.columns.uids]
        now(gathered(self.mailbox.facts(uids, kinds)))
        self.assertEqual((self.index("check"), self.err), (0, ""))
        self.harm("UPDATE fact SET value = x'00' WHERE uid = 3")
        self.assertEqual(self.index("check"), 1)
        self.assertEqual(self.err.count("UID 3: another "), len(kinds))
        self.assertEqual(self.index("rebuild"), 0)
        connection = sqlite3.connect(self.file)
        rows = connection.execute("SELECT count(*) FROM fact GROUP BY kind").fetchall()
        connection.close()
        self.assertEqual(rows, [(len(uids),)] * len(kinds))

    def test_texts(self) -> None:
        """A text that is not in the index as the message has it is told."""
        self.assertEqual(self.index("rebuild"), 0)
        self.assertEqual((self.index("check"), self.err), (0, ""))
        columns = self.mailbox.columns
        name = columns.blob(1).partition(b"/")[2].decode("ascii")
        (self.file.parent / name).write_bytes(TEXT.replace(b"Hello", b"Jello"))
        self.assertEqual(self.index("check"), 1)
        start = f"mailapp: {ALICE} INBOX: UID 2: "
        told = ["another preview is kept", "its text is not found"]
        self.assertEqual(self.err.splitlines(), [start + each for each in told])
        self.assertEqual(self.index("rebuild"), 0)
        self.assertEqual((self.index("check"), self.err), (0, ""))

    def test_more_text(self) -> None:
        """A text that is kept for a message that does not have it is told."""
        self.assertEqual(self.index("rebuild"), 0)
        self.harm(
            "INSERT INTO texts (rowid, body)"
            " SELECT serial << 32 | 2, 'THE WORD' FROM box WHERE folder = 1"
        )
        self.assertEqual(self.index("check"), 1)
        self.assertIn("INBOX: UID 2: more text is kept than it has", self.err)
        self.assertEqual(self.index("rebuild"), 0)
        self.assertEqual((self.index("check"), self.err), (0, ""))

    def test_names(self) -> None:
        """A name that the index has and no file has is told."""
        uid = UID(self.mailbox.columns.uids[0])
        change = SetFlags(INBOX_ID, [uid], FlagMode.ADD, frozenset({"\\Seen"}))
        now(self.mail.commit([change], request_id=b"1"))
        self.assertEqual((self.index("check"), self.err), (0, ""))
        self.harm(
            "UPDATE change SET name = CAST(replace(name, ':2,S', ':2,F') AS BLOB)"
        )
        self.assertEqual(self.index("check"), 1)
        self.assertIn("INBOX: flags of 1 messages differ, first of UID 1", self.err)

    def test_rebuild(self) -> None:
        """It is full afterwards; who serves meanwhile sees the same as before."""
        before = self.mailbox.columns
        self.file.unlink()
        self.assertEqual((self.index("rebuild", ALICE), self.err), (0, ""))
        self.assertEqual(self.out, "1 account rebuilt, 3 messages\n")
        query = TextQuery(Where.SUBJECT, "THE SUB")
        found = now(self.mailbox.search(query))
        assert found is not None
        self.assertEqual(found.uids, {1, 2, 3})
        after = now(self.mailbox.refresh())
        self.assertEqual(list(after.uids), list(before.uids))
        again = now(
            MaildirStore(self.site.mail_root, inline, clock=Clock()).open(ALICE)
        )
        self.assertEqual(list(now(again.mailbox(INBOX_ID)).columns.uids), [1, 2, 3])

    def test_unknown(self) -> None:
        """An account that is not there is told."""
        self.assertEqual(self.index("check", "bob"), 1)
        self.assertIn("bob@example.test does not exist", self.err)
        self.assertEqual(self.index("check", "@"), 1)

    def test_no_mail(self) -> None:
        """An account that never got mail is passed over."""
        self.add("bob")
        self.assertEqual(self.index("check"), 0)
        self.assertEqual(self.out, "1 account checked, 0 wrong\n")

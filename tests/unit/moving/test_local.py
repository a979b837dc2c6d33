"""Tests of mailapp.moving.local: what is found in files, and what comes of it."""

from __future__ import annotations

import gzip
import os
from pathlib import Path

from mailapp.moving import intake
from mailapp.moving.local import LocalSource
from mailapp.moving.types import MoveProblem
from mailapp.storage.files import Files
from tests.contract.store_case import now
from tests.unit.moving.support import ALICE, NOW, MovingCase

MAIL = "Subject: one\n\nHello.\n"
WIRE = b"Subject: one\r\n\r\nHello.\r\n"
FROM = "From alice@example.net Mon Nov 23 13:05:13 2026\n"
AT = 1795439113


class LocalTests(MovingCase):
    """Files of other programs, imported into a real store."""

    def write(self, path: str, text: str | bytes, mtime: int = 0) -> Path:
        """Make a file, and the folders above it."""
        octets = text.encode() if isinstance(text, str) else text
        file = self.folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(octets)
        os.utime(file, (mtime, mtime))
        return file

    def maildir(self, path: str) -> None:
        """Make an empty Maildir."""
        for part in ("cur", "new", "tmp"):
            (self.folder / path / part).mkdir(parents=True)

    def source(self, path: str, *into: str, user: str = "alice") -> LocalSource:
        """What is there."""
        return LocalSource(Files(), os.fsencode(self.folder / path), into, user)

    def test_spool(self) -> None:
        """A file as in /var/mail is an INBOX; its own fields become flags."""
        fields = "Status: RO\nX-Status: AF\nX-Keywords: $Forwarded  work \n"
        self.write("alice", FROM + fields + MAIL + "\n" + FROM + MAIL + "\n")
        tally = self.bring(self.source("alice"))
        flags = {"\\Seen", "\\Answered", "\\Flagged", "$Forwarded", "work"}
        self.assertEqual(
            self.held(),
            [
                ("INBOX", WIRE, frozenset(flags), AT),
                ("INBOX", WIRE, frozenset(), AT),
            ],
        )
        self.assertEqual((tally.imported, tally.octets, tally.known), (2, 48, 0))

    def test_again(self) -> None:
        """What came before does not come again, nor what is alike; new mail does."""
        self.write("alice", (FROM + MAIL + "\n") * 3)
        self.bring(self.source("alice"))
        self.write("alice", (FROM + MAIL + "\n") * 4 + FROM + "A: b\n\nc\n")
        tally = self.bring(self.source("alice"))
        self.assertEqual((tally.imported, tally.known), (2, 3))
        self.assertEqual(len(self.held()), 5)

    def test_trees(self) -> None:
        """Folders of Thunderbird, Apple Mail and mutt, packed or not; nothing else."""
        for name in (
            "Mail/Inbox",
            "Mail/Inbox.sbd/Old",
            "Mail/Lists/mutt",
            "Mail/Apple.mbox/mbox",
            "Mail/Entw&APw-rfe",
        ):
            self.write(name, FROM + MAIL)
        self.write("Mail/Packed.mbox.gz", gzip.compress((FROM + MAIL).encode()))
        self.write("Mail/Inbox.msf", "// <!-- <mdb:mork:z v=")
        self.write("Mail/Empty", "")
        self.write("Mail/.hidden/x", FROM + MAIL)
        (self.folder / "Mail" / "link").symlink_to(self.folder / "Mail" / "Inbox")
        self.bring(self.source("Mail"))
        names = {"INBOX", "INBOX/Old", "Lists/mutt", "Apple", "Entwürfe", "Packed"}
        self.assertEqual({held[0] for held in self.held()}, names)
        self.assertEqual({held[1] for held in self.held()}, {WIRE})

    def test_maildir(self) -> None:
        """Maildir++ and folders below: flags, keywords, dates, subscriptions."""
        self.maildir("Maildir")
        self.maildir("Maildir/.A.B")
        self.maildir("Maildir/C/D")
        self.write("Maildir/subscriptions", "A.B\n")
        self.write("Maildir/dovecot-keywords", "0 work\n1 $Junk\n")
        self.write("Maildir/cur/2.x.host,S=20:2,FSab", MAIL, 1000)
        self.write("Maildir/new/1.y.host", MAIL, 2000)
        self.write("Maildir/.A.B/cur/1.host:2,RT", gzip.compress(MAIL.encode()), 3000)
        self.write("Maildir/C/D/cur/1.host,D=77:2,DP", b"a\0b\rc\nd", 3000)
        self.write("Maildir/cur/.dot", MAIL)
        tally = self.bring(self.source("Maildir"))
        work = frozenset({"\\Flagged", "\\Seen", "work", "$Junk"})
        self.assertEqual(
            self.held(),
            [
                ("INBOX", WIRE, frozenset(), 2000),
                ("INBOX", WIRE, work, 1000),
                ("A/B", WIRE, frozenset({"\\Answered", "\\Deleted"}), 3000),
                ("C/D", b"a\0b\rc\r\nd", frozenset({"\\Draft", "$Forwarded"}), 77),
            ],
        )
        self.assertEqual(tally.folders, 2)
        again = self.bring(self.source("Maildir"))
        self.assertEqual((again.imported, again.known), (0, 4))

    def test_renamed(self) -> None:
        """What a program renames while it is read comes all the same."""
        self.maildir("Maildir")
        self.write("Maildir/new/1.host", MAIL, 7)
        self.write("Maildir/new/2.host", MAIL, 7)
        case = self

        class Busy(Files):
            """Somebody reads the mail just now, and removes some."""

            def open_read(self, path: bytes) -> int:
                """See Files."""
                box = case.folder / "Maildir"
                if path.endswith(b"/new/1.host"):
                    (box / "new" / "1.host").rename(box / "cur" / "1.host:2,S")
                    (box / "new" / "2.host").unlink()
                return super().open_read(path)

        path = os.fsencode(self.folder / "Maildir")
        tally = self.bring(LocalSource(Busy(), path))
        self.assertEqual(self.held(), [("INBOX", WIRE, frozenset({"\\Seen"}), 7)])
        self.assertEqual((tally.imported, tally.left_out), (1, 1))

    def test_into(self) -> None:
        """All of it comes below one mailbox, where that is wanted."""
        self.maildir("Maildir")
        self.maildir("Maildir/.A")
        self.write("Maildir/cur/1.host", MAIL)
        self.write("Maildir/.A/cur/1.host", MAIL)
        self.write("2019.mbox", FROM + MAIL)
        self.bring(self.source("Maildir", "Old", "mail"))
        self.bring(self.source("2019.mbox", "Old"))
        names = [held[0] for held in self.held()]
        self.assertEqual(names, ["Old", "Old/mail", "Old/mail/A"])

    def test_keywords(self) -> None:
        """More keywords than a mailbox can have cost keywords, and no message."""
        texts = [
            f"{FROM}X-Keywords: {' '.join(f'k{n}-{i}' for i in range(10))} ü\n{MAIL}\n"
            for n in range(4)
        ]
        self.write("many", "".join(texts))
        tally = self.bring(self.source("many"))
        self.assertEqual([len(held[2]) for held in self.held()], [10, 10, 0, 0])
        self.assertEqual((tally.imported, tally.keywords), (4, 24))

    def test_quota(self) -> None:
        """A full account ends the run; with more room the next run goes on."""
        self.patch(intake, "BATCH_MESSAGES", 20)
        self.write(
            "alice", "".join(f"{FROM}A: {n}\n\n{'x' * 999}\n\n" for n in range(50))
        )
        self.account = now(self.store.create(ALICE, 30_000))
        with self.assertRaisesRegex(MoveProblem, "the account is full"):
            self.bring(self.source("alice"))
        self.assertEqual(len(self.held()), 20)
        self.account = now(self.store.create(ALICE, 0))
        tally = self.bring(self.source("alice"))
        self.assertEqual((tally.imported, tally.known), (30, 20))

    def test_nothing(self) -> None:
        """Where there is no mail, that is said."""
        self.write("text", "Dear Alice,\n")
        with self.assertRaisesRegex(MoveProblem, "neither a Maildir nor an mbox"):
            self.bring(self.source("text"))

    def test_undated(self) -> None:
        """Without a date it came just now."""
        self.write("alice", "From \n" + MAIL)
        self.bring(self.source("alice"))
        self.assertEqual(self.held(), [("INBOX", WIRE, frozenset(), NOW)])

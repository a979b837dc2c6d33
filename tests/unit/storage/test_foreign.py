"""The Maildir store beside other programs."""

from __future__ import annotations

import os
import shutil
import stat
from mmap import PAGESIZE
from typing import Any

from twisted.trial.unittest import SkipTest

from mailapp.storage.files import Files
from mailapp.storage.maildir.opened import Neighbours
from mailapp.storage.types import (
    INBOX_ID,
    AccountId,
    BadName,
    Destination,
    Discard,
    FlagMode,
    NoSuch,
    SetFlags,
    TooMany,
    Unavailable,
)
from tests.contract.store_case import gathered, now
from tests.rows import rows, tabled
from tests.threats import threat
from tests.unit.storage.maildir_case import ALICE, BOB, TEXT, MaildirCase
from tests.unit.storage.test_lookout import System


class NameTests(MaildirCase):
    """What others wrote in names, and what they read there."""

    def test_fields(self) -> None:
        """What a name tells, and what others wrote in it, stays with other flags."""
        self.put("cur/1.test:2,")
        mailbox = now(self.alice.mailbox(INBOX_ID))
        self.addCleanup(mailbox.close)
        [path] = (self.path / "cur").iterdir()
        stem = path.name.partition(":")[0]
        self.assertIn(",D=", stem)
        path.rename(path.with_name(f"{stem},E=other,X=1,y:2,"))
        ((before,),) = now(gathered(self.alice.rows(INBOX_ID)))
        flags = frozenset({"\\Seen"})
        change = SetFlags(INBOX_ID, [before.uid], FlagMode.ADD, flags)
        now(self.alice.commit([change], request_id=b"1"))
        [path] = (self.path / "cur").iterdir()
        fields = {*path.name.partition(":")[0].split(",")}
        self.assertEqual(fields, {*stem.split(","), "E=other", "X=1", "y"})
        self.assertTrue(path.name.endswith(":2,S"), path.name)
        row = now(mailbox.refresh()).row(0)
        self.assertEqual(
            (row.uid, row.guid, row.received, row.flags),
            (before.uid, before.guid, before.received, flags),
        )

    def test_forwarded(self) -> None:
        """In a mailbox with keywords $Forwarded is written as Dovecot reads it, too."""
        self.deliver()
        (batch,) = now(gathered(self.alice.rows(INBOX_ID)))
        for number, flag in enumerate(("Work", "$Forwarded")):
            change = SetFlags(INBOX_ID, [batch[0].uid], FlagMode.ADD, frozenset({flag}))
            now(self.alice.commit([change], request_id=b"%d" % number))
        [name] = [path.name for path in (self.path / "cur").iterdir()]
        self.assertTrue(name.endswith(":2,Pab"), name)
        ((row,),) = now(gathered(self.alice.rows(INBOX_ID)))
        self.assertEqual(row.flags, {"Work", "$Forwarded"})


@tabled
class ForeignTests(MaildirCase):
    """Other programs work in the same Maildir."""

    def test_own_file(self) -> None:
        """A delivered file is the message, for its owner alone, and tells its size."""
        self.deliver()
        (path,) = (self.path / "new").iterdir()
        self.assertEqual(path.read_bytes(), TEXT)
        self.assertEqual(stat.S_IMODE(path.stat().st_mode), 0o600)
        self.assertTrue(path.name.endswith(f",S={len(TEXT)},W={len(TEXT)}"))

    def test_bare_line_feed(self) -> None:
        """A file with bare LF is served with CRLF; its UIDL stays; it is read once."""
        self.put("cur/1.M2P3.h:2,S", b"a\nb\r\n\nc")
        (item,) = self.items()
        self.assertEqual(item[:2], (b"1.M2P3.h", 9))
        self.assertEqual(self.read(item), b"a\r\nb\r\n\r\nc")
        self.assertEqual(self.read(item, 2, 5), b"\nb\r\n\r")
        self.assertEqual(os.listdir(self.path / "cur"), ["1.M2P3.h,S=7,W=9:2,S"])
        (again,) = self.items()
        self.assertEqual(again[:2], item[:2])
        self.assertEqual(self.read(again), self.read(item))

    def test_letter_without_meaning(self) -> None:
        """A letter that nobody gave a meaning hinders nothing that comes later."""
        self.put("cur/1.M2P3.h:2,SZ")
        now(gathered(self.alice.rows(INBOX_ID)))
        self.deliver()
        rows = now(gathered(self.alice.rows(INBOX_ID)))[0]
        self.assertEqual([row.flags for row in rows], [{"\\Seen"}, set()])

    def test_received(self) -> None:
        """A foreign file's mtime is its date, and stays it when the file is copied."""
        self.put("cur/1.M2P3.h:2,S")
        path = self.path / "cur" / "1.M2P3.h:2,S"
        os.utime(path, (1_000_000_000, 1_000_000_000))
        (row,) = now(gathered(self.alice.rows(INBOX_ID)))[0]
        self.assertEqual(row.received, 1_000_000_000)
        [path] = (self.path / "cur").iterdir()
        self.assertIn(",D=1000000000,", path.name)
        os.utime(path)
        again = now(self.make_store().open(ALICE))
        (row,) = now(gathered(again.rows(INBOX_ID)))[0]
        self.assertEqual(row.received, 1_000_000_000)

    @threat(111, 112)
    def test_odd_entries(self) -> None:
        """What is no message is neither served nor waited for."""
        os.mkfifo(self.path / "new" / "1.M1P1.h,S=1,W=1")
        os.mkfifo(self.path / "cur" / "2.M1P1.h:2,")
        secret = self.root / "secret"
        secret.write_bytes(b"secret")
        (self.path / "cur" / "3.M1P1.h,S=6,W=6:2,").symlink_to(secret)
        (self.path / "cur" / "4.M1P1.h,S=6,W=6:2,").mkdir()
        for name in (".hidden", ":2,S", ",S=1"):
            self.put(f"cur/{name}")
        self.assertEqual(self.items(), [])
        self.assertEqual(now(gathered(self.alice.rows(INBOX_ID))), [])
        self.put("cur/o d\u00e4d:2,ZZ")
        (item,) = self.items()
        self.assertRegex(item.guid, rb"\Ax[0-9a-f]{40}\Z")
        self.assertEqual(self.read(item), TEXT)
        (row,) = now(gathered(self.alice.rows(INBOX_ID)))[0]
        self.assertEqual(row.guid, item.guid)

    @threat(112)
    def test_swapped(self) -> None:
        """A message that was replaced by a link or a FIFO is not read."""
        self.deliver()
        (item,) = self.items()
        (path,) = (self.path / "new").iterdir()
        path.unlink()
        path.symlink_to("/etc/passwd")
        with self.assertRaises((Unavailable, NoSuch)):
            self.read(item)
        path.unlink()
        os.mkfifo(path)
        with self.assertRaises((Unavailable, NoSuch)):
            self.read(item)

    @threat(110)
    def test_false_size(self) -> None:
        """A file that is longer or shorter than its name says is read whole."""
        page = b"0123456\r" * (PAGESIZE // 8)
        for number, (told, text) in enumerate(
            [(3, b"ab"), (3, b"abcd"), (len(page), page), (len(page), page + b"x")]
        ):
            path = self.put(f"cur/{number}.M1P1.h,S={told},W={told}:2,", text)
            (item,) = self.items()
            self.assertEqual(self.read(item), text)
            path.unlink()

    def test_at_hand(self) -> None:
        """A small message that was just written is read without a wait."""
        self.deliver()
        (item,) = self.items()
        octets = self.alice.at_hand(item.blob)
        if octets is None:
            fd = os.open(self.path / "new" / os.listdir(self.path / "new")[0], 0)
            self.addCleanup(os.close, fd)
            if Files().read_cached(fd, 0, 1) is not None:
                self.fail("the message is in memory")
            raise SkipTest("this file system does not tell what is in memory")
        self.assertEqual(octets, TEXT)

    @rows(
        flags=("cur/{}:2,FS",),
        moved=("cur/{}",),
        fields=("cur/{},X=1:2,",),
    )
    @threat(78)
    def test_renamed(self, target: str) -> None:
        """A message is found by its unique part when another program renames it."""
        self.deliver()
        (item,) = self.items()
        (path,) = (self.path / "new").iterdir()
        path.rename(self.path / target.format(path.name))
        self.assertEqual(self.read(item), TEXT)
        self.assertEqual(self.items()[0].guid, item.guid)
        outcome = now(
            self.alice.commit([Discard(INBOX_ID, [item.blob])], request_id=b"1")
        )
        self.assertEqual(list(outcome[0].gone), [])
        self.assertEqual(self.items(), [])

    def test_noticed_at_once(self) -> None:
        """What other programs add and remove shows in the next listing."""
        for number in range(20):
            path = self.put(f"new/{number}.M1P1.h")
            self.assertEqual(len(self.items()), 1)
            for there in (self.path / "new").iterdir():
                there.unlink()
            self.assertFalse(path.exists())
            self.assertEqual(self.items(), [])

    def test_twins(self) -> None:
        """Two files with one unique part are two messages; two names are one."""
        first = self.put("cur/1.M1P1.h,S=22,W=22:2,")
        self.put("cur/1.M1P1.h,S=22,W=22:2,S", TEXT.upper())
        os.link(first, self.path / "new" / "1.M1P1.h,S=22,W=22")
        items = self.items()
        self.assertEqual(len({item.guid for item in items}), 2)
        self.assertEqual({self.read(i) for i in items}, {TEXT, TEXT.upper()})
        self.assertEqual(os.listdir(self.path / "new"), [])

    @threat(68)
    def test_foreign_uid(self) -> None:
        """A UID that came along from another mailbox counts for nothing."""
        self.put("cur/1.M1P1.h,S=22,W=22,U=4000000000,V=1:2,")
        self.put("cur/2.M1P1.h,S=22,W=22,U=7:2,")
        (batch,) = now(gathered(self.alice.rows(INBOX_ID)))
        self.assertEqual([row.uid for row in batch], [1, 2])

    @threat(68)
    def test_lost_uids(self) -> None:
        """When the numbers are lost, UIDVALIDITY rises."""
        self.deliver()
        before = now(self.alice.folders())[0]
        (self.path / "mailapp-uids").unlink()
        self.alice = now(self.make_store().open(ALICE))
        after = now(self.alice.folders())[0]
        self.assertGreater(after.uid_validity, before.uid_validity)
        (self.path / "mailapp-uids").write_bytes(b"garbage")
        self.alice = now(self.make_store().open(ALICE))
        last = now(self.alice.folders())[0]
        self.assertGreater(last.uid_validity, after.uid_validity)
        self.assertEqual(last.messages, 1)

    def test_two_processes(self) -> None:
        """UIDs given by two processes in turn rise and differ."""
        other = now(self.make_store().open(ALICE))
        seen: dict[int, bytes] = {}
        for number in range(6):
            self.deliver()
            for row in now(gathered((self.alice, other)[number % 2].rows(INBOX_ID)))[0]:
                self.assertEqual(seen.setdefault(row.uid, row.guid), row.guid)
        self.assertEqual(list(seen), [1, 2, 3, 4, 5, 6])

    def test_foreign_maildir(self) -> None:
        """A Maildir that another program made is taken as it is."""
        carol = self.root / "example.test" / "carol"
        for part in ("cur", "new", "tmp", ".Sent/cur", ".Sent/new", ".Sent/tmp", ".x"):
            (carol / part).mkdir(parents=True)
        (carol / ".Sent" / "dovecot-keywords").write_text("0 Work\n3 $Junk\nx y\n")
        (carol / ".Sent" / "cur" / "1.M1P1.h:2,Sad").write_bytes(TEXT)
        account = now(self.store.open(AccountId("carol@example.test")))
        folders = now(account.folders())
        self.assertEqual([f.name for f in folders], [("INBOX",), ("Sent",)])
        ((row,),) = now(gathered(account.rows(folders[1].id)))
        self.assertEqual(row.flags, {"\\Seen", "Work", "$Junk"})

    @threat(69)
    def test_keyword_flood(self) -> None:
        """A mailbox has 26 keywords; more, or what is none, is refused whole."""
        self.deliver()
        (batch,) = now(gathered(self.alice.rows(INBOX_ID)))
        for number, (flags, failure) in enumerate(
            [
                ({f"k{n}" for n in range(26)}, None),
                ({"K1", "another"}, TooMany),
                ({"K1", "$forwarded", "\\sEEN"}, None),
            ]
        ):
            change = SetFlags(
                INBOX_ID, [batch[0].uid], FlagMode.REPLACE, frozenset(flags)
            )
            commit = self.alice.commit([change], request_id=b"%d" % number)
            if failure is None:
                now(commit)
            else:
                with self.assertRaises(failure):
                    now(commit)
        ((row,),) = now(gathered(self.alice.rows(INBOX_ID)))
        self.assertEqual(row.flags, {"k1", "$Forwarded", "\\Seen"})
        to = Destination(BOB, flags=frozenset({"a b"}))
        self.assertIsInstance(self.deliver(TEXT, to)[0], BadName)

    def test_sweep(self) -> None:
        """What lay in tmp for 36 hours is removed, younger files are not."""
        old = self.put("tmp/old")
        seconds = old.stat().st_ctime
        now(self.store.tend(seconds + 35 * 3600))
        self.assertTrue(old.exists())
        now(self.store.tend(seconds + 37 * 3600))
        self.assertFalse(old.exists())

    def test_replaced_mailbox(self) -> None:
        """Mail goes to the mailbox that is there now, not to one that was removed."""
        self.deliver()
        shutil.rmtree(self.path / "new")
        self.assertEqual(self.deliver(), [None])
        self.assertEqual(len(self.items()), 1)
        shutil.rmtree(self.path)
        self.assertIsInstance(self.deliver()[0], NoSuch)


class WatchTests(MaildirCase):
    """Who watches hears of them."""

    def test_watch_foreign(self) -> None:
        """An account: when the store is tended."""
        heard: list[int] = []
        now(self.alice.watch(heard.append))
        now(self.store.tend(0))
        self.assertEqual(heard, [])
        self.put("new/1.M1P1.h")
        now(self.store.tend(0))
        self.assertEqual(len(heard), 1)

    def test_watch_mailbox(self) -> None:
        """A mailbox: of what is done from the beginning of each look on."""
        system, looks = System(2), []

        async def work(function: Any, *args: Any) -> Any:
            looks.append(len(system.watched))
            return function(*args)

        store = self.make_store(work, neighbours=Neighbours(system))
        mailbox = now(now(store.open(ALICE)).mailbox(INBOX_ID))
        self.addCleanup(mailbox.close)
        heard: list[int] = []
        mailbox.watch(lambda: heard.append(1))
        for number, part in enumerate(("new", "cur", "new"), 1):
            now(mailbox.refresh())
            looks.clear()
            heard.clear()
            self.put(f"{part}/{number}.M1P1.h")
            system.tell(os.fsencode(self.path / part))
            self.clock.advance(1)
            self.assertTrue(heard)
            self.assertEqual(len(system.watched), 1)
            self.assertEqual(len(now(mailbox.refresh())), number)
            self.assertEqual(set(looks), {2})
        mailbox.close()
        self.assertEqual(system.watched, [])


@tabled
class BackInNewTests(MaildirCase):
    """Files in new that have a UID of the mailbox in their names."""

    @rows(alone=0, beside_new=1)
    def test_back_in_new(self, more: int) -> None:
        """A message that a program moved back to new keeps its UID: as neomutt does."""
        for _ in range(3):
            self.deliver()
        before = [row.uid for row in now(gathered(self.alice.rows(INBOX_ID)))[0]]
        for path in sorted((self.path / "cur").iterdir())[:2]:
            path.rename(self.path / "new" / f"{path.name}F")
        if more:
            self.deliver()
        (after,) = now(gathered(self.alice.rows(INBOX_ID)))
        self.assertEqual([row.uid for row in after][:3], before)
        self.assertEqual(after[0].flags, {"\\Flagged"})
        self.assertEqual(after[2].flags, set())
        self.assertEqual(len(after), 3 + more)

    @rows(same="", flagged="F")
    def test_copy_in_new(self, flags: str) -> None:
        """A copy there is another message, whatever its name says."""
        self.deliver()
        now(gathered(self.alice.rows(INBOX_ID)))
        (path,) = (self.path / "cur").iterdir()
        shutil.copy(path, self.path / "new" / (path.name + flags))
        (after,) = now(gathered(self.alice.rows(INBOX_ID)))
        self.assertEqual([row.uid for row in after], [1, 2])

    def test_restored_to_new(self) -> None:
        """One that was seen to be gone comes back under another UID."""
        self.deliver()
        self.deliver()
        now(gathered(self.alice.rows(INBOX_ID)))
        path = min((self.path / "cur").iterdir())
        path.rename(self.root / "backup")
        now(gathered(self.alice.rows(INBOX_ID)))
        (self.root / "backup").rename(self.path / "new" / path.name)
        (after,) = now(gathered(self.alice.rows(INBOX_ID)))
        self.assertEqual([row.uid for row in after], [2, 3])

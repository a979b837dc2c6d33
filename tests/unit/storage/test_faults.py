"""The Maildir store on a disk that fails; quota and leases side by side."""

from __future__ import annotations

import errno
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from mailapp.core.failures import TemporaryFailure
from mailapp.net.threads import PoolFull
from mailapp.storage.files import Directory
from mailapp.storage.maildir.layout import STAGING
from mailapp.storage.types import (
    INBOX_ID,
    Destination,
    FlagMode,
    NoSpace,
    OverQuota,
    SetFlags,
    Unavailable,
)
from tests.contract.store_case import now
from tests.rows import rows, tabled
from tests.threats import threat
from tests.unit.storage.maildir_case import ALICE, BOB, TEXT, Faulty, MaildirCase


@tabled
class FaultTests(MaildirCase):
    """What fails is reported, leaves nothing behind, and passes."""

    @rows(
        create=("create", errno.EMFILE, Unavailable),
        write=("write", errno.ENOSPC, NoSpace),
        write_quota=("write", errno.EDQUOT, NoSpace),
        write_limit=("write", errno.EFBIG, NoSpace),
        fsync=("fsync", errno.EIO, Unavailable),
        close=("close", errno.EIO, Unavailable),
        rename=("rename", errno.EROFS, Unavailable),
        sync=("sync", errno.EIO, Unavailable),
    )
    @threat(113, 115)
    def test_one(self, call: str, number: int, failure: type[Exception]) -> None:
        """A delivery that failed is not there, and the next one works."""
        self.files.errno, self.files.failing = number, call
        (outcome,) = self.deliver()
        self.assertIs(type(outcome), failure)
        self.assertEqual(self.files.failed, 1, "it was tried again")
        self.files.failing = ""
        self.assertEqual(self.all_files(), set())
        self.assertEqual(self.deliver(), [None])

    @rows(
        write=("write", errno.ENOSPC, NoSpace),
        fsync=("fsync", errno.EIO, Unavailable),
        rename=("rename", errno.EIO, Unavailable),
    )
    @threat(113, 115)
    def test_large(self, call: str, number: int, failure: type[Exception]) -> None:
        """A body that goes through a file leaves none."""
        self.files.errno, self.files.failing = number, call
        sink = self.store.stage()
        try:
            for _ in range(9):
                now(sink.write(TEXT * 9999))
        except NoSpace:
            self.assertIs(failure, NoSpace)
        else:
            (outcome,) = now(self.store.deliver(sink, [Destination(ALICE)]))
            self.assertIs(type(outcome), failure)
        sink.abort()
        self.assertEqual(self.all_files(), set())

    @threat(113)
    def test_many(self) -> None:
        """Where no link can be made the message is copied; an error is told to each."""
        self.files.errno, self.files.failing = errno.EXDEV, "link"
        to = [Destination(ALICE), Destination(BOB)]
        self.assertEqual(self.deliver(TEXT, *to), [None, None])
        self.assertEqual(len(self.all_files()), 2)
        self.files.errno = errno.EIO
        self.assertEqual([type(o) for o in self.deliver(TEXT, *to)], [Unavailable] * 2)
        self.assertEqual(len(self.all_files()), 2)

    @rows(small=1, large=9999)
    def test_elsewhere(self, times: int) -> None:
        """A mailbox on another file system gets a copy, and no other file is left."""
        rename_into = self.files.rename_into

        def within(old: bytes, directory: Directory, name: bytes) -> None:
            if STAGING in old:
                raise OSError(errno.EXDEV, "injected")
            rename_into(old, directory, name)

        self.patch(self.files, "rename_into", within)
        self.files.errno, self.files.failing = errno.EXDEV, "link"
        self.assertEqual(self.deliver(TEXT * times), [None])
        (name,) = self.all_files()
        self.assertEqual((self.root / name).read_bytes(), TEXT * times)

    def test_staging_removed(self) -> None:
        """Where bodies are made is made again, if somebody cleaned up."""
        (self.root / STAGING.decode()).rmdir()
        self.assertEqual(self.deliver(), [None])

    def test_links(self) -> None:
        """One message for several mailboxes is one file."""
        self.deliver(TEXT, Destination(ALICE), Destination(BOB))
        files = [self.root / name for name in self.all_files()]
        self.assertEqual([f.stat().st_nlink for f in files], [2, 2])
        self.assertEqual(len({f.stat().st_ino for f in files}), 1)

    def test_aborted(self) -> None:
        """A large body that is dropped leaves no file and gives its memory back."""
        for _ in range(3):
            sink = self.store.stage()
            now(sink.write(b"x" * 60_000))
            now(sink.write(b"x" * 60_000))
            self.assertEqual(len(self.all_files()), 1)
            sink.abort()
            self.assertEqual(self.all_files(), set())
        self.assertEqual(self.store._sinks.memory.free, 32 * 1024 * 1024)

    def test_memory_budget(self) -> None:
        """When much is held in memory already, a small body goes to a file at once."""
        sinks = [self.store.stage() for _ in range(600)]
        for sink in sinks:
            now(sink.write(b"x" * 60_000))
        self.assertGreater(len(self.all_files()), 30)
        self.assertGreaterEqual(self.store._sinks.memory.free, 0)
        self.assertEqual(now(self.store.deliver(sinks[-1], [Destination(BOB)])), [None])
        for sink in sinks:
            sink.abort()
        self.assertEqual(len(self.all_files()), 1)

    def test_busy(self) -> None:
        """When the thread pool is full, it is a failure that may pass."""

        async def full(_work: Callable[..., Any], *_arguments: Any) -> Any:
            raise PoolFull

        store = self.make_store(full)
        sink = store.stage()
        now(sink.write(TEXT))
        (outcome,) = now(store.deliver(sink, [Destination(ALICE)]))
        self.assertIsInstance(outcome, Unavailable)
        self.assertNotIsInstance(outcome, TemporaryFailure)
        with self.assertRaises(Unavailable):
            now(now(store.open(ALICE)).usage())

    def test_failed_set_flags(self) -> None:
        """A mailbox that can't be written is Unavailable, and still read."""
        self.deliver()
        (item,) = self.items()
        self.files.errno, self.files.failing = errno.ENOSPC, "create"
        change = SetFlags(INBOX_ID, [], FlagMode.ADD, frozenset({"Work"}))
        with self.assertRaises(NoSpace):
            now(self.alice.commit([change], request_id=b"1"))
        self.assertEqual(self.read(item), TEXT)


class QuotaTests(MaildirCase):
    """``maildirsize`` as other programs know it."""

    def quota(self) -> Path:
        """The file."""
        return self.path / "maildirsize"

    def test_lines(self) -> None:
        """The first line is the limit, each delivery adds a line."""
        self.assertFalse(self.quota().exists())
        now(self.store.create(ALICE, 1000))
        self.files = Faulty()
        self.store = self.make_store()
        self.deliver()
        self.deliver()
        lines = self.quota().read_text().split("\n")
        self.assertEqual(lines[0], "1000S")
        self.assertEqual(sum(int(line.split()[0]) for line in lines[1:] if line), 44)

    def test_foreign_limits(self) -> None:
        """A limit on messages that another program set holds too."""
        self.quota().write_text("500S,2C\n")
        self.assertEqual([self.deliver(), self.deliver()], [[None], [None]])
        self.assertIsInstance(self.deliver()[0], OverQuota)
        usage = now(self.alice.usage())
        self.assertEqual((usage.limit_octets, usage.limit_messages), (500, 2))

    def test_recount(self) -> None:
        """A damaged, a long, or an outdated file is added up anew."""
        for text in ("1000S\n5 x\n", "1000S\n" + "1 0\n" * 2000, "1000S\n999 9\n"):
            self.quota().write_text(text)
            self.assertEqual(self.deliver(), [None])
            self.assertLess(self.quota().stat().st_size, 100)
            self.assertEqual(now(self.alice.usage()).messages, len(self.items()))

    @threat(70)
    def test_side_by_side(self) -> None:
        """Fifty deliveries at once, in many processes, never pass the limit."""
        now(self.store.create(ALICE, 20 * len(TEXT)))
        stores = [self.make_store() for _ in range(50)]

        def deliver(number: int) -> Any:
            store = stores[number]
            sink = store.stage()
            now(sink.write(TEXT))
            return now(store.deliver(sink, [Destination(ALICE)]))[0]

        with ThreadPoolExecutor(8) as pool:
            outcomes = list(pool.map(deliver, range(50)))
        self.assertLessEqual(len(self.items()), 20)
        self.assertEqual(outcomes.count(None), len(self.items()))
        self.assertGreater(outcomes.count(None), 10)
        usage = now(self.alice.usage())
        self.assertEqual(usage.octets, len(self.items()) * len(TEXT))

    def test_given_back(self) -> None:
        """A delivery that failed takes no room."""
        now(self.store.create(ALICE, 30))
        self.store = self.make_store()
        self.files.failing = "sync"
        self.assertIsInstance(self.deliver()[0], Unavailable)
        self.files.failing = ""
        self.assertEqual(now(self.alice.usage()).octets, 0)
        self.assertEqual(self.deliver(), [None])


class LeaseTests(MaildirCase):
    """Leases between processes."""

    @threat(75)
    def test_two_processes(self) -> None:
        """Another process waits until the holder lets go, dies, or its time is over."""
        second = self.make_store()
        other = now(second.open(ALICE))
        lease = now(self.alice.lease("maildrop", "a", 60))
        assert lease is not None
        self.assertIsNone(now(other.lease("maildrop", "b", 60)))
        now(lease.release())
        lease = now(other.lease("maildrop", "b", 60))
        self.assertIsNone(now(self.alice.lease("maildrop", "a", 60)))
        now(second.close())
        lease = now(self.alice.lease("maildrop", "a", 60))
        assert lease is not None
        self.assertIsNone(now(other.lease("maildrop", "b", 60)))
        self.clock.pump([5] * 13)
        self.assertIsNotNone(now(other.lease("maildrop", "b", 60)))
        self.assertFalse(lease.held())

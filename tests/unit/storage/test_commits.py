"""What several sessions append to one mailbox at the same time."""

from __future__ import annotations

from itertools import count
from typing import Any

from twisted.internet.defer import Deferred

from mailapp.net.threads import PoolFull
from mailapp.storage.index.indexes import Indexes
from mailapp.storage.maildir.account import MaildirAccount
from mailapp.storage.maildir.opened import Neighbours
from mailapp.storage.maildir.sink import StagedSink
from mailapp.storage.types import (
    INBOX_ID,
    UID,
    Append,
    BadName,
    Copy,
    CreateFolder,
    FlagMode,
    OverQuota,
    SetFlags,
    Unavailable,
)
from tests.contract.store_case import now
from tests.unit.storage.maildir_case import ALICE, TEXT, MaildirCase
from tests.unit.storage.test_waiting import Threads


class CommitCase(MaildirCase):
    """An account whose trips to the disk end when the test says so."""

    def setUp(self) -> None:
        """What was told, in its order."""
        super().setUp()
        self.threads = Threads()
        self.account = now(self.make_store(self.threads.run).open(ALICE))
        self.requests = count()
        self.told: list[Any] = []

    def sink(self, account: MaildirAccount, text: bytes = TEXT) -> StagedSink:
        """A body."""
        sink = account.stage()
        now(sink.write(text))
        return sink

    def begin(self, *changes: Any) -> None:
        """A commit by its own session; it is told what its UIDs are, or why not."""
        request = b"%d" % next(self.requests)
        waiting = self.account.commit(changes, request_id=request)
        done: Deferred[Any] = Deferred.fromCoroutine(waiting)
        _ = done.addCallbacks(
            lambda outcomes: [uid for each in outcomes for uid in each.uids],
            lambda failure: failure.type,
        )
        _ = done.addCallback(self.told.append)

    def append(self, *flags: str, text: bytes = TEXT) -> None:
        """Append one message."""
        blob = now(self.sink(self.account, text).ready())
        self.begin(Append(INBOX_ID, blob, frozenset(flags)))

    def end_all(self) -> int:
        """Let all trips end; how many there were."""
        trips = 0
        while self.threads.trips:
            self.threads.end()
            trips += 1
        return trips

    def uids(self) -> list[int]:
        """As a process sees them that has just begun."""
        return list(
            now(now(self.make_store().open(ALICE)).mailbox(INBOX_ID)).columns.uids
        )


class CommitsTests(CommitCase):
    """What comes during a trip shares the next one."""

    def test_together(self) -> None:
        """Each has its own UID, for two trips and two syncs of the directory."""
        synced = self.synced()
        for number in range(5):
            self.append(text=b"%d\r\n" % number)
        self.assertEqual(self.end_all(), 2)
        self.assertEqual(len(synced), 2)
        self.assertEqual(self.told, [[1], [2], [3], [4], [5]])
        self.assertEqual(self.uids(), [1, 2, 3, 4, 5])
        bodies = sorted((self.root / name).read_bytes() for name in self.all_files())
        self.assertEqual(bodies, [b"%d\r\n" % number for number in range(5)])

    def test_in_turn(self) -> None:
        """What is more than an APPEND has a trip of its own, in its turn."""
        self.append()
        self.append()
        seen = frozenset({"\\Seen"})
        self.begin(SetFlags(INBOX_ID, [UID(1), UID(2)], FlagMode.ADD, seen))
        self.append()
        self.append()
        self.assertEqual(self.end_all(), 4)
        self.assertEqual(self.told, [[1], [2], [1, 2], [3], [4]])

    def test_one_fails(self) -> None:
        """What is wrong with one of them is nothing to the others."""
        self.append()
        self.append()
        self.append("no keyword")
        self.append()
        self.end_all()
        self.assertEqual(self.told, [[1], [2], BadName, [3]])
        self.assertEqual(len(self.all_files()), 3)

    def test_quota(self) -> None:
        """Only as many as there is room for, and their room is kept."""
        now(self.store.create(ALICE, quota_octets=3 * len(TEXT)))
        for _ in range(5):
            self.append()
        self.end_all()
        self.assertEqual(self.told, [[1], [2], [3], OverQuota, OverQuota])
        usage = now(self.alice.usage())
        self.assertEqual((usage.messages, usage.octets), (3, 3 * len(TEXT)))

    def test_failed_sync(self) -> None:
        """Nobody is told OK whose name may not be durable, nor has a file."""
        for _ in range(3):
            self.append()
        self.files.failing = "sync"
        self.end_all()
        self.assertEqual(self.told, [Unavailable] * 3)
        self.files.failing = ""
        self.assertEqual(self.uids(), [])
        self.append()
        self.end_all()
        self.assertEqual(len(self.told[3]), 1)

    def test_no_thread(self) -> None:
        """Without a thread there is no trip; the next one is not held up by that."""

        def full(*_: object) -> Any:
            raise PoolFull

        self.patch(self.threads, "run", full)
        account = now(self.make_store(self.threads.run).open(ALICE))
        for _ in range(2):
            blob = now(self.sink(account).ready())
            change = Append(INBOX_ID, blob)
            failed = Deferred.fromCoroutine(account.commit([change], request_id=blob))
            self.failureResultOf(failed, Unavailable)


class UnseenTests(CommitCase):
    """A mailbox that nobody looks at is not read for a message that comes."""

    def test_outcome(self) -> None:
        """What came is told its UID and UIDVALIDITY; a copy, too."""
        indexes = Indexes(lambda _path, _why: None)
        account = now(self.make_store(indexes=indexes).open(ALICE))
        [made] = now(account.commit([CreateFolder(("a",))], request_id=b"m"))
        assert made.folder is not None
        blob = now(self.sink(account).ready())
        [came] = now(account.commit([Append(INBOX_ID, blob)], request_id=b"a"))
        self.assertEqual(list(came.uids), [1])
        copy = Copy(INBOX_ID, came.uids, made.folder)
        told: list[int] = []
        for outcomes in (
            now(account.commit([copy], request_id=b"1")),
            now(account.commit([copy], request_id=b"2")),
        ):
            columns = now(account.mailbox(made.folder)).columns
            self.assertEqual(outcomes[0].uid_validity, columns.uid_validity)
            told.extend(outcomes[0].uids)
        self.assertEqual(told, [1, 2])
        columns = now(account.mailbox(INBOX_ID)).columns
        self.assertEqual(came.uid_validity, columns.uid_validity)

    def test_read_by_whom_it_concerns(self) -> None:
        """Unless a session is there, or in another process, no name is listed."""
        watched = False
        neighbours = Neighbours(watched=lambda _account: watched)
        account = now(self.make_store(neighbours=neighbours).open(ALICE))
        listed: list[bytes] = []
        listing = self.files.listing

        def noted(path: bytes) -> Any:
            listed.append(path)
            return listing(path)

        self.patch(self.files, "listing", noted)

        def append() -> bool:
            """Is ``cur`` read for it?"""
            listed.clear()
            blob = now(self.sink(account).ready())
            now(account.commit([Append(INBOX_ID, blob)], request_id=blob))
            return bool(listed)

        self.assertFalse(append())
        watched = True
        self.assertTrue(append())
        watched = False
        mailbox = now(account.mailbox(INBOX_ID))
        append()
        self.assertEqual(list(mailbox.columns.uids), [1, 2, 3])
        mailbox.close()
        self.assertFalse(append())
        self.assertEqual(self.uids(), [1, 2, 3, 4])

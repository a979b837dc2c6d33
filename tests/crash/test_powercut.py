"""Power cuts at every call of everything that the Maildir store calls durable."""

from __future__ import annotations

from typing import Any

from attrs import define, field
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from mailapp.net.threads import inline
from mailapp.storage.files import Directory
from mailapp.storage.maildir.filename import UniqueNames
from mailapp.storage.maildir.quota import counted
from mailapp.storage.maildir.store import MaildirStore
from mailapp.storage.types import (
    INBOX_ID,
    UID,
    AccountId,
    Append,
    CreateFolder,
    Destination,
    Expunge,
    FlagMode,
    FolderId,
    Move,
    Row,
    SetFlags,
)
from tests.contract.store_case import gathered, now
from tests.crash.explore import explore
from tests.crash.powercut import Disk
from tests.threats import threat

ALICE = AccountId("alice@example.test")
BOB = AccountId("bob@example.test")


def opened(disk: Disk) -> MaildirStore:
    """A store on the disk, as a process that was just started."""
    unique = UniqueNames(disk.boots, b"random", "host")
    clock = Clock()
    return MaildirStore("/mail", inline, clock=clock, files=disk, unique=unique)


def deliver(store: MaildirStore, text: bytes, *to: Destination) -> list[Any]:
    """Deliver a message."""
    sink = store.stage()
    now(sink.write(text))
    return list(now(store.deliver(sink, to)))


def rows(store: MaildirStore, folder: FolderId = INBOX_ID) -> list[Row]:
    """Alice's messages, UIDs given."""
    alice = now(store.open(ALICE))
    return [row for batch in now(gathered(alice.rows(folder))) for row in batch]


def bodies(store: MaildirStore, account: AccountId) -> list[bytes]:
    """What lies in an account's INBOX."""
    box = now(store.open(account))
    items = now(box.items(INBOX_ID))
    return [b"".join(now(gathered(box.read(item.blob)))) for item in items]


def commit(store: MaildirStore, *changes: Any) -> Any:
    """Commit at alice's."""
    return now(
        now(store.open(ALICE)).commit(changes, request_id=repr(changes).encode())
    )


@define
class Ledger:
    """What was said to be done, and what was asked for."""

    sent: set[tuple[AccountId, bytes]] = field(factory=set)
    acked: set[tuple[AccountId, bytes]] = field(factory=set)
    uids: dict[int, bytes] = field(factory=dict)
    validity: int = 0
    flags: list[frozenset[str]] = field(factory=list)
    moved: bool = False


class Forgetful(Disk):
    """A disk whose fsync does nothing: what a careless program would run on."""

    def fsync(self, fd: int) -> None:
        """Does nothing."""
        self._call()

    def sync(self, directory: Directory) -> None:
        """Does nothing."""
        self._call()


class HalfForgetful(Disk):
    """Files are synced, directories are not."""

    def sync(self, directory: Directory) -> None:
        """Does nothing."""
        self._call()


class PowerCutTests(SynchronousTestCase):
    """Each test plays all cuts of one action, and asks what is left."""

    disk: type[Disk] = Disk

    def prepare(
        self, *messages: bytes, quota_octets: int = 0, look: bool = False
    ) -> Disk:
        """Two accounts, and messages in alice's INBOX; all of it durable."""
        self.ledger = Ledger()
        disk = self.disk()
        store = opened(disk)
        now(store.create(ALICE, quota_octets))
        now(store.create(BOB))
        for message in messages:
            deliver(store, message, Destination(ALICE))
            self.ledger.sent.add((ALICE, message))
            self.ledger.acked.add((ALICE, message))
        if look:
            rows(store)
        disk.settle()
        return disk

    def checked_bodies(self, disk: Disk) -> None:
        """Everything acknowledged is there, whole; nothing else is."""
        store = opened(disk)
        for account in ALICE, BOB:
            found = bodies(store, account)
            sent = {text for to, text in self.ledger.sent if to == account}
            acked = {text for to, text in self.ledger.acked if to == account}
            self.assertLessEqual(acked, set(found), "acknowledged mail is lost")
            self.assertLessEqual(set(found), sent, "half a message is visible")
            self.assertEqual(len(found), len(set(found)))

    def delivering(self, *to: Destination, text: bytes = b"a\r\nb\r\n") -> Any:
        """Deliver, and note what was acknowledged."""

        def act(disk: Disk) -> None:
            store = opened(disk)
            self.ledger.sent |= {(d.account, text) for d in to}
            outcomes = deliver(store, text, *to)
            self.assertEqual(outcomes, [None] * len(to))
            self.ledger.acked |= {(d.account, text) for d in to}

        return act

    @threat(114)
    def test_deliver(self) -> None:
        """A delivery that was acknowledged is there, whole (FI-11)."""
        act = self.delivering(Destination(ALICE))
        states = explore(lambda: self.prepare(b"old\r\n"), act, self.checked_bodies)
        self.assertGreater(states, 10)

    @threat(114)
    def test_deliver_many(self) -> None:
        """A delivery to several is there for each when it was acknowledged."""
        act = self.delivering(Destination(ALICE), Destination(BOB))
        states = explore(lambda: self.prepare(b"old\r\n"), act, self.checked_bodies)
        self.assertGreater(states, 20)

    @threat(114)
    def test_deliver_large(self) -> None:
        """A body that went through a file is as safe."""
        act = self.delivering(Destination(ALICE), text=b"0123456\r\n" * 10_000)
        explore(self.prepare, act, self.checked_bodies)

    @threat(114)
    def test_deliver_into_new_folder(self) -> None:
        """A mailbox that a delivery makes is as durable as its message."""
        to = Destination(ALICE, ("lists", "a"))

        def act(disk: Disk) -> None:
            self.ledger.moved = deliver(opened(disk), b"x\r\n", to) == [None]

        def check(disk: Disk) -> None:
            store = opened(disk)
            folders = now(now(store.open(ALICE)).folders())
            found = [f for f in folders if f.name == to.folder]
            if self.ledger.moved:
                self.assertEqual([f.messages for f in found], [1])

        explore(self.prepare, act, check)

    def test_negative_control(self) -> None:
        """The checker reports loss on a disk that forgets, and half loss too."""
        for forgetful in Forgetful, HalfForgetful:
            self.disk = forgetful
            act = self.delivering(Destination(ALICE))
            with self.assertRaises(AssertionError) as caught:
                explore(self.prepare, act, self.checked_bodies)
            self.assertRegex(str(caught.exception), "lost|half")

    def checked_uids(self, disk: Disk) -> None:
        """No UID means another message than it was said to, now or later."""
        for start in range(2):
            store = opened(disk)
            folder = now(now(store.open(ALICE)).folders())[0]
            if self.ledger.validity:
                self.assertEqual(folder.uid_validity, self.ledger.validity)
            deliver(store, b"later %d\r\n" % start, Destination(ALICE))
            found = {row.uid: row.guid for row in rows(store)}
            for uid, guid in found.items():
                self.assertEqual(self.ledger.uids.setdefault(uid, guid), guid)
            self.ledger.uids = self.ledger.uids | found
            self.assertLess(
                max(found), now(now(store.open(ALICE)).folders())[0].uid_next
            )

    @threat(68)
    def test_uids(self) -> None:
        """UIDs that a client saw are never given to other messages."""
        told: dict[int, bytes] = {}

        def act(disk: Disk) -> None:
            told.clear()
            store = opened(disk)
            for text in b"3\r\n", b"4\r\n":
                found = rows(store)
                told.update({row.uid: row.guid for row in found})
                folder = now(now(store.open(ALICE)).folders())[0]
                self.ledger.validity = folder.uid_validity
                commit(store, Expunge(INBOX_ID, [UID(max(told))]))
                deliver(store, text, Destination(ALICE))

        def check(disk: Disk) -> None:
            self.ledger.uids = dict(told)
            self.checked_uids(disk)

        for look in False, True:

            def prepare(*, look: bool = look) -> Disk:
                return self.prepare(b"1\r\n", b"2\r\n", look=look)

            self.assertGreater(explore(prepare, act, check), 50)

    def test_keywords(self) -> None:
        """A message has its old flags or the new ones, and after the answer the new."""
        steps = [frozenset({"Work"}), frozenset({"Play", "\\Seen"})]

        def act(disk: Disk) -> None:
            store = opened(disk)
            uid = rows(store)[0].uid
            self.ledger.flags = [frozenset()]
            for flags in steps:
                self.ledger.flags.append(flags)
                commit(store, SetFlags(INBOX_ID, [uid], FlagMode.REPLACE, flags))
                self.ledger.flags = [flags]

        def check(disk: Disk) -> None:
            (row,) = rows(opened(disk))
            self.assertIn(row.flags, self.ledger.flags or [frozenset()])

        explore(lambda: self.prepare(b"1\r\n", look=True), act, check)

    def test_append(self) -> None:
        """An appended message is there with its flags and UID once it was answered."""

        def act(disk: Disk) -> None:
            store = opened(disk)
            sink = now(store.open(ALICE)).stage()
            now(sink.write(b"x\r\n"))
            change = Append(INBOX_ID, now(sink.done()), frozenset({"\\Seen", "Work"}))
            (outcome,) = commit(store, change)
            self.ledger.uids = {outcome.uids[0]: b""}

        def check(disk: Disk) -> None:
            found = rows(opened(disk))
            self.assertLessEqual(set(self.ledger.uids), {row.uid for row in found})
            for row in found:
                self.assertEqual(row.flags, {"\\Seen", "Work"})

        explore(self.prepare, act, check)

    def test_move(self) -> None:
        """A message that is moved lies in the one mailbox or in the other."""

        def prepare() -> Disk:
            disk = self.prepare(b"1\r\n", look=True)
            commit(opened(disk), CreateFolder(("other",)))
            disk.settle()
            return disk

        def act(disk: Disk) -> None:
            store = opened(disk)
            other = now(now(store.open(ALICE)).folders())[1].id
            commit(store, Move(INBOX_ID, [rows(store)[0].uid], other))
            self.ledger.moved = True

        def check(disk: Disk) -> None:
            store = opened(disk)
            inbox, other = now(now(store.open(ALICE)).folders())
            self.assertEqual(inbox.messages + other.messages, 1)
            if self.ledger.moved:
                self.assertEqual(other.messages, 1)

        explore(prepare, act, check)

    @threat(70)
    def test_quota(self) -> None:
        """After any cut the limit holds and the use is what lies there."""

        def act(disk: Disk) -> None:
            store = opened(disk)
            for text in b"1234567\r\n", b"7654321\r\n":
                self.ledger.sent.add((ALICE, text))
                deliver(store, text, Destination(ALICE))
                self.ledger.acked.add((ALICE, text))

        def check(disk: Disk) -> None:
            self.checked_bodies(disk)
            store = opened(disk)
            for number in range(5):
                deliver(store, b"more %d\r\n" % number, Destination(ALICE))
            octets, messages = counted(disk, b"/mail/example.test/alice")
            self.assertLessEqual(octets, 30)
            usage = now(now(store.open(ALICE)).usage())
            self.assertEqual((usage.octets, usage.messages), (octets, messages))

        explore(lambda: self.prepare(quota_octets=30), act, check)

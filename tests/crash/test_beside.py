"""Another program renames, removes and delivers before any call of a reader."""

from __future__ import annotations

import contextlib
from collections.abc import Callable

from twisted.trial.unittest import SynchronousTestCase

from mailapp.storage.types import (
    INBOX_ID,
    Destination,
    Expunge,
    FlagMode,
    NoSuch,
    SetFlags,
)
from tests.contract.store_case import gathered, now
from tests.crash.powercut import Disk
from tests.crash.test_powercut import ALICE, commit, deliver, opened
from tests.rows import rows, tabled
from tests.threats import threat

INBOX = b"/mail/example.test/alice"
BODIES = [b"0\r\n", b"1\r\n", b"2\r\n"]
"""The other program acts on the middle one."""


class Busy(Disk):
    """A disk on which something else happens before one call."""

    def __init__(self) -> None:
        super().__init__()
        self.meanwhile: Callable[[Disk], None] | None = None
        self.at = -1

    def _call(self) -> None:
        super()._call()
        if self.calls >= self.at and self.meanwhile is not None:
            act, self.meanwhile = self.meanwhile, None
            act(self)

    def names(self, path: bytes) -> list[bytes]:
        """See :class:`Files`."""
        self._call()
        return super().names(path)


def _middle(disk: Disk) -> tuple[bytes, bytes]:
    for part in (b"/new", b"/cur"):
        for name in disk.names(INBOX + part):
            if b"Q1." in name:
                return part, name
    raise AssertionError


def mark(disk: Disk) -> None:
    """Give the message a flag, as a reader does."""
    part, name = _middle(disk)
    base, _, flags = name.partition(b":2,")
    marked = base + b":2," + bytes(sorted({*flags, *b"F"}))
    disk.rename(INBOX + part + b"/" + name, INBOX + b"/cur/" + marked)


def remove(disk: Disk) -> None:
    """Remove the message."""
    part, name = _middle(disk)
    disk.unlink(INBOX + part + b"/" + name)


def arrive(disk: Disk) -> None:
    """Deliver another."""
    fd = disk.create(INBOX + b"/new/1900000000.M1P1.other")
    disk.write(fd, b"other\n")
    disk.close(fd)


@tabled
class BesideTests(SynchronousTestCase):
    """A reader shows what is there, or that it is gone; it never fails or mixes up."""

    def prepare(self) -> Busy:
        """Three messages; the second has UID and place in ``cur`` or not yet."""
        disk = Busy()
        store = opened(disk)
        now(store.create(ALICE))
        for body in BODIES:
            deliver(store, body, Destination(ALICE))
        return disk

    def play(self, disk: Busy) -> None:
        """Look in every way."""
        store = opened(disk)
        alice = now(store.open(ALICE))
        for item in now(alice.items(INBOX_ID)):
            try:
                body = b"".join(now(gathered(alice.read(item.blob))))
            except NoSuch:
                self.assertIn(b"Q1.", item.guid)
                continue
            self.assertEqual(len(body), item.size_octets)
        batches = now(gathered(alice.rows(INBOX_ID)))
        uids = [row.uid for batch in batches for row in batch]
        flags = frozenset({"\\Seen"})
        commit(store, SetFlags(INBOX_ID, uids, FlagMode.ADD, flags))
        rest = [row for batch in now(gathered(alice.rows(INBOX_ID))) for row in batch]
        self.assertEqual(len({row.uid for row in rest}), len(rest))
        for row in rest:
            if row.uid in uids:
                self.assertIn("\\Seen", row.flags)
        commit(store, Expunge(INBOX_ID, uids))
        self.assertFalse(
            set(uids)
            & {
                row.uid
                for batch in now(gathered(alice.rows(INBOX_ID)))
                for row in batch
            }
        )

    @rows(mark=(mark,), remove=(remove,), arrive=(arrive,))
    @threat(78)
    def test_at_any_call(self, act: Callable[[Disk], None]) -> None:
        """Whenever the other program acts, every promise holds."""
        disk = self.prepare()
        before = disk.calls
        self.play(disk)
        after = disk.calls
        self.assertGreater(after - before, 40)
        for at in range(before + 1, after + 1):
            disk = self.prepare()
            disk.at = at

            def once(busy: Disk) -> None:
                with contextlib.suppress(AssertionError):
                    act(busy)

            disk.meanwhile = once
            self.play(disk)

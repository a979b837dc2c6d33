"""UIDs that were given before names tell them, and power that is cut."""

from __future__ import annotations

import contextlib

from twisted.trial.unittest import SynchronousTestCase

from mailapp.storage.maildir import giving, late
from mailapp.storage.types import INBOX_ID, UID, Expunge
from tests.contract.store_case import now
from tests.crash.explore import explore
from tests.crash.powercut import Disk, PowerCut
from tests.crash.test_powercut import ALICE, bodies, opened, rows
from tests.threats import threat


class GivenTests(SynchronousTestCase):
    """See the module."""

    def setUp(self) -> None:
        """Few are many here."""
        self.patch(giving, "MANY", 2)
        self.patch(late, "LATE_AT_ONCE", 1)
        self.told: dict[int, bytes] = {}
        self.gone: set[int] = set()

    def prepare(self) -> Disk:
        """A mailbox that another program filled."""
        disk = Disk()
        now(opened(disk).create(ALICE))
        for number in range(3):
            path = b"/mail/example.test/alice/cur/170000000%d.M1P1.h:2,S" % number
            fd = disk.create(path)
            disk.write(fd, b"%d\r\n" % number)
            disk.close(fd)
        disk.settle()
        return disk

    def act(self, disk: Disk) -> None:
        """Select, expunge one, and let names follow."""
        self.told.clear()
        self.gone.clear()
        alice = now(opened(disk).open(ALICE))
        boxes = alice._mailboxes
        columns = boxes.look(INBOX_ID).tracked.columns
        self.told.update((uid, columns.guid(at)) for at, uid in enumerate(columns.uids))
        boxes.name_late(INBOX_ID)
        now(alice.commit([Expunge(INBOX_ID, [UID(2)])], request_id=b"1"))
        self.gone.add(2)
        while boxes.name_late(INBOX_ID):
            pass

    def agree(self, disk: Disk) -> None:
        """What a client saw keeps its UID, and no other message comes."""
        found = {row.uid: row.guid for row in rows(opened(disk))}
        if not self.told:
            return
        wanted = dict(self.told)
        if 2 not in found or self.gone:
            del wanted[2]  # it was being removed
        self.assertEqual(found, wanted)

    @threat(68, 114)
    def test_power_cut(self) -> None:
        """What a client saw keeps its UID; no message is lost, and none comes twice."""

        def check(disk: Disk) -> None:
            for _ in range(2):
                self.agree(disk)
            there = bodies(opened(disk), ALICE)
            self.assertEqual(len(there), len(set(there)))
            self.assertLessEqual({b"0\r\n", b"2\r\n"}, set(there))

        self.assertGreater(explore(self.prepare, self.act, check), 50)

    @threat(68, 117)
    def test_kill(self) -> None:
        """So it is when the process is killed, and another goes on."""
        whole = self.prepare()
        before = whole.calls
        self.act(whole)
        for cut in range(before, whole.calls):
            disk = self.prepare()
            disk.cut_at = cut
            with contextlib.suppress(PowerCut):
                self.act(disk)
            disk.cut_at = None
            self.agree(disk)

"""FI-3, FI-6: there is no room for a message."""

from __future__ import annotations

import resource

from tests.crash.case import USERS, CrashCase
from tests.crash.disks import mount
from tests.interop.demo import DemoServer
from tests.threats import threat

ALICE, BOB = USERS[:2]


class FullDiskTests(CrashCase):
    """The mail lies on a disk that is soon full."""

    @threat(113)
    def test_no_space(self) -> None:
        """A disk without space: refused for now, readable, emptied, taken again."""
        self.fill("size=2m", 20_000)

    @threat(113)
    def test_no_space_large(self) -> None:
        """The same with messages that go to a file while they come."""
        self.fill("size=2m", 300_000)

    @threat(113)
    def test_no_inodes(self) -> None:
        """A disk that can hold no more files, large as it is."""
        self.fill("nr_inodes=80", 300)

    def fill(self, limit: str, size: int) -> None:
        """Fill a disk by SMTP, and empty it by POP3, without a restart."""
        mount(self, self.mail, "-t", "tmpfs", "-o", limit, "tmpfs")
        server = self.start()
        taken = self.send_until_full(server, size)
        self.assertGreater(taken, 2)
        self.check_reading(server, taken)
        deleted = self.popper(server, ALICE).delete(1000)
        self.assertEqual(deleted, taken)
        self.assertEqual(self.sender(server).send([("after", BOB)], size)[:3], "250")
        self.check()
        self.check_no_leftovers()
        self.assertEqual(server.stop(), 0)

    def send_until_full(self, server: DemoServer, size: int) -> int:
        """How many were taken; what came after was refused and is not to be seen."""
        sender = self.sender(server)
        number = 0
        while (answer := sender.send([(f"a{number}", ALICE)], size))[:3] == "250":
            number += 1
        self.assertEqual(answer[:9], "452 4.3.1")
        for kind, users in {"one": [BOB], "two": [ALICE, BOB]}.items():
            answer = sender.send([(kind, user) for user in users], size)
            self.assertEqual(answer[:9], "452 4.3.1", kind)
        # UIDs would be given now, which takes space that is not there
        problems = self.checker.problems(self.ledger.fates(), numbers=False)
        self.assertEqual(problems, [])
        self.assertEqual(list(self.checker.files(BOB)), [])
        self.check_no_leftovers()
        return number

    def check_reading(self, server: DemoServer, messages: int) -> None:
        """Everything can be read, whole, while nothing can be written."""
        popper = self.popper(server, ALICE)
        self.assertEqual(popper.messages, messages)
        for at in range(1, messages + 1):
            self.assertIsNotNone(popper.fetch(at))
        popper.close()


class FileSizeTests(CrashCase):
    """A file may not grow beyond a limit, as on a file system with a quota."""

    @threat(113)
    def test_short_writes(self) -> None:
        """A write that takes only a part is followed by another, and that by a 452."""
        server = self.start()
        self.limit(server, resource.RLIMIT_FSIZE, 3000)
        sender = self.sender(server)
        for number, size in enumerate((5000, 100_000, 5000)):
            answer = sender.send([(f"large{number}", ALICE)], size)
            self.assertEqual(answer[:9], "452 4.3.1")
            self.check_no_leftovers()
            answer = sender.send([(f"small{number}", ALICE)], 500)
            self.assertEqual(answer[:3], "250")
        self.check()
        self.limit(server, resource.RLIMIT_FSIZE, resource.RLIM_INFINITY)
        self.assertEqual(sender.send([("after", ALICE)], 100_000)[:3], "250")
        self.check()
        self.assertEqual(server.stop(), 0)

"""FI-9, FI-10: the power is cut, on real file systems."""

from __future__ import annotations

import random
import time
from typing import ClassVar

from tests.crash.case import CrashCase, need, rounds, run, stand_still
from tests.crash.disks import make_image, mount, unmount
from tests.crash.ledger import Fates
from tests.interop.demo import DemoServer
from tests.threats import threat


class PowerCase(CrashCase):
    """The data lies in a file system in a file: a copy of it is what a disk holds."""

    kind: ClassVar[str] = "ext4"
    options: ClassVar[tuple[str, ...]] = ("-o", "loop")

    def setUp(self) -> None:
        """Make the file system."""
        super().setUp()
        need("cp", "sync")
        self.image = self.folder / "image"
        self.copy = self.folder / "copy"

    def cut_power(self, *wrapper: str) -> Fates:
        """Load a server, and copy the disk; what had happened when the copy began.

        The server stands still during the copy, which takes some time: what a disk
        holds at one moment is wanted. Nothing more of what it wrote is synced by that.
        """
        make_image(self.kind, self.image)
        mount(self, self.data, *self.options, str(self.image))
        server = self.start(*wrapper)
        run("sync", "--file-system", self.data)
        with self.loaded(server):
            self.load.wait_acked(20)
            time.sleep(random.random() * 0.5)  # noqa: S311 - no secret
            stand_still(server.process.pid)
            then = self.ledger.fates()
            run("cp", "--sparse=always", self.image, self.copy)
            self.kill(server)
        unmount(self.data)
        return then

    def restart(self) -> DemoServer:
        """Put the copy in the place of the disk, and start on it."""
        mount(self, self.data, *self.options, str(self.copy))
        return self.start()

    def problems(self, then: Fates) -> list[str]:
        """What the copy breaks of what was promised before it was made."""
        return self.checker.problems(self.ledger.fates(), then=then)


class PowerTests(PowerCase):
    """FI-9: what was acknowledged before the power was cut is there."""

    def play(self) -> None:
        """Cut the power, start again, check, and go on."""
        for _ in range(rounds(2)):
            then = self.cut_power()
            server = self.restart()
            self.assertEqual(self.problems(then), [])
            with self.loaded(server):
                self.load.wait_acked(20)
            self.assertEqual(server.stop(), 0)
            self.assertEqual(self.problems(then), [])
            unmount(self.data)
            self.forget()

    def forget(self) -> None:
        """Begin with new disks, a new ledger and new clients."""
        self.doCleanups()
        self.setUp()

    @threat(23, 114)
    def test_power_cut(self) -> None:
        """On a file system as Linux distributions make and mount it."""
        self.play()


class XfsTests(PowerTests):
    """The same on XFS."""

    kind = "xfs"


class NegativeControlTests(PowerCase):
    """FI-10: the tests above can fail."""

    @threat(114)
    def test_fsync_that_does_nothing(self) -> None:
        """When fsync does nothing, the checker says that acknowledged mail is lost."""
        need("eatmydata")
        then = self.cut_power("eatmydata")
        self.restart()
        lost = [found for found in self.problems(then) if found.startswith("L1")]
        self.assertGreater(len(lost), 10)

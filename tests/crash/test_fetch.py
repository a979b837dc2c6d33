"""Fetching: power cuts at every call, and a process that dies at every step.

Whatever happens here, the next run makes it whole: each message is here once, and what
is gone there is here.
"""

from __future__ import annotations

from typing import Any

from attrs import evolve
from twisted.trial.unittest import SynchronousTestCase

from mailapp.fetch.types import Keeping, Source
from tests.crash.explore import explore
from tests.crash.powercut import Disk, Power
from tests.crash.test_powercut import Forgetful
from tests.rows import rows, tabled
from tests.threats import threat
from tests.unit.fetch.old_server import OldServer
from tests.unit.fetch.support import POP2, SOURCE, Broken, Here, greeted
from tests.unit.pop.support import now
from tests.unit.pop2.support import Server as Pop2Server

BODIES = (b"Subject: a\r\n\r\n1\r\n", b"Subject: b\r\n\r\n22\r\n")
ALIKE = (BODIES[0], BODIES[0])
_KEPT = Keeping(keep=True)


def make_server(source: Source, bodies: tuple[bytes, ...]) -> Any:
    """A server with these messages."""
    if source.speech is POP2.speech:
        return Pop2Server(*bodies)
    return OldServer([(b"name%d" % n, body) for n, body in enumerate(bodies)])


def again(server: Any) -> Any:
    """The server as it is when the client comes again."""
    if isinstance(server, OldServer):
        return server.clone()
    return Pop2Server(*server.bodies())


class AppendingDisk(Disk):
    """What is appended to a file does not take away what was synced before it.

    The model beside this one takes any half of a file that was written to, since it
    does not tell an append from writing over; the ledger is only appended to.
    """

    def _after(self, kept: Any, written: int) -> Power:
        disk = super()._after(kept, written)
        for number, inode in self.inodes.items():
            if written == 1 and inode.content.startswith(inode.durable):
                end = (len(inode.durable) + len(inode.content)) // 2
                left = disk.inodes[number]
                left.content = left.durable = inode.content[:end]
        return disk


class ForgetfulDisk(AppendingDisk, Forgetful):
    """A disk whose fsync does nothing."""


@tabled
class PowerCutTests(SynchronousTestCase):
    """The disk here loses power before each call of a run."""

    disk: type[Disk] = AppendingDisk

    def play(self, source: Source, bodies: tuple[bytes, ...], *, ready: bool) -> int:
        """Cut at each call; afterwards fetch until nothing is left to do."""
        first = make_server(source, bodies)

        def prepare() -> Disk:
            here = Here(self.disk())
            if ready:  # the account has a mailbox and the source a ledger
                here.run(make_server(source, ()), source)
            here.disk.settle()
            return here.disk

        def act(disk: Disk) -> None:
            self.server = again(first)
            Here(disk).run(self.server, source)

        def check(disk: Disk) -> None:
            here, server = Here(disk), again(self.server)
            done = here.run(server, source)
            self.assertEqual("", done.problem)
            self.assertEqual(sorted(bodies), sorted(here.contents()))
            self.assertEqual(
                bodies if source.keeping.keep else (), tuple(server.bodies())
            )
            self.assertEqual(0, here.run(server, source).fetched)

        return explore(prepare, act, check)

    @rows(
        pop3=(SOURCE, BODIES),
        pop3_kept=(evolve(SOURCE, keeping=_KEPT), BODIES),
        pop2=(POP2, BODIES),
        pop2_kept=(evolve(POP2, keeping=_KEPT), BODIES),
        pop3_alike=(SOURCE, ALIKE),
        pop2_alike=(POP2, ALIKE),
    )
    @threat(23, 114)
    def test_cuts(self, source: Source, bodies: tuple[bytes, ...]) -> None:
        """Nothing is lost and nothing is doubled, whenever the power goes."""
        self.assertGreater(self.play(source, bodies, ready=True), 50)

    def test_first_run(self) -> None:
        """Nor is it in the run that makes mailbox and ledger."""
        self.assertGreater(self.play(SOURCE, BODIES, ready=False), 50)

    def test_negative_control(self) -> None:
        """On a disk that forgets, the test says so."""
        self.disk = ForgetfulDisk
        with self.assertRaises(AssertionError):
            self.play(SOURCE, BODIES, ready=True)


@tabled
class DyingTests(SynchronousTestCase):
    """The process dies at a file call or at a command; what it wrote stays visible."""

    def survive(self, here: Here, server: Any, source: Source) -> None:
        """Another process, and after it a power cut: both find everything."""
        other = again(server)
        self.assertEqual("", here.run(other, source).problem)
        self.assertEqual(sorted(BODIES), sorted(here.contents()))
        for disk in here.disk.survivors():
            assert isinstance(disk, Disk)
            found = sorted(Here(disk).contents())
            if not other.bodies():
                self.assertEqual(sorted(BODIES), found)
            last = again(other)
            Here(disk).run(last, source)
            self.assertEqual(sorted(BODIES), sorted(Here(disk).contents()))

    @rows(pop3=SOURCE, pop3_kept=evolve(SOURCE, keeping=_KEPT), pop2=POP2)
    @threat(23, 117)
    def test_at_each_call(self, source: Source) -> None:
        """Killed before each call of the disk: what was visible still is."""
        cut = 0
        while True:
            here, server = Here(AppendingDisk()), make_server(source, BODIES)
            here.run(make_server(source, ()), source)
            here.disk.settle()
            here.disk.cut_at = here.disk.calls + cut
            try:
                here.run(server, source)
            except BaseException:  # the cut, from wherever it comes
                here.disk.cut_at = None
            else:
                break
            self.survive(here, server, source)
            cut += 1
        self.assertGreater(cut, 30)

    @rows(pop3=SOURCE, pop2=POP2)
    @threat(23, 77, 117)
    def test_at_each_command(self, source: Source) -> None:
        """Killed before and after each command: also between DELE and QUIT."""
        for late in False, True:
            at = 0
            while self._die_at(at, source, late=late):
                at += 1
            self.assertGreater(at, 6)

    def _die_at(self, at: int, source: Source, *, late: bool) -> bool:
        here, server = Here(AppendingDisk()), make_server(source, BODIES)
        wire = greeted(server)
        heard = [0]

        def watch(octets: bytes) -> None:
            if heard[0] == at:
                if late:
                    wire.feed(octets)
                raise Broken
            heard[0] += 1

        fetcher = here.fetcher(lambda: wire)
        fetcher.watch = watch
        try:
            now(fetcher.run(source))
        except Broken:
            self.survive(here, server, source)
            return True
        return False

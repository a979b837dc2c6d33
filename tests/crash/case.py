"""A server that is brought to its end, and all that has to be cleaned up after it."""

from __future__ import annotations

import os
import resource
import shutil
import signal
import subprocess
import tempfile
import time
from contextlib import suppress
from pathlib import Path
from typing import Any, Final
from unittest import SkipTest

from twisted.trial.unittest import SynchronousTestCase

from tests.crash.ledger import Checker, Fates, Ledger
from tests.crash.load import Load, Popper, Sender
from tests.interop.demo import PASSWORD, DemoServer, start_demo

USERS: Final = ("u000", "u001", "u002", "u003")
EMPTIED: Final = USERS[:2]
RESTART_SECONDS: Final = 30.0  # under one; but other tests may keep the disk busy
_ALONE: Final = ("setsid",)  # it and its workers are one process group


def rounds(few: int) -> int:
    """How many rounds to play: ``MAILAPP_CRASH_ROUNDS``, if that is more."""
    return max(few, int(os.environ.get("MAILAPP_CRASH_ROUNDS", "0")))


def need(*programs: str) -> None:
    """Skip the test if one of the programs is not installed."""
    for program in programs:
        if shutil.which(program) is None:
            raise SkipTest(f"{program} is not installed")


def run(*command: str | Path) -> None:
    """Run a command.

    Raises:
        CalledProcessError: its ``stderr`` says why.
    """
    subprocess.run(  # noqa: S603 - our own commands
        command, check=True, capture_output=True, text=True, timeout=30
    )


class CrashCase(SynchronousTestCase):
    """A folder, a ledger, a load, and servers on that folder one after the other."""

    workers = 0

    def setUp(self) -> None:
        """Make the folder."""
        need("setsid")
        self.folder = Path(tempfile.mkdtemp(prefix="mailapp-crash-"))
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)
        self.data = self.folder / "data"
        self.mail = self.data / "mail"
        self.ledger = Ledger(self.folder / "ledger")
        self.addCleanup(self.ledger.close)
        self.checker = Checker(self.mail, USERS)
        self.load = Load(self.ledger, PASSWORD, USERS, EMPTIED)

    # ---- the server

    def start(self, *wrapper: str) -> DemoServer:
        """Start a server on the folder; it is not slow about it (L6)."""
        began = time.monotonic()
        server = start_demo(
            "--accounts=4",
            f"--password={PASSWORD}",
            f"--workers={self.workers}",
            data=self.data,
            wrapper=(*_ALONE, *wrapper),
        )
        self.addCleanup(self.kill, server)
        self.assertLess(time.monotonic() - began, RESTART_SECONDS, "L6")
        return server

    def kill(self, server: DemoServer) -> None:
        """End the server and its workers, at once; no harm if they are gone."""
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(server.process.pid, signal.SIGKILL)
        server.process.wait()
        if server.process.stdout is not None:
            server.process.stdout.close()

    def limit(self, server: DemoServer, kind: int, soft: int) -> None:
        """Give the running server another limit; the hard one stays."""
        _, hard = resource.prlimit(server.process.pid, kind)
        resource.prlimit(server.process.pid, kind, (soft, hard))

    def loaded(self, server: DemoServer) -> Any:
        """The load on this server, for the time of a ``with``."""
        return self.load.on(server.port("smtp"), server.port("pop3"))

    # ---- single steps

    def sender(self, server: DemoServer) -> Sender:
        """An SMTP client, after EHLO."""
        sender = Sender(server.port("smtp"), self.ledger)
        self.addCleanup(sender.close)
        return sender

    def popper(self, server: DemoServer, user: str) -> Popper:
        """A POP3 client, logged in."""
        popper = Popper(server.port("pop3"), self.ledger, user, PASSWORD)
        self.addCleanup(popper.close)
        return popper

    # ---- promises

    def check(self, *, then: Fates | None = None) -> None:
        """L1 to L5 hold, and no client saw part of a message."""
        problems = self.checker.problems(self.ledger.fates(), then=then)
        self.assertEqual(problems[:10], [], f"{len(problems)} problems")
        self.assertEqual(self.load.problems, [])

    def check_no_leftovers(self) -> None:
        """Nothing lies in a tmp."""
        self.assertEqual(self.checker.leftovers(), [])


def seconds_of_cpu(pid: int) -> float:
    """What a process has used so far."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def children(pid: int) -> set[int]:
    """The processes that a process has started."""
    text = Path(f"/proc/{pid}/task/{pid}/children").read_text()
    return {int(word) for word in text.split()}


def stand_still(process: int) -> None:
    """Stop all threads; a call of the kernel that one is in is finished first."""
    os.kill(process, signal.SIGSTOP)
    deadline = time.monotonic() + 5.0
    while time.monotonic() < deadline:
        with suppress(FileNotFoundError):
            states = {
                (thread / "stat").read_text().rpartition(")")[2].split()[0]
                for thread in Path(f"/proc/{process}/task").iterdir()
            }
            if states <= {"T", "t"}:
                return
        time.sleep(0.001)
    raise AssertionError("it does not stand still")

"""FI-2, FI-4, FI-5: any system call is the last one, or fails."""

from __future__ import annotations

import random
import subprocess
from contextlib import AbstractContextManager
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from tests.crash.case import USERS, CrashCase, rounds
from tests.crash.strace import count_failed, synced_after_failure, traced
from tests.threats import threat

LAST_CALLS = (
    *("openat", "write", "fsync", "close", "renameat", "linkat", "unlink"),
    *("sendto", "recvfrom"),
)
"""What a delivery or a deletion consists of, and the reply."""


class LastCallTests(CrashCase):
    """The server is killed when a thread makes its N-th call of a kind."""

    @threat(23, 114, 117)
    def test_killed_at_call(self) -> None:
        """Whatever call is not made any more, every promise is kept (FI-2)."""
        for round_number in range(rounds(len(LAST_CALLS))):
            name = LAST_CALLS[round_number % len(LAST_CALLS)]
            at = random.randint(1, 12)  # noqa: S311 - no secret
            server = self.start()
            inject = f"inject={name}:signal=SIGKILL:when={at}"
            log = self.folder / "strace"
            with (
                traced(server.process.pid, log, f"--trace={name}", "-e", inject),
                self.loaded(server),
            ):
                try:
                    server.process.wait(60)
                except subprocess.TimeoutExpired:
                    self.fail(f"it never made call {at} of {name}")
            self.kill(server)
            self.check()
        with self.loaded(self.start()):
            self.load.wait_acked(50)
        self.check()


class FailingCallTests(CrashCase):
    """A call of the running server fails, once or always."""

    def setUp(self) -> None:
        """Start a server."""
        super().setUp()
        self.log = self.folder / "strace"
        self.server = self.start()

    def failing(self, what: str, *options: str) -> AbstractContextManager[None]:
        """Inject an error, for the time of a ``with``."""
        inject = ("--trace=fsync,close,unlink,openat,renameat", "-e", f"inject={what}")
        return traced(self.server.process.pid, self.log, *inject, *options)

    def send(self, number: str, *users: str, size: int = 400) -> str:
        """Send one message on a connection of its own; the reply."""
        copies = [(number, user) for user in users or USERS[:1]]
        sender = self.sender(self.server)
        return sender.send(copies, size)

    def check_refused(self, reply: str, *sent: str) -> None:
        """Every try gets this answer, nothing is visible and nothing is left."""
        for number in sent:
            for kind, (users, size) in {
                "small": (USERS[:1], 400),
                "large": (USERS[:1], 100_000),
                "two": (USERS[:2], 400),
            }.items():
                answer = self.send(f"{number}-{kind}", *users, size=size)
                self.assertEqual(answer[:9], reply, kind)
        self.check()
        self.assertEqual([f for u in USERS for f in self.checker.files(u)], [])
        self.check_no_leftovers()

    def check_recovered(self) -> None:
        """The same server takes mail again, and goes when it is asked to."""
        self.assertEqual(self.send("after")[:3], "250")
        self.check()
        self.assertEqual(self.server.stop(), 0)

    @threat(113, 115)
    def test_fsync_fails(self) -> None:
        """Mail is refused for now while fsync fails, and taken when it does not."""
        with self.failing("fsync:error=EIO"):
            self.check_refused("451 4.3.0", "a", "b")
        self.assertGreater(count_failed(self.log, "fsync"), 5)
        self.assertEqual(synced_after_failure(self.log), [])
        self.check_recovered()

    @threat(115)
    def test_fsync_fails_now_and_then(self) -> None:
        """Under load some fail: none is synced again, and nothing acked is lost."""
        with self.failing("fsync:error=EIO:when=5+7"), self.loaded(self.server):
            self.load.wait_acked(100)
        self.assertGreater(self.load.replies.get("451 4.3.0", 0), 5)
        self.assertEqual(synced_after_failure(self.log), [])
        self.check()
        self.check_recovered()

    @threat(115)
    def test_fsync_of_directory_fails(self) -> None:
        """A message whose name may not be durable is removed, and refused for now."""
        new = self.mail / "example.test" / USERS[0] / "new"
        with self.failing("fsync:error=EIO", "-P", str(new)):
            answers = [self.send(f"d{n}") for n in range(3)]
            self.assertEqual([a[:9] for a in answers], ["451 4.3.0"] * 3)
            self.assertEqual(list(new.iterdir()), [])
            self.assertEqual(self.send("other", USERS[1])[:3], "250")
        self.assertEqual(synced_after_failure(self.log), [])
        self.check_recovered()

    @threat(113)
    def test_no_room(self) -> None:
        """A rename that finds no room for the name: 452, and the file is removed."""
        with self.failing("renameat:error=ENOSPC"):
            answers = [self.send("r", size=400), self.send("s", size=100_000)]
            self.assertEqual([a[:9] for a in answers], ["452 4.3.1"] * 2)
            self.check()
            self.check_no_leftovers()
        self.check_recovered()

    @threat(113)
    def test_no_descriptors(self) -> None:
        """A file can't be opened (EMFILE, ENFILE): refused for now, nothing is left."""
        for error in "EMFILE", "ENFILE":
            with self.failing(f"openat:error={error}"):
                self.check_refused("451 4.3.0", error)
        self.check_recovered()


class LogTests(SynchronousTestCase):
    """How strace's log is read."""

    def test_second_fsync_is_found(self) -> None:
        """The check can fail: a second fsync is found, one after a close is not."""
        log = Path("strace-log")
        log.write_text(
            "7 fsync(5</new>) = -1 EIO (Input/output error) (INJECTED)\n"
            "8 fsync(6</tmp/x> <unfinished ...>\n"
            "7 close(5</new>) = 0\n"
            "7 fsync(5</other>) = 0\n"
            "8 <... fsync resumed>) = -1 EIO (Input/output error) (INJECTED)\n"
            "9 fsync(6</tmp/x>) = 0\n"
            '8 unlink("/new/x") = 0\n'
            "9 fsync(6</tmp/y>) = 0\n"
            "4 fsync(4</tmp/z>) = -1 EIO (Input/output error)\n"
            "4 fsync(4</tmp/z>) = 0\n"
        )
        wanted = ["fsync of 6, /tmp/y", "fsync of 4, /tmp/z"]
        self.assertEqual(synced_after_failure(log), wanted)
        self.assertEqual(count_failed(log, "fsync"), 3)

"""FI-1 to FI-4 for a whole server that relays: nothing acknowledged is lost."""

from __future__ import annotations

import random
import signal
import sys
import time

from tests.crash.case import need, rounds
from tests.crash.disks import mount
from tests.crash.relay_case import RelayCase
from tests.crash.strace import count_failed, synced_after_failure, traced
from tests.interop.hop import ALL
from tests.interop.served import wait_for
from tests.threats import threat

_LAST_CALLS = ("renameat", "fsync", "unlink", "write", "sendto", "openat")


class KillTests(RelayCase):
    """FI-1: SIGKILL to everything while messages come and go."""

    def play(self, times: int) -> None:
        """Start, load, kill; at the end start once more and wait."""
        for _ in range(times):
            server = self.start()
            with self.loaded():
                self.wait_acked(1)
                time.sleep(random.random() * 0.8)  # noqa: S311 - no secret
                self.kill(server)
        server = self.start()
        with self.loaded():
            self.wait_acked(50)
        self.check()
        sys.stderr.write(
            f"\n  {len(self.acked)} acknowledged, {times} kills,"
            f" {self.duplicates} came twice, taken {self.widest:.3f} s before at most\n"
        )
        self.assertEqual(server.stop(), -signal.SIGTERM)  # twistd's way

    @threat(23, 114, 117)
    def test_one_process(self) -> None:
        """One process takes and carries."""
        self.play(rounds(4))

    @threat(23, 114, 117)
    def test_workers(self) -> None:
        """Two workers take, a postman carries; one message stands behind another.

        So it goes where CHUNKING is not offered: see ``mailapp.relay.channel``.
        """
        self.workers = 2
        self.sink.extensions = tuple(one for one in ALL if one != "CHUNKING")
        self.play(rounds(3))


class LastCallTests(RelayCase):
    """FI-2: the server is killed when a thread makes its N-th call of a kind."""

    @threat(23, 114, 117)
    def test_killed_at_call(self) -> None:
        """Whatever call is not made any more."""
        need("strace")
        for place in range(rounds(len(_LAST_CALLS))):
            name = _LAST_CALLS[place % len(_LAST_CALLS)]
            at = random.randint(2, 20)  # noqa: S311 - no secret
            server = self.start()
            log = server.data / "strace"
            inject = f"inject={name}:signal=SIGKILL:when={at}"
            options = (f"--trace={name}", "-e", inject)
            with traced(server.process.pid, log, *options), self.loaded():
                server.process.wait(60)
            self.kill(server)
        self.start()
        self.check()


class TroubleTests(RelayCase):
    """The disk of the queue is full, or fails."""

    @threat(113)
    def test_no_space(self) -> None:
        """FI-3: full, it refuses for now; what waits goes, and then it takes mail."""
        self.start().stop()
        mount(self, self.queue, "-t", "tmpfs", "-o", "size=1m", "tmpfs")
        self.fill(20_000)

    @threat(113)
    def test_no_inodes(self) -> None:
        """FI-3: the same where no more files can be made."""
        self.start().stop()
        mount(self, self.queue, "-t", "tmpfs", "-o", "nr_inodes=40", "tmpfs")
        self.fill(70_000)  # small ones lie together in few files

    def fill(self, size: int) -> None:
        """Fill the queue while the next host wants nothing; then it does."""
        self.sink.replies["RCPT"] = "451 4.2.1 not now"
        self.start()
        client = self.dial()
        while (answer := self.send(client, size))[0] == 250:
            self.assertLess(len(self.acked), 200)
        self.assertEqual((answer[0], answer[1][:5]), (452, "4.3.1"))
        self.assertGreater(len(self.acked), 5)
        client.mail("bob@example.test")
        self.assertEqual(client.rcpt("alice@example.test")[0], 250)
        self.assertEqual(client.data(b"local\r\n")[0], 250)
        self.assertEqual(list((self.queue / "tmp").iterdir()), [])
        del self.sink.replies["RCPT"]
        wait_for(self.all_taken)
        wait_for(lambda: self.send(client, size)[0] == 250, 40.0)
        self.check()
        self.assertEqual(self.duplicates, 0)

    def all_taken(self) -> bool:
        """Have all tried that waits; whether the sink has all."""
        self.retry()
        return self.acked <= self.sink.taken.keys()

    @threat(113, 115)
    def test_fsync_fails(self) -> None:
        """FI-4: 451 while fsync fails; nothing of it is left, and then it works."""
        need("strace")
        server = self.start()
        client = self.dial()
        self.assertEqual(self.send(client)[0], 250)
        self.check()
        log = server.data / "strace"
        options = ("--trace=fsync,close,unlink,openat", "-e", "inject=fsync:error=EIO")
        with traced(server.process.pid, log, *options):
            for size in (400, 100_000, 400):
                code, text = self.send(client, size)
                self.assertEqual((code, text[:5]), (451, "4.3.0"))
            self.assertEqual(self.waiting(), 0)
            self.assertEqual(list((self.queue / "tmp").iterdir()), [])
        self.assertGreater(count_failed(log, "fsync"), 2)
        self.assertEqual(synced_after_failure(log), [])
        self.assertEqual(self.send(client)[0], 250)
        self.check()
        self.assertEqual(self.sink.taken.keys(), self.acked)
        self.assertEqual(self.duplicates, 0)

    @threat(115)
    def test_fsync_fails_now_and_then(self) -> None:
        """FI-4: under load some fail, also of records: nothing acked is lost."""
        need("strace")
        server = self.start()
        log = server.data / "strace"
        options = ("--trace=fsync,close,unlink,openat", "-e")
        inject = "inject=fsync:error=EIO:when=5+7"
        with traced(server.process.pid, log, *options, inject), self.loaded():
            self.wait_acked(200)
        self.assertEqual(synced_after_failure(log), [])
        self.check()
        self.assertEqual(self.duplicates, 0)

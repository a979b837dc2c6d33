"""FI-1: the server is killed under load, again and again, and nothing is lost."""

from __future__ import annotations

import os
import random
import signal
import time

from tests.crash.case import CrashCase, children, rounds
from tests.threats import threat


class KillTests(CrashCase):
    """SIGKILL to everything, at moments that nobody chose."""

    def play(self, times: int) -> None:
        """Start, load, kill, check; and at the end start once more and send."""
        for _ in range(times):
            server = self.start()
            with self.loaded(server):
                self.load.wait_acked(1)
                time.sleep(random.random() * 0.6)  # noqa: S311 - no secret
                self.kill(server)
            self.check()
        server = self.start()
        with self.loaded(server):
            self.load.wait_acked(50)
        self.check()
        self.assertEqual(server.stop(), 0)
        self.check()

    @threat(23, 114, 117)
    def test_one_process(self) -> None:
        """One process: what was acknowledged is there once, whole; the rest at most."""
        self.play(rounds(6))

    @threat(23, 114, 117)
    def test_workers(self) -> None:
        """A supervisor with two workers keeps the same promises."""
        self.workers = 2
        self.play(rounds(4))


class WorkerTests(CrashCase):
    """SIGKILL to one worker."""

    workers = 2

    @threat(23, 114, 130)
    def test_kill_one(self) -> None:
        """The other goes on, the dead one is replaced, and nothing is lost."""
        server = self.start()
        supervisor = server.process.pid
        with self.loaded(server):
            self.load.wait_acked(20)
            for _ in range(3):  # more often would only wait for the back-off
                before = children(supervisor)
                self.assertEqual(len(before), 3)  # two workers and the postman
                victim = random.choice(sorted(before))  # noqa: S311 - no secret
                os.kill(victim, signal.SIGKILL)
                self.load.wait_acked(20)
                self._wait_replaced(supervisor, victim)
                self.load.wait_acked(20)
        self.check()
        self.assertEqual(server.stop(), 0)

    def _wait_replaced(self, supervisor: int, victim: int) -> None:
        deadline = time.monotonic() + 10.0
        while True:
            now = children(supervisor)
            if victim not in now and len(now) == 3:
                return
            self.assertLess(time.monotonic(), deadline, "not replaced")
            time.sleep(0.02)

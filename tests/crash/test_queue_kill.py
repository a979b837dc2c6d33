"""FI-1, FI-2: the process with the queue is killed, anywhere or at a certain call."""

from __future__ import annotations

import random
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path
from typing import Final

from twisted.trial.unittest import SkipTest, SynchronousTestCase

from tests.crash.case import need, rounds
from tests.rows import rows, tabled
from tests.threats import threat
from tests.unit.queue.postman import in_trays

ROOT: Final = Path(__file__).parents[2]
_INJECTED: Final = "inject={call}:signal=SIGKILL:when={number}"


@tabled
class KillTests(SynchronousTestCase):
    """A queue, killed again and again; then one process goes on to the end."""

    def setUp(self) -> None:
        """An empty folder."""
        self.folder = Path(tempfile.mkdtemp(prefix="mailapp-kill-"))
        self.addCleanup(shutil.rmtree, self.folder)
        self.kills = 0

    def play(self, name: str, count: int, *wrapper: str, seconds: float = 60.0) -> bool:
        """Run a process, and kill it after a time; whether it came to its end."""
        words = ["-m", "tests.crash.queue_process", str(self.folder), name, str(count)]
        with subprocess.Popen(  # noqa: S603 - our own command
            [*wrapper, sys.executable, *words],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        ) as process:
            stdout = process.stdout
            ready = stdout.readline() if stdout else b""
            try:
                out, err = process.communicate(timeout=seconds)
            except subprocess.TimeoutExpired:
                process.kill()
                out, err = process.communicate()
        if b"ermitted" in err:
            raise SkipTest("may not trace")
        self.assertNotIn(b"Traceback", err)
        ended = ready == b"ready\n" and out == b"done\n"
        self.kills += not ended
        return ended

    def lines(self, name: str) -> list[str]:
        """What was noted."""
        path = self.folder / name
        return path.read_text().splitlines() if path.exists() else []

    def check(self) -> None:
        """Nothing acknowledged is lost; at most one duplicate for each kill."""
        self.assertTrue(self.play("end", 1))
        taken = Counter(self.lines("taken"))
        acked = self.lines("acked")
        self.assertIn("end-0", acked)
        for entry_id in acked:
            for place in 0, 1:
                self.assertIn(f"{entry_id} {place}", taken)
        self.assertLessEqual(max(taken.values()), 2)
        self.assertLessEqual(taken.total() - len(taken), self.kills)
        queue = self.folder / "queue"
        self.assertEqual(list((queue / "entries").iterdir()), [])
        self.assertEqual(in_trays(queue), [])
        self.assertEqual(list((queue / "corrupt").iterdir()), [])

    @threat(114, 117)
    def test_anywhere(self) -> None:
        """FI-1: killed at random moments."""
        for number in range(rounds(6)):
            seconds = random.random() * 0.4  # noqa: S311 - no secret
            self.play(f"r{number}", 500, seconds=seconds)
        self.assertGreater(self.kills, 0)
        self.check()

    @rows(
        rename="rename,renameat,renameat2",
        fsync="fsync",
        write="write",
        mark="pwrite64",
        unlink="unlink,unlinkat",
    )
    @threat(114, 117)
    def test_at_call(self, calls: str) -> None:
        """FI-2: killed at the N-th call of a kind, which does not happen any more."""
        need("strace")
        for number in (1, 2, 5, 12):
            inject = _INJECTED.format(call=calls, number=number)
            trace = ("strace", "-f", "-qq", "-o", "/dev/null", "-e", f"trace={calls}")
            self.play(f"c{number}", 8, *trace, "-e", inject)
        self.assertGreater(self.kills, 0)
        self.check()

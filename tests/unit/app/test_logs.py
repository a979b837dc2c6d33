"""Which events are logged, and where the lines go."""

from __future__ import annotations

import os
from pathlib import Path

from twisted.internet.task import Clock
from twisted.internet.threads import deferToThread
from twisted.logger import Logger, LogLevel
from twisted.trial.unittest import SynchronousTestCase, TestCase

from mailapp.app.logs import (
    DAMPED_AFTER,
    DAMPED_SECONDS,
    GATHERED_LINES,
    GATHERED_SECONDS,
    Gathered,
    LineObserver,
    Log,
)
from tests.threats import threat
from tests.unit.app.test_lines import event


class ObserverTests(SynchronousTestCase):
    """What is written and what is not."""

    def setUp(self) -> None:
        """Collect the lines."""
        self.lines: list[str] = []

    def test_level(self) -> None:
        """Events below the level are left out."""
        observer = LineObserver(self.lines.append, level="warn")
        observer(event(event="e", recipient="x"))
        observer(event(event="e", recipient="y", log_level=LogLevel.warn))
        self.assertEqual(len(self.lines), 1)

    def test_worker(self) -> None:
        """A worker's lines carry its name."""
        LineObserver(self.lines.append, worker="w1")(event(event="e", recipient="x"))
        self.assertIn(" [w1] ", self.lines[0])

    @threat(123)
    def test_equal_warnings_are_damped(self) -> None:
        """A thousand equal warnings make a few lines and one that counts the rest."""
        observer = LineObserver(self.lines.append)
        flood = event(event="tls.failed", recipient="x", log_level=LogLevel.warn)
        for _ in range(1000):
            observer(flood)
        self.assertEqual(len(self.lines), DAMPED_AFTER)
        observer({**flood, "log_time": flood["log_time"] + DAMPED_SECONDS + 1})
        self.assertEqual(len(self.lines), DAMPED_AFTER + 2)
        self.assertIn(f"{1000 - DAMPED_AFTER} more events", self.lines[-2])

    def test_noise_of_others(self) -> None:
        """What Twisted tells of its ports and its loop is shown at "debug" only."""
        noise = event(log_format="(TCP Port 25 Closed)")
        LineObserver(self.lines.append, level="info")(noise)
        self.assertEqual(self.lines, [])
        LineObserver(self.lines.append, level="debug")(noise)
        self.assertIn(" debug (TCP Port 25 Closed)", self.lines[0])

    def test_warnings_of_others(self) -> None:
        """A warning is shown, whoever gives it."""
        observer = LineObserver(self.lines.append)
        Logger("other", observer=observer).warn("look: {what}", what="x")
        self.assertIn(" warn look: x", self.lines[0])


class GatheredTests(TestCase):
    """Lines that travel together."""

    def setUp(self) -> None:
        """Collect the writes."""
        self.writes: list[str] = []
        self.clock = Clock()
        self.gathered = Gathered(self.writes.append, self.clock)

    def test_together(self) -> None:
        """Lines of one moment make one write, in their order."""
        self.gathered.write("a\n")
        self.gathered.write("b\n")
        self.assertEqual(self.writes, [])
        self.clock.advance(GATHERED_SECONDS)
        self.assertEqual(self.writes, ["a\nb\n"])
        self.clock.advance(GATHERED_SECONDS)
        self.assertEqual(len(self.writes), 1)
        self.gathered.write("c\n")
        self.clock.advance(GATHERED_SECONDS)
        self.assertEqual(self.writes[1:], ["c\n"])

    def test_many_do_not_wait(self) -> None:
        """What waits is bounded."""
        for _ in range(GATHERED_LINES):
            self.gathered.write("a\n")
        self.assertEqual(self.writes, ["a\n" * GATHERED_LINES])

    def test_warnings_do_not_wait(self) -> None:
        """A warning leaves at once, and what was said before it too."""
        observer = LineObserver(self.gathered.write, hurry=self.gathered.flush)
        observer(event(event="e", recipient="before"))
        self.assertEqual(self.writes, [])
        observer(event(event="e", recipient="x", log_level=LogLevel.warn))
        self.assertEqual(len(self.writes), 1)
        self.assertIn("before", self.writes[0])

    async def test_other_threads(self) -> None:
        """The clock is of one thread: lines of others pass at once."""
        await deferToThread(self.gathered.write, "a\n")
        self.assertEqual(self.writes, ["a\n"])


class FileTests(SynchronousTestCase):
    """The file that lines go to."""

    def setUp(self) -> None:
        """A file that is not there yet."""
        folder = Path(self.mktemp())
        folder.mkdir()
        self.path = folder / "mailapp.log"
        self.log_file = Log(str(self.path))
        self.addCleanup(self.log_file.close)

    def test_grows(self) -> None:
        """Lines are there at once; an old file is continued."""
        self.log_file.write("one\n")
        again = Log(str(self.path))
        again.write("two \udcff\n")
        again.close()
        self.log_file.write("three\n")
        self.assertEqual(self.path.read_bytes(), b"one\ntwo \\udcff\nthree\n")

    def test_others_do_not_read_it(self) -> None:
        """Its mode lets nobody in but owner and group."""
        self.assertEqual(self.path.stat().st_mode & 0o007, 0)

    def test_reopen(self) -> None:
        """After logrotate has moved the file, lines go to a new one."""
        self.log_file.write("old\n")
        moved = self.path.with_suffix(".1")
        self.path.rename(moved)
        self.log_file.write("still old\n")
        self.log_file.reopen()
        self.log_file.write("new\n")
        self.assertEqual(moved.read_text(), "old\nstill old\n")
        self.assertEqual(self.path.read_text(), "new\n")

    def test_reopen_fails(self) -> None:
        """If there can be no new file, the old one is written on."""
        moved = self.path.with_suffix(".1")
        self.path.rename(moved)
        self.path.mkdir()
        self.assertRaises(OSError, self.log_file.reopen)
        self.log_file.write("on\n")
        self.assertEqual(moved.read_text(), "on\n")

    def test_disk_full(self) -> None:
        """A line that can't be written is lost, and nothing is raised."""
        full = Log("/dev/full")
        self.addCleanup(full.close)
        full.write("lost\n")

    def test_standard_output(self) -> None:
        """Without a file, lines go to standard output, which is never closed."""
        log_file = Log("-")
        log_file.reopen()
        log_file.close()
        self.assertTrue(os.fstat(1))

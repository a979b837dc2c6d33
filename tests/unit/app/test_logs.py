"""Log lines."""

from __future__ import annotations

import json
from typing import Any

from twisted.logger import LogLevel
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from mailapp.app.logs import (
    DAMPED_AFTER,
    DAMPED_SECONDS,
    LineObserver,
    human_line,
    json_line,
)
from tests.threats import threat


def event(**fields: Any) -> dict[str, Any]:
    """An event as twisted.logger makes it."""
    return {
        "log_level": LogLevel.info,
        "log_time": 1_700_000_000.25,
        "log_format": "refused {recipient}",
        "log_namespace": "test",
        **fields,
    }


class LineTests(SynchronousTestCase):
    """Both forms of a line."""

    def test_human(self) -> None:
        """A line has time, level, event, text, then the fields."""
        line = human_line(event(event="smtp.rcpt.refused", recipient="a@b", reply=550))
        self.assertEqual(
            line,
            "2023-11-14T22:13:20.250Z info smtp.rcpt.refused refused a@b "
            "recipient=a@b reply=550\n",
        )

    def test_json(self) -> None:
        """A JSON line is one object with the event's own fields."""
        line = json_line(event(event="smtp.rcpt.refused", recipient=b"a@b\xff"))
        self.assertEqual(line.count("\n"), 1)
        read = json.loads(line)
        self.assertEqual(read["event"], "smtp.rcpt.refused")
        self.assertEqual(read["recipient"], "a@b\\xff")
        self.assertEqual(read["level"], "info")

    def test_legacy(self) -> None:
        """What twisted.python.log adds to an event covers none of our keys."""
        old = event(time=1.0, isError=0, message=("x",), system="-", recipient="a@b")
        read = json.loads(json_line(old))
        self.assertEqual(read["time"], "2023-11-14T22:13:20.250Z")
        self.assertEqual(set(read), {"time", "level", "text", "recipient"})

    @threat(122)
    def test_nothing_moves_the_cursor(self) -> None:
        """CR, LF, ESC and bidirectional controls are shown, not obeyed."""
        for form in (human_line, json_line):
            line = form(event(event="x", recipient="a\r\nb\x1b[2J\u202e\x00"))
            self.assertEqual(line.count("\n"), 1)
            self.assertNotIn("\x1b", line)
            self.assertNotIn("\u202e", line)
            self.assertNotIn("\r", line)

    def test_traceback(self) -> None:
        """A failure's traceback follows, indented, so that a line stays findable."""
        try:
            raise ValueError("broken")  # noqa: TRY301 - a test
        except ValueError:
            failure = Failure()
        line = human_line(event(recipient="x", log_failure=failure))
        self.assertIn("\n    Traceback", line)
        self.assertIn(
            "broken", json.loads(json_line(event(log_failure=failure)))["traceback"]
        )


class ObserverTests(SynchronousTestCase):
    """What is written and what is not."""

    def setUp(self) -> None:
        """Collect the lines."""
        self.lines: list[str] = []

    def test_level(self) -> None:
        """Events below the level are left out."""
        observer = LineObserver(self.lines.append, level="warn")
        observer(event(recipient="x"))
        observer(event(recipient="y", log_level=LogLevel.warn))
        self.assertEqual(len(self.lines), 1)

    def test_worker(self) -> None:
        """A worker's lines carry its name."""
        LineObserver(self.lines.append, worker="w1")(event(recipient="x"))
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

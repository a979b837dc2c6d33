"""Log lines: for people, or JSON for programs; one event a line, nothing unescaped."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from typing import IO, Any, Final

from twisted.logger import ILogObserver, LogEvent, LogLevel, formatEvent
from twisted.python.failure import Failure
from twisted.python.logfile import LogFile
from zope.interface import implementer

_INTERNAL: Final = frozenset({"event", "pid", "worker"})
# What twisted.python.log adds to each of its events; it would cover our own keys.
_LEGACY: Final = frozenset({"format", "isError", "message", "system", "time"})
_LEVELS: Final = {
    LogLevel.debug: "debug",
    LogLevel.info: "info",
    LogLevel.warn: "warn",
    LogLevel.error: "error",
    LogLevel.critical: "critical",
}
DAMPED_AFTER: Final = 20  # equal warnings in one interval
DAMPED_SECONDS: Final = 10.0


def escape(text: str) -> str:
    """Show what does not print, so that a line is one line and moves no cursor."""
    if text.isprintable():
        return text
    return "".join(
        c if c.isprintable() else c.encode("unicode_escape").decode() for c in text
    )


def facts(event: LogEvent) -> dict[str, Any]:
    """The event's own fields, as JSON can hold them."""
    left_out = _INTERNAL | _LEGACY if "isError" in event else _INTERNAL
    return {
        key: _plain(value)
        for key, value in event.items()
        if not key.startswith("log_") and key not in left_out
    }


def _plain(value: Any) -> Any:
    if value is None or isinstance(value, bool | int | float):
        return value
    if isinstance(value, bytes):
        return value.decode("utf-8", "backslashreplace")
    if isinstance(value, list | tuple | set | frozenset):
        return [_plain(item) for item in value]
    return str(value)


def _trace(event: LogEvent) -> str:
    failure = event.get("log_failure")
    return failure.getTraceback() if isinstance(failure, Failure) else ""


def _time(event: LogEvent) -> str:
    moment = datetime.fromtimestamp(event.get("log_time", 0.0), UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def human_line(event: LogEvent) -> str:
    """``time level [worker] text key=value …``; a traceback is indented below."""
    level = _LEVELS.get(event.get("log_level", LogLevel.info), "info")
    who = f" [{event['worker']}]" if event.get("worker") else ""
    name = event.get("event")
    text = escape(formatEvent(event)) or ""
    shown = [] if name is None else [str(name)]
    shown += [text] if text else []
    if name is not None:
        shown += [f"{k}={_quoted(v)}" for k, v in facts(event).items() if v != ""]
    trace = "".join(
        f"\n    {escape(line)}" for line in _trace(event).split("\n") if line
    )
    return f"{_time(event)} {level}{who} {' '.join(shown)}{trace}\n"


def _quoted(value: Any) -> str:
    text = escape(str(value))
    return f'"{text}"' if " " in text or not text else text


def json_line(event: LogEvent) -> str:
    """One JSON object: time, level, event, text, worker, then the event's fields."""
    line: dict[str, Any] = {
        "time": _time(event),
        "level": _LEVELS.get(event.get("log_level", LogLevel.info), "info"),
    }
    if event.get("event"):
        line["event"] = event["event"]
    if event.get("worker"):
        line["worker"] = event["worker"]
    line["text"] = formatEvent(event)
    line.update(facts(event))
    if trace := _trace(event):
        line["traceback"] = trace
    return json.dumps(line) + "\n"


FORMATS: Final[dict[str, Callable[[LogEvent], str]]] = {
    "human": human_line,
    "json": json_line,
}


@implementer(ILogObserver)
class LineObserver:
    """Writes events from a level upwards; equal warnings are damped (threat 123)."""

    def __init__(
        self,
        write: Callable[[str], object],
        *,
        form: Callable[[LogEvent], str] = human_line,
        level: str = "info",
        worker: str = "",
    ) -> None:
        self._write = write
        self._form = form
        self._level = LogLevel.levelWithName(level)
        self._worker = worker
        self._interval_end = 0.0
        self._counts: dict[str, int] = {}

    def __call__(self, event: LogEvent) -> None:
        """Write one event."""
        level = event.get("log_level", LogLevel.info)
        if level < self._level:
            return
        if level >= LogLevel.warn and self._damped(event):
            return
        if self._worker and "worker" not in event:
            event = {**event, "worker": self._worker}
        self._write(self._form(event))

    def _damped(self, event: LogEvent) -> bool:
        now = event.get("log_time", 0.0)
        if now >= self._interval_end:
            self._interval_end = now + DAMPED_SECONDS
            counts, self._counts = self._counts, {}
            for name, count in counts.items():
                if count > DAMPED_AFTER:
                    self._tell_damped(event, name, count - DAMPED_AFTER)
        name = str(event.get("event") or event.get("log_format") or "")
        count = self._counts[name] = self._counts.get(name, 0) + 1
        return count > DAMPED_AFTER

    def _tell_damped(self, event: LogEvent, name: str, count: int) -> None:
        summary = {
            "log_time": event.get("log_time", 0.0),
            "log_level": LogLevel.warn,
            "log_format": "{count} more events like {like} were not logged",
            "event": "log.events.damped",
            "like": name,
            "count": count,
        }
        self._write(self._form(summary))


def to_stream(stream: IO[str]) -> Callable[[str], object]:
    """Write and flush; a closed pipe ends the logging, not the server."""

    def write(line: str) -> None:
        try:
            stream.write(line)
            stream.flush()
        except (OSError, ValueError):
            return

    return write


def open_log(path: str) -> Callable[[str], object]:
    """Lines to a file that grows without end (logrotate moves it), or to stdout.

    Raises:
        OSError: the file can't be opened.
    """
    if path in {"", "-"}:
        return to_stream(sys.stdout)
    full = os.path.abspath(path)
    # no rotation of its own: reopened when logrotate moved it (SIGHUP)
    log = LogFile.fromFullPath(full, rotateLength=None, defaultMode=0o640)

    def write(line: str) -> None:
        try:
            log.write(line)
        except (OSError, ValueError):
            return

    return write

"""Which events are logged, and where their lines go."""

from __future__ import annotations

import os
from collections.abc import Callable
from threading import get_ident
from typing import IO, Final

from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.logger import ILogObserver, LogEvent, LogLevel
from zope.interface import implementer

from mailapp.app.lines import human_line

DAMPED_AFTER: Final = 20  # equal warnings in one interval
DAMPED_SECONDS: Final = 10.0
GATHERED_LINES: Final = 100
GATHERED_SECONDS: Final = 0.05
_MODE: Final = 0o640
_STDOUT: Final = 1
_RANKS: Final = {
    LogLevel.debug: 0,
    LogLevel.info: 1,
    LogLevel.warn: 2,
    LogLevel.error: 3,
    LogLevel.critical: 4,
}
_WARN: Final = _RANKS[LogLevel.warn]


@implementer(ILogObserver)
class LineObserver:
    """Writes events from a level upwards; equal warnings are damped (threat 123).

    What others than mailapp say at "info" is written at "debug" only: Twisted tells of
    each port that it opens, and of its main loop.

    Args:
        write: takes lines.
        form: makes a line of an event.
        level: the least important events that are written.
        worker: the name of this process, in its lines.
        hurry: called after a warning: see :class:`Gathered`.
    """

    def __init__(
        self,
        write: Callable[[str], object],
        *,
        form: Callable[[LogEvent], str] = human_line,
        level: str = "info",
        worker: str = "",
        hurry: Callable[[], object] = lambda: None,
    ) -> None:
        self._write = write
        self._hurry = hurry
        self._form = form
        self._least = _RANKS[LogLevel.levelWithName(level)]
        self._worker = worker
        self._interval_end = 0.0
        self._counts: dict[str, int] = {}

    def __call__(self, event: LogEvent) -> None:
        """Write one event."""
        level = event.get("log_level", LogLevel.info)
        if level is LogLevel.info and "event" not in event:
            level = LogLevel.debug
            event = {**event, "log_level": level}
        rank = _RANKS.get(level, _WARN)
        if rank < self._least or (rank >= _WARN and self._damped(event)):
            return
        if self._worker and "worker" not in event:
            event = {**event, "worker": self._worker}
        self._write(self._form(event))
        if rank >= _WARN:
            self._hurry()

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


class Gathered:
    """Passes lines on a few at a time: each write wakes the process that reads them.

    Warnings do not wait, and what waits is lost only if the process is killed.

    Args:
        write: takes lines.
        clock: of this thread; lines of other threads pass at once.
    """

    def __init__(self, write: Callable[[str], object], clock: IReactorTime) -> None:
        self._pass_on = write
        self._clock = clock
        self._lines: list[str] = []
        self._call: IDelayedCall | None = None
        self._thread = get_ident()

    def write(self, line: str) -> None:
        """One line, or several, with their newlines."""
        if get_ident() != self._thread:
            self._pass_on(line)
            return
        self._lines.append(line)
        if len(self._lines) >= GATHERED_LINES:
            self.flush()
        elif self._call is None:
            self._call = self._clock.callLater(GATHERED_SECONDS, self._late)

    def flush(self) -> None:
        """Pass on what waits."""
        if self._lines:
            lines, self._lines = self._lines, []
            self._pass_on("".join(lines))

    def _late(self) -> None:
        self._call = None
        self.flush()


class Log:
    """Where lines go: a file that grows until logrotate moves it, or standard output.

    What can't be written (the disk is full, the pipe closed) is lost; mail goes on.

    Args:
        path: of the file; empty or ``-`` is standard output.

    Raises:
        OSError: the file can't be opened.
    """

    def __init__(self, path: str) -> None:
        self._path = "" if path == "-" else path and os.path.abspath(path)
        self._descriptor = self._open() if self._path else _STDOUT

    def write(self, line: str) -> None:
        """One line, or several, with their newlines."""
        try:
            os.write(self._descriptor, line.encode("utf-8", "backslashreplace"))
        except OSError:
            return

    def reopen(self) -> None:
        """Go on in the file of that name: the old one was moved away.

        Raises:
            OSError: it can't be opened; the old one is written on.
        """
        if self._path:
            fresh, old = self._open(), self._descriptor
            self._descriptor = fresh
            os.close(old)

    def give_to(self, uid: int, gid: int) -> None:
        """Let a user open it again who may not make it.

        Raises:
            OSError: we are not the one to give it.
        """
        if self._path:
            os.fchown(self._descriptor, uid, gid)

    def close(self) -> None:
        """Close the file."""
        if self._path:
            os.close(self._descriptor)
            self._path, self._descriptor = "", _STDOUT

    def _open(self) -> int:
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC
        return os.open(self._path, flags, _MODE)

"""Keeps events in files, one a day and process: ``journal/2026-11-23.w0.log``.

Lines are gathered and written twenty times a second in one piece; a crash costs at most
those of the last moment. The journal explains what happened to mail, it does not hold
mail: so it is not synced, and when it can't be written the server says so once and
goes on.
"""

from __future__ import annotations

import gzip
import os
import re
import shutil
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, ClassVar, Final

from twisted.internet.interfaces import IDelayedCall
from twisted.logger import Logger
from zope.interface import implementer

from mailapp.events.interfaces import IEvents
from mailapp.events.lines import encode_events
from mailapp.events.record import Event

WRITE_EVERY: Final = 0.05  # seconds
_GATHERED: Final = 500  # events that are written at once, whatever the time
_DAY: Final = 86400.0
_NAME: Final = re.compile(r"(\d{4}-\d\d-\d\d)\.[a-z0-9]+\.log(?:\.gz)?", re.ASCII)
_MODE: Final = 0o640


@implementer(IEvents)
class Journal:
    """Writes the events of one process.

    Args:
        folder: of all journals of the server; made if it is not there.
        process: the name of this process, letters and digits.
        reactor: tells when to write.
        now: seconds since the epoch.
    """

    log: ClassVar = Logger()

    def __init__(
        self, folder: Path, process: str, reactor: Any, now: Callable[[], float]
    ) -> None:
        self._folder = folder
        self._process = process
        self._reactor = reactor
        self._now = now
        self._events: list[Event] = []
        self._timer: IDelayedCall | None = None
        self._day = -1
        self._descriptor = -1
        self._failing = False

    def tell(self, event: Event) -> None:
        """Keep it."""
        self._events.append(event)
        if len(self._events) >= _GATHERED:
            self.flush()
        elif self._timer is None:
            self._timer = self._reactor.callLater(WRITE_EVERY, self.flush)

    def flush(self) -> None:
        """Write what was gathered."""
        timer, self._timer = self._timer, None
        if timer is not None and timer.active():
            timer.cancel()
        events, self._events = self._events, []
        if not events:
            return
        try:
            lines = encode_events(events).encode()
            descriptor = self._today()
            written = os.write(descriptor, lines)
            if written < len(lines):  # the disk is full: tell where the line broke
                os.write(descriptor, b"\n")
        except (OSError, TypeError, ValueError) as problem:
            self._complain(problem)
        else:
            self._failing = False

    def stop(self) -> None:
        """Write the rest and close."""
        self.flush()
        self._close()

    def _today(self) -> int:
        """The descriptor of the file of this day."""
        day = int(self._now() // _DAY)
        if day != self._day or self._descriptor < 0:
            self._close()
            self._folder.mkdir(mode=0o750, parents=True, exist_ok=True)
            name = f"{_date(day)}.{self._process}.log"
            flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC
            self._descriptor = os.open(
                self._folder / name, flags | os.O_NOFOLLOW, _MODE
            )
            self._day = day
        return self._descriptor

    def _close(self) -> None:
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def _complain(self, problem: Exception) -> None:
        if not self._failing:
            self._failing = True
            self.log.error(
                "the journal in {folder} can't be written: {reason}",
                event="journal.write.failed",
                folder=str(self._folder),
                reason=str(problem),
            )


def journals(folder: Path) -> Iterator[Path]:
    """The files of a folder, the newest day first."""
    if folder.is_dir():
        names = sorted((path.name for path in folder.iterdir()), reverse=True)
        yield from (folder / name for name in names if _NAME.fullmatch(name))


def tend(folder: Path, now: float, keep_seconds: float) -> None:
    """Compress the files of finished days, and delete those that are too old.

    Blocks. Two processes must not do it at once.

    Args:
        folder: of all journals.
        now: seconds since the epoch.
        keep_seconds: 0 keeps them for ever.

    Raises:
        OSError: some are as they were.
    """
    yesterday = _date(int(now // _DAY) - 1)  # somebody may still write its last lines
    oldest = _date(int((now - keep_seconds) // _DAY)) if keep_seconds else ""
    for path in list(journals(folder)):
        day = path.name[:10]
        if day < oldest:
            path.unlink()
        elif day < yesterday and path.suffix == ".log":
            _compress(path)


def _compress(path: Path) -> None:
    """``x.log`` becomes ``x.log.gz``; a crash in between leaves ``x.log``."""
    packed = path.with_name(path.name + ".gz")
    partial = path.with_name(f".{path.name}.partial")
    with path.open("rb") as source, gzip.open(partial, "wb", 6) as target:
        shutil.copyfileobj(source, target)
    partial.chmod(_MODE)
    partial.rename(packed)
    path.unlink()


def _date(day: int) -> str:
    return datetime.fromtimestamp(day * _DAY, UTC).strftime("%Y-%m-%d")

"""Makes system calls of a running server fail, or be its last, with strace."""

from __future__ import annotations

import re
import select
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final
from unittest import SkipTest

from attrs import frozen

from tests.crash.case import need

_LINE: Final = re.compile(r"(?P<thread>\d+) +(?P<rest>.*)")
_RESUMED: Final = re.compile(r"<\.\.\. \w+ resumed>(?P<rest>.*)")
_UNFINISHED: Final = " <unfinished ...>"
_CALL: Final = re.compile(
    r"(?P<name>\w+)\((?P<fd>\d+)?(<(?P<path>[^>]*)>)?.*?(= (?P<result>-?\d+).*)?"
)


@frozen
class Moment:
    """A call began, or (with its result) ended."""

    thread: str
    name: str
    fd: int
    path: str
    result: int | None


@contextmanager
def traced(process: int, log: Path, *options: str) -> Iterator[None]:
    """Run strace on all threads of a process, for the time of a ``with``.

    Args:
        process: its id; it goes on untraced afterwards.
        log: what strace tells, see :func:`moments`.
        options: what to trace and what to inject. ``when`` counts for each thread.
    """
    need("strace")
    command = ["strace", "-f", "-y", "-o", str(log), "-p", str(process), *options]
    with subprocess.Popen(  # noqa: S603 - our own command
        command, stderr=subprocess.PIPE
    ) as strace:
        try:
            _wait_attached(strace)
            yield
        finally:
            strace.send_signal(signal.SIGINT)
            strace.communicate()


def _wait_attached(strace: subprocess.Popen[bytes]) -> None:
    if strace.stderr is None or not select.select([strace.stderr], [], [], 20.0)[0]:
        raise AssertionError("strace says nothing")
    said = strace.stderr.readline().decode()
    if "ermitted" in said:
        raise SkipTest(f"may not trace: {said.strip()}")
    assert "attached" in said, said


def moments(log: Path) -> Iterator[Moment]:
    """The calls of a log, in order; each begins and ends (unless it was the last)."""
    begun: dict[str, str] = {}
    for line in log.read_text(errors="replace").splitlines():
        split = _LINE.fullmatch(line)
        if split is None:
            continue
        thread, rest = split["thread"], split["rest"]
        resumed = _RESUMED.fullmatch(rest)
        if resumed is not None:
            rest = begun.pop(thread, "") + resumed["rest"]
        call = _CALL.fullmatch(rest.removesuffix(_UNFINISHED))
        if call is None:
            continue
        known = thread, call["name"], int(call["fd"] or -1), call["path"] or ""
        if resumed is None:
            yield Moment(*known, None)
        if rest.endswith(_UNFINISHED):
            begun[thread] = rest.removesuffix(_UNFINISHED)
        else:
            yield Moment(*known, int(call["result"] or 0))


def synced_after_failure(log: Path) -> list[str]:
    """Where fsync was called again on a descriptor on which it had failed.

    Other threads can know it only when the one that failed has gone on, that is from
    its next call on. The log has to show fsync and close, and unlink for that.
    """
    failed: dict[int, str] = {}  # descriptor to the thread that alone knows
    known: set[int] = set()
    found = []
    for moment in moments(log):
        failing = moment.name == "fsync" and (moment.result or 0) < 0
        if moment.result is None:
            mine = {fd for fd, thread in failed.items() if thread == moment.thread}
            if moment.name == "fsync" and moment.fd in mine | known:
                found.append(f"fsync of {moment.fd}, {moment.path}")
            known |= mine
            if moment.name == "close":
                failed.pop(moment.fd, None)
                known.discard(moment.fd)
        elif failing:
            failed[moment.fd] = moment.thread
    return found


def count_failed(log: Path, name: str) -> int:
    """How many calls of that name failed."""
    return sum(m.name == name and (m.result or 0) < 0 for m in moments(log))

"""Notices turns of the reactor that take too long, and what they were spent with.

Between two looks at its sockets the reactor serves nobody else. So what is measured is
the time from the end of one wait for events to the beginning of the next one: in time
of the processor, not of the clock, because other processes and threads of a busy
machine are no fault of ours. A thread looks now and then at what the reactor does, and
remembers it for the turn that proves to be too long.

For tests and for looking into a server, it is switched on by the environment variable
:data:`VARIABLE`: milliseconds that a turn may take. The log then says
``reactor.turn.long`` for each one that takes longer.
"""

from __future__ import annotations

import os
import sys
import threading
import time
import traceback
from collections.abc import Callable, Sequence
from types import FrameType
from typing import Any, ClassVar, Final

from twisted.logger import Logger

VARIABLE: Final = "MAILAPP_TURN_MS"
_LOOK_EVERY: Final = 0.004
_LINES: Final = 12


class Turns:
    """Measures the turns of one reactor; made in its thread.

    Args:
        allowed_seconds: of processor time.
        used: the processor time of the reactor's thread so far, in seconds.

    Attributes:
        longest: seconds of the longest turn so far.
    """

    log: ClassVar = Logger()

    def __init__(
        self, allowed_seconds: float, used: Callable[[], float] = time.thread_time
    ) -> None:
        self.longest = 0.0
        self._allowed = allowed_seconds
        self._used = used
        self._thread = threading.get_ident()
        self._since = used()
        self._turn = 0  # odd while the reactor works
        self._seen: tuple[int, Sequence[str]] = (0, ())

    def watch(self, reactor: Any) -> None:
        """Measure from now on."""
        wait = reactor._poller.poll  # noqa: SLF001 - Twisted has no seam for it

        def poll(timeout: float, most: int) -> Any:
            self.ended()
            events = wait(timeout, most)
            self.began()
            return events

        reactor._poller = _Poller(reactor._poller, poll)  # noqa: SLF001

    def keep_looking(self) -> None:
        """Have a thread look, for as long as the process lives."""
        threading.Thread(target=self._look, name="turns", daemon=True).start()

    def began(self) -> None:
        """The reactor has events, or something is due."""
        self._turn += 1
        self._since = self._used()

    def ended(self) -> None:
        """It waits again."""
        if not self._turn % 2:
            return
        took = self._used() - self._since
        turn, self._turn = self._turn, self._turn + 1
        self.longest = max(self.longest, took)
        if took > self._allowed:
            seen, stack = self._seen
            self.log.warn(
                "the reactor was busy for {milliseconds} ms: {stack}",
                event="reactor.turn.long",
                milliseconds=round(took * 1000, 1),
                stack=" < ".join(stack) if seen == turn else "-",
            )

    def look(self) -> None:
        """See what the reactor does. In another thread."""
        turn = self._turn
        frame = sys._current_frames().get(self._thread)  # noqa: SLF001 - documented
        if turn % 2 and frame is not None:
            stack = _shown(frame)
            if self._turn == turn:
                self._seen = (turn, stack)

    def _look(self) -> None:
        last = 0
        while True:
            time.sleep(_LOOK_EVERY)
            # in the same turn as last time: it is not one of the short ones
            if self._turn % 2 and self._turn == last:
                self.look()
            last = self._turn


class _Poller:
    """A poller with another ``poll``."""

    def __init__(self, poller: Any, poll: Callable[[float, int], Any]) -> None:
        self._poller = poller
        self.poll = poll

    def __getattr__(self, name: str) -> Any:
        return getattr(self._poller, name)


def watch_turns(reactor: Any) -> None:
    """Watch this reactor, if the environment says so. Called in its thread."""
    allowed = os.environ.get(VARIABLE, "")
    if allowed:
        turns = Turns(float(allowed) / 1000)
        turns.watch(reactor)
        turns.keep_looking()


def _shown(frame: FrameType) -> Sequence[str]:
    """The innermost calls, the last one first."""
    calls = traceback.extract_stack(frame, _LINES)
    names = [f"{os.path.basename(c.filename)}:{c.lineno} {c.name}" for c in calls]
    return names[::-1]

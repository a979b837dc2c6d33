"""Notices that other programs changed a mailbox: the system tells, or it is looked at.

The system tells of a limited number of directories only (inotify(7)). Mailboxes beyond
that are looked at in turn, some at a time, and what the system would not watch before
is offered to it again then.
"""

from __future__ import annotations

import errno
from collections import OrderedDict
from collections.abc import Callable
from functools import partial
from typing import ClassVar, Final, Protocol

from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.logger import Logger

LOOK_EVERY: Final = 5.0
"""Seconds from one look at a mailbox to the next."""
AT_ONCE: Final = 50
"""Mailboxes that are looked at together: some three milliseconds."""
_PARTS: Final = (b"/new", b"/cur")
_EXHAUSTED: Final = frozenset({errno.ENOSPC, errno.EMFILE, errno.ENFILE, errno.ENOMEM})

Stop = Callable[[], None]


class Notify(Protocol):
    """Has the system tell of changes in a directory."""

    def __call__(self, path: bytes, hint: Callable[[], None], /) -> Stop:
        """Call ``hint`` once, when names come or go there; returns how to stop.

        Raises:
            OSError: the system does not want to.
        """


class Watched(Protocol):
    """A mailbox that sessions watch."""

    @property
    def path(self) -> bytes:
        """Its directory."""

    def hint(self) -> None:
        """Something may have changed in it."""

    def look(self) -> None:
        """Find out whether something changed, without waiting; then it is a hint."""


class Lookout:
    """See the module.

    Args:
        notify: has the system tell; None: nothing is told, and nothing looked at.
        clock: for looking.
    """

    log: ClassVar = Logger()

    def __init__(self, notify: Notify | None, clock: IReactorTime) -> None:
        self._notify = notify
        self._clock = clock
        self._told: dict[Watched, dict[bytes, Stop]] = {}
        self._looked: OrderedDict[Watched, None] = OrderedDict()
        self._call: IDelayedCall | None = None
        self._said = False

    def watch(self, watched: Watched) -> None:
        """Tell it once when it changes. Who looks says so again, before."""
        if self._notify is None or watched in self._looked:
            return
        if not self._tell(watched, self._notify):
            self._looked[watched] = None
            self._plan()

    def unwatch(self, watched: Watched) -> None:
        """Tell it no more."""
        self._tell_no_more(watched)
        self._looked.pop(watched, None)
        if not self._looked and self._call is not None:
            self._call.cancel()
            self._call = None

    def _tell(self, watched: Watched, notify: Notify) -> bool:
        """Have the system tell of both its directories, or of none."""
        told = self._told.setdefault(watched, {})
        try:
            for part in _PARTS:
                if part not in told:
                    hint = partial(self._heard, watched, part)
                    told[part] = notify(watched.path + part, hint)
        except OSError as problem:
            self._tell_no_more(watched)
            self._say(problem)
            return False
        return True

    def _tell_no_more(self, watched: Watched) -> None:
        for stop in self._told.pop(watched, {}).values():
            stop()

    def _heard(self, watched: Watched, part: bytes) -> None:
        self._told.get(watched, {}).pop(part, None)
        watched.hint()

    def _say(self, problem: OSError) -> None:
        if problem.errno in _EXHAUSTED and not self._said:
            self._said = True
            self.log.warn(
                "the system watches no more directories ({reason}): what other programs"
                " change in mailboxes is seen up to {seconds} s later; raise"
                " fs.inotify.max_user_watches or fs.inotify.max_user_instances",
                event="maildir.watch.refused",
                reason=problem.strerror,
                seconds=LOOK_EVERY,
            )

    def _plan(self) -> None:
        if self._call is None and self._looked:
            share = min(1.0, AT_ONCE / len(self._looked))
            self._call = self._clock.callLater(LOOK_EVERY * share, self._look)

    def _look(self) -> None:
        self._call = None
        assert self._notify is not None  # noqa: S101 - else nothing is looked at
        for _ in range(min(AT_ONCE, len(self._looked))):
            watched, _nothing = self._looked.popitem(last=False)
            if not self._tell(watched, self._notify):
                self._looked[watched] = None
            watched.look()
        self._plan()

"""The reactor of a server process: epoll, without a log context around each event.

Twisted calls what has something to read or write inside a context that names it, for
the prefix of log lines in its old text form. Our events carry what they are about, and
``_doReadOrWrite`` itself logs what is raised and closes the connection; so the context
only costs time: about 5 microseconds an event, five events or more a message. And
what can only be read, as nearly all that happens, is read without further questions.

Source: twisted.internet.epollreactor, Twisted 26.10.
"""

from __future__ import annotations

import errno
import sys
from select import EPOLLIN
from typing import Any, Final

from twisted.internet.epollreactor import EPollReactor
from twisted.internet.main import installReactor
from twisted.logger import Logger

_log: Final = Logger()
_EVENTS: Final = 16
"""Those of one turn; the kernel tells of the others, in their order, in the next."""


class MailReactor(EPollReactor):
    """As its base, for all that a program can see but the old log prefix."""

    def doPoll(self, timeout: float | None) -> None:  # noqa: N802
        """Wait for events and pass them on."""
        waited = -1 if timeout is None else timeout
        selectables = self._selectables
        serve: Any = self._doReadOrWrite
        leave: Any = self._disconnectSelectable
        try:
            events = self._poller.poll(waited, _EVENTS)
        except OSError as failure:
            if failure.errno == errno.EINTR:
                return
            raise
        for fd, event in events:
            selectable = selectables.get(fd)
            if selectable is None:  # one before has closed it
                continue
            if event != EPOLLIN:
                serve(selectable, fd, event)
                continue
            try:
                why = selectable.doRead()
            except Exception as problem:
                _log.failure("while reading", event="reactor.read.failed")
                why = problem
            if why:
                leave(selectable, why, True)  # noqa: FBT003 - Twisted's

    doIteration = doPoll  # noqa: N815


def install() -> Any:
    """Give the reactor of the process: ours, unless it has another already.

    A test runner or twistd may have chosen one before.
    """
    if "twisted.internet.reactor" not in sys.modules:
        installReactor(MailReactor())  # type: ignore[no-untyped-call]  # Twisted's
    from twisted.internet import reactor  # noqa: PLC0415 - it is there now

    return reactor  # of many interfaces; its module declares but one

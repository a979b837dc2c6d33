"""Hears from Linux when names come or go in a directory (inotify(7)).

Only that a directory changed is told: what changed is found out by looking. So the
kernel is asked for one change, until somebody looks. Else each file that a command
renames would be two events, and a wakeup that takes the processor from the thread that
renames. When the kernel lost events, all are told.
"""

from __future__ import annotations

import ctypes
import os
from collections.abc import Callable
from contextlib import suppress
from itertools import chain
from struct import Struct
from typing import Any, ClassVar, Final

from twisted.internet.interfaces import IReadDescriptor
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import implementer

_EVENT: Final = Struct("iIII")
_MOVED_FROM: Final = 0x40
_MOVED_TO: Final = 0x80
_CREATE: Final = 0x100
_DELETE: Final = 0x200
_OVERFLOW: Final = 0x4000
_ONLY_DIRECTORIES: Final = 0x01000000
_ONCE: Final = 0x80000000
_NAMES: Final = _MOVED_FROM | _MOVED_TO | _CREATE | _DELETE
_MASK: Final = _NAMES | _ONLY_DIRECTORIES | _ONCE
_READ: Final = 64 * 1024

Hint = Callable[[], None]


@implementer(IReadDescriptor)
class Inotify:
    """One queue of the kernel for all directories that this process watches.

    It is a :class:`mailapp.storage.maildir.lookout.Notify`. The queue is opened when
    the first directory is watched.

    Args:
        reactor: reads it.
    """

    log: ClassVar = Logger()

    def __init__(self, reactor: Any) -> None:
        self._reactor = reactor
        self._libc = ctypes.CDLL(None, use_errno=True)
        self._fd = -1
        self._hints: dict[int, list[Hint]] = {}

    def __call__(self, path: bytes, hint: Hint) -> Callable[[], None]:
        """Call ``hint`` once, when names come or go, or the directory itself does.

        Who looks watches it again before. The returned function is for who does not
        want to hear of it any more.

        Raises:
            OSError: there is no such directory, or the user may have no more queues
                (fs.inotify.max_user_instances) or watch no more
                (fs.inotify.max_user_watches).
        """
        if self._fd < 0:
            self._fd = self._call("inotify_init1", os.O_NONBLOCK | os.O_CLOEXEC)
            self._reactor.addReader(self)
        # one descriptor for a directory, however often it is watched
        watched = self._call(
            "inotify_add_watch", self._fd, ctypes.c_char_p(path), _MASK
        )
        self._hints.setdefault(watched, []).append(hint)

        def stop() -> None:
            hints = self._hints.get(watched, [])
            with suppress(ValueError):
                hints.remove(hint)
                if not hints:
                    del self._hints[watched]
                    with suppress(OSError):
                        self._call("inotify_rm_watch", self._fd, watched)

        return stop

    def close(self) -> None:
        """Watch nothing any more. Closing twice is no error."""
        if self._fd >= 0:
            self._reactor.removeReader(self)
            os.close(self._fd)
            self._fd = -1
            self._hints.clear()

    def fileno(self) -> int:
        """See IFileDescriptor."""
        return self._fd

    def logPrefix(self) -> str:  # noqa: N802 - Twisted's name
        """See ILoggingContext."""
        return "inotify"

    def doRead(self) -> None:  # noqa: N802 - Twisted's name
        """See IReadDescriptor."""
        try:
            octets = os.read(self._fd, _READ)
        except BlockingIOError:
            return
        changed: dict[int, None] = {}
        at = 0
        while at < len(octets):
            watched, mask, _, length = _EVENT.unpack_from(octets, at)
            at += _EVENT.size + length
            if mask & _OVERFLOW:
                changed = dict.fromkeys(self._hints)
                break
            changed[watched] = None
        # also that the kernel watches no more, which it says after the first change
        told = [self._hints.pop(watched, ()) for watched in changed]
        for hint in chain.from_iterable(told):
            hint()

    def connectionLost(self, reason: Failure) -> None:
        """See IFileDescriptor: the reactor stops, or could not read."""
        del reason
        self.close()

    def _call(self, name: str, *arguments: object) -> int:
        result: int = getattr(self._libc, name)(*arguments)
        if result < 0:
            number = ctypes.get_errno()
            raise OSError(number, os.strerror(number))
        return result

"""Columns that no session needs any more, kept as long as there is room."""

from __future__ import annotations

from collections import OrderedDict
from threading import Lock, RLock
from typing import Final

from mailapp.storage.maildir.mailbox import Mailbox

MESSAGES_KEPT: Final = 500_000
"""In all columns of a process together, some 50 MB; those of sessions do not count."""


class Kept:
    """Forgets the columns that were looked at longest ago. Thread-safe."""

    def __init__(self, most: int = MESSAGES_KEPT) -> None:
        self._most = most
        self._used: OrderedDict[Mailbox, tuple[int, RLock]] = OrderedDict()
        self._sum = 0
        self._lock = Lock()

    def used(self, box: Mailbox, lock: RLock) -> None:
        """Somebody looked at it, and holds the lock of its account."""
        columns = box.tracked.latest
        count = len(columns) if columns is not None else 0
        victims: list[tuple[Mailbox, RLock]] = []
        with self._lock:
            before = self._used.pop(box, None)
            self._sum += count - (before[0] if before else 0)
            self._used[box] = (count, lock)
            while self._sum > self._most and len(self._used) > 1:
                victim, (its, other) = self._used.popitem(last=False)
                self._sum -= its
                victims.append((victim, other))
        for victim, other in victims:
            self._forget(victim, other)

    def _forget(self, box: Mailbox, lock: RLock) -> None:
        """Unless somebody uses it now; then it comes again."""
        if lock.acquire(blocking=False):
            try:
                if not box.sessions:
                    box.tracked.forget()
            finally:
                lock.release()

"""The indexes of a store's accounts, open while they are used."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable
from threading import Lock
from typing import Final
from weakref import WeakValueDictionary

from mailapp.storage.index.account_index import AccountIndex
from mailapp.storage.index.database import Database

OPEN_AT_ONCE: Final = 16
"""An open file takes some 120 KB of memory; to open one again takes 0.3 ms."""
IDLE_SECONDS: Final = 60
"""So long nobody used a file that :meth:`Indexes.rest` closes."""


class Indexes:
    """Gives each account its index. Thread-safe.

    Args:
        trouble: told the directory of an account whose index was thrown away, and why;
            called in any thread.
        seconds: a clock that may be read in any thread.
    """

    def __init__(
        self,
        trouble: Callable[[bytes, str], None],
        seconds: Callable[[], float] = time.monotonic,
    ) -> None:
        self._trouble = trouble
        self._seconds = seconds
        self._known: WeakValueDictionary[bytes, AccountIndex] = WeakValueDictionary()
        self._open: OrderedDict[Database, float] = OrderedDict()
        self._lock = Lock()

    def of(self, directory: bytes) -> AccountIndex:
        """The index in this directory."""
        with self._lock:
            index = self._known.get(directory)
            if index is None:
                database = Database(
                    directory, lambda why: self._trouble(directory, why), self._used
                )
                index = self._known[directory] = AccountIndex(database)
        return index

    def close(self) -> None:
        """Let go of all files."""
        with self._lock:
            opened = list(self._open)
            self._open.clear()
        for database in opened:
            database.close()

    @property
    def idle(self) -> bool:
        """Is there something to do for :meth:`rest`?"""
        with self._lock:
            first = next(iter(self._open.values()), None)
        return first is not None and first <= self._seconds() - IDLE_SECONDS

    def rest(self) -> None:
        """Let go of the files that nobody used lately. Blocks."""
        spare = []
        with self._lock:
            until = self._seconds() - IDLE_SECONDS
            for database, used_at in list(self._open.items()):
                if used_at <= until:
                    del self._open[database]
                    spare.append(database)
        for database in spare:
            database.rest()

    def _used(self, database: Database) -> None:
        """Files of those not used lately are closed: most just wait for mail."""
        with self._lock:
            opened = self._open
            opened[database] = self._seconds()
            opened.move_to_end(database)
            spare = (
                opened.popitem(last=False)[0] if len(opened) > OPEN_AT_ONCE else None
            )
        if spare is not None:
            spare.rest()

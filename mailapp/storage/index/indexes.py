"""The indexes of a store's accounts, open while they are used."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from threading import Lock
from typing import Final
from weakref import WeakValueDictionary

from mailapp.storage.index.account_index import AccountIndex
from mailapp.storage.index.database import Database

OPEN_AT_ONCE: Final = 16
"""An open file takes some 120 KB of memory; to open one again takes 0.3 ms."""


class Indexes:
    """Gives each account its index. Thread-safe.

    Args:
        trouble: told the directory of an account whose index was thrown away, and why;
            called in any thread.
    """

    def __init__(self, trouble: Callable[[bytes, str], None]) -> None:
        self._trouble = trouble
        self._known: WeakValueDictionary[bytes, AccountIndex] = WeakValueDictionary()
        self._open: OrderedDict[Database, None] = OrderedDict()
        self._lock = Lock()

    def of(self, directory: bytes) -> AccountIndex:
        """The index in this directory."""
        with self._lock:
            index = self._known.get(directory)
            if index is None:
                index = self._known[directory] = AccountIndex(
                    directory, lambda why: self._trouble(directory, why), self._used
                )
        return index

    def close(self) -> None:
        """Let go of all files."""
        with self._lock:
            opened = list(self._open)
            self._open.clear()
        for database in opened:
            database.close()

    def _used(self, database: Database) -> None:
        """Files of those not used lately are closed: most just wait for mail."""
        with self._lock:
            opened = self._open
            opened[database] = None
            opened.move_to_end(database)
            spare = (
                opened.popitem(last=False)[0] if len(opened) > OPEN_AT_ONCE else None
            )
        if spare is not None:
            spare.rest()

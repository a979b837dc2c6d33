"""The indexes of a store's accounts, open while they are used."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from threading import Lock
from typing import Final

from mailapp.storage.index.account_index import AccountIndex

OPEN_AT_ONCE: Final = 128


class Indexes:
    """Gives each account its index. Thread-safe.

    Args:
        trouble: told the directory of an account whose index was thrown away, and why;
            called in any thread.
    """

    def __init__(self, trouble: Callable[[bytes, str], None]) -> None:
        self._trouble = trouble
        self._known: OrderedDict[bytes, AccountIndex] = OrderedDict()
        self._lock = Lock()

    def of(self, directory: bytes) -> AccountIndex:
        """The index in this directory. Files of those not asked for lately are closed.

        They are opened again by themselves.
        """
        with self._lock:
            index = self._known.get(directory)
            if index is None:
                index = AccountIndex(
                    directory, lambda why: self._trouble(directory, why)
                )
                self._known[directory] = index
            self._known.move_to_end(directory)
            spare = None
            if len(self._known) > OPEN_AT_ONCE:
                _, spare = self._known.popitem(last=False)
        if spare is not None:
            spare.close()
        return index

    def close(self) -> None:
        """Let go of all files."""
        with self._lock:
            known = list(self._known.values())
            self._known.clear()
        for index in known:
            index.close()

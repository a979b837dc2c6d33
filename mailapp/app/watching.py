"""Who watches which mailboxes in other processes, and what is told to them.

A process tells the others when the first of its sessions watches an account, and when
the last one stops. Whoever changes a mailbox that nobody watches therefore tells
nobody: that costs one look into a table, also for a thousand deliveries a second.

What changes within a moment is told together; the first change is told at once. Nobody
needs to hear it to be right: each process also watches the directories (see
:class:`mailapp.storage.maildir.opened.Neighbours`).
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from typing import Any, Final

from mailapp.storage.types import AccountId, FolderId

TELL_EVERY: Final = 0.02
"""Seconds between two messages to others; the first is told at once."""
_BATCH: Final = 100  # rows in one message: below AMP's 64 KiB, however long names are

WATCHERS: Final = b"watchers"
CHANGES: Final = b"changes"

Tell = Callable[[bytes, object], None]
"""Tells a fact: its topic, perhaps with the one process that is to hear it."""


def addressed(topic: bytes, process: int) -> bytes:
    """A topic for one process only, by its number."""
    return b"%b %d" % (topic, process)


class Watching:
    """What this process tells and hears of mailboxes that are watched.

    Args:
        reactor: for the moments.
        tell: to the other processes; None: there are none.

    Attributes:
        on_changed: called with a mailbox that another process changed; None instead of
            it: which one is not known.
    """

    def __init__(self, reactor: Any, tell: Tell | None) -> None:
        self.on_changed: Callable[[AccountId, FolderId | None], None]
        self.on_changed = lambda _account, _folder: None
        self._reactor = reactor
        self._tell = tell
        self._here: set[AccountId] = set()
        self._elsewhere: dict[AccountId, set[int]] = {}
        self._news: dict[AccountId, bool] = {}
        self._changes: dict[int, dict[tuple[AccountId, FolderId | None], None]] = {}
        self._planned = False
        self._next = 0.0

    def start(self) -> None:
        """Ask the others what they watch."""
        if self._tell is not None:
            self._tell(WATCHERS, {"process": os.getpid(), "ask": True})

    def watched(self, account: AccountId, yes: bool) -> None:  # noqa: FBT001 - a state
        """An account is watched in this process from now on, or no longer is."""
        if self._tell is None:
            return
        (self._here.add if yes else self._here.discard)(account)
        self._news[account] = yes
        self._plan()

    def elsewhere(self, account: AccountId) -> bool:
        """Is it watched in another process? In any thread."""
        return account in self._elsewhere

    def changed(self, account: AccountId, folder: FolderId | None) -> None:
        """This process changed a mailbox. Hot."""
        processes = self._elsewhere.get(account)
        if processes:
            for process in processes:
                self._changes.setdefault(process, {})[account, folder] = None
            self._plan()

    def hear_watchers(self, fact: Any) -> None:
        """Another process watches other accounts than before, or asks."""
        process = int(fact["process"])
        for account in fact.get("begun", ()):
            self._elsewhere.setdefault(AccountId(account), set()).add(process)
        self._forget(process, fact.get("ended", ()))
        if fact.get("ask"):
            self._tell_watched(addressed(WATCHERS, process), "begun", self._here)

    def hear_changes(self, rows: Iterable[tuple[str, int | None]]) -> None:
        """Another process changed these."""
        for account, folder in rows:
            known = None if folder is None else FolderId(int(folder))
            self.on_changed(AccountId(account), known)

    def hear_gone(self, process: int) -> None:
        """A process has ended; it watches nothing."""
        self._changes.pop(process, None)
        self._forget(process, list(self._elsewhere))

    def _forget(self, process: int, accounts: Iterable[str]) -> None:
        for account in map(AccountId, accounts):
            processes = self._elsewhere.get(account)
            if processes is not None:
                processes.discard(process)
                if not processes:
                    del self._elsewhere[account]

    def _plan(self) -> None:
        if not self._planned:
            self._planned = True
            wait = max(0.0, self._next - self._reactor.seconds())
            self._reactor.callLater(wait, self._tell_all)

    def _tell_all(self) -> None:
        self._planned = False
        self._next = self._reactor.seconds() + TELL_EVERY
        news, self._news = self._news, {}
        for word, state in (("begun", True), ("ended", False)):
            accounts = [account for account, yes in news.items() if yes is state]
            self._tell_watched(WATCHERS, word, accounts)
        changes, self._changes = self._changes, {}
        for process, changed in changes.items():
            topic = addressed(CHANGES, process)
            for rows in _batches(changed):
                self._send(topic, rows)

    def _tell_watched(self, topic: bytes, word: str, accounts: Iterable[str]) -> None:
        for batch in _batches(accounts):
            self._send(topic, {"process": os.getpid(), word: batch})

    def _send(self, topic: bytes, fact: object) -> None:
        if self._tell is not None:
            self._tell(topic, fact)


def _batches(rows: Iterable[Any]) -> Iterable[list[Any]]:
    every = list(rows)
    for start in range(0, len(every), _BATCH):
        yield every[start : start + _BATCH]

"""App passwords in the accounts file: made, removed, and seen to be used."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Final

from mailapp.directory.schema import connect
from mailapp.directory.tables import change, touch
from mailapp.storage.types import AccountId

LABEL_LIMIT: Final = 64  # characters


class AppPasswordExists(Exception):
    """The account has one of this label."""


class NoSuchAppPassword(Exception):
    """The account has none of this label."""


class AppPasswordTable:
    """Writes them; :class:`mailapp.directory.accounts.Accounts` reads them.

    Each call opens the file for itself, so any thread may make it.

    Args:
        path: of the accounts file.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    def add(self, account: AccountId, label: str, digest: bytes, now: float) -> None:
        """Keep one more.

        Raises:
            NoSuchAccount: there is none.
            AppPasswordExists: the label is taken.
        """
        with closing(connect(self._path)) as file, change(file) as version:
            touch(file, account, "version = ?", version)
            try:
                file.execute(
                    "INSERT INTO app_password VALUES (?, ?, ?, ?, NULL)",
                    (account, label, digest, int(now)),
                )
            except sqlite3.IntegrityError:
                raise AppPasswordExists(label) from None

    def remove(self, account: AccountId, label: str) -> None:
        """Forget one: from now on it opens nothing, and what it opened is closed.

        Raises:
            NoSuchAccount: there is none.
            NoSuchAppPassword: nothing has this label.
        """
        with closing(connect(self._path)) as file, change(file) as version:
            touch(file, account, "version = ?", version)
            done = file.execute(
                "DELETE FROM app_password WHERE name = ? AND label = ?",
                (account, label),
            )
            if not done.rowcount:
                raise NoSuchAppPassword(label)

    def mark_used(self, account: AccountId, label: str, now: float) -> None:
        """It was used. No change of the account: its good logins stay good."""
        with closing(connect(self._path)) as file:
            file.execute(
                "UPDATE app_password SET used_at = ? WHERE name = ? AND label = ?",
                (int(now), account, label),
            )

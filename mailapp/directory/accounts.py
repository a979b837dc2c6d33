"""The accounts file: one SQLite file that the command line writes and workers read.

Reads are kept in memory until anybody changes the file, which ``PRAGMA data_version``
tells; so a change shows at the next call in every process. Asking costs a few system
calls and lets other threads in, so a server that is busy may ask less often.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from time import monotonic
from typing import Final, TypeVar

from mailapp.core.failures import TemporaryFailure
from mailapp.core.status import SYSTEM_TROUBLE
from mailapp.directory.schema import connect
from mailapp.directory.tables import (
    NoSuchAccount,
    change,
    read_lists,
    read_verifiers,
    touch,
    write_list,
    write_password,
)
from mailapp.directory.types import Account, ListSettings, NewPassword, Verifiers
from mailapp.storage.types import AccountId

__all__ = ["AccountExists", "Accounts", "NewPassword", "NoSuchAccount"]

_T = TypeVar("_T")

CACHE_LIMIT: Final = 100_000  # names, known and unknown; then all are forgotten


class AccountExists(Exception):
    """The name is taken."""


class Accounts:
    """The file, opened. Used by one thread.

    Args:
        path: made, with mode 0600, if it is not there.
        asked_every: seconds for which an answer counts, whether somebody else changed
            the file: what others write shows so much later.
        now: seconds of any clock that does not go back.

    Raises:
        AccountsFileProblem: it can't be used.
    """

    def __init__(
        self,
        path: Path,
        *,
        asked_every: float = 0.0,
        now: Callable[[], float] = monotonic,
    ) -> None:
        self._file = connect(path)
        self._asked_every = asked_every
        self._now = now
        self._ask_at = 0.0
        self._verifiers: dict[str, Verifiers | None] = {}
        self._aliases: dict[str, tuple[str, ...]] = {}
        self._lists: Mapping[str, ListSettings] | None = None
        self._data_version = -1
        self._generation = 0
        self._check = self._file.cursor()

    def close(self) -> None:
        """Let go of the file. Closing twice is no error."""
        self._file.close()

    # ---- reading

    def generation(self) -> int:
        """A number that is another one after every change of the file.

        Raises:
            TemporaryFailure: the file can't be read now.
        """
        if self._asked_every:
            now = self._now()
            if now < self._ask_at:
                return self._generation
            self._ask_at = now + self._asked_every
        try:
            (version,) = self._check.execute("PRAGMA data_version").fetchone()
        except sqlite3.Error as failure:
            raise TemporaryFailure(SYSTEM_TROUBLE) from failure
        if version != self._data_version:
            self._data_version = version
            self._forget()
        return self._generation

    def verifiers(self, account: AccountId) -> Verifiers | None:
        """What is known of an account, or None.

        Raises:
            TemporaryFailure: the file can't be read now.
        """
        self.generation()
        try:
            return self._verifiers[account]
        except KeyError:
            found = self._reading(lambda file: read_verifiers(file, account))
        if len(self._verifiers) >= CACHE_LIMIT:
            self._verifiers.clear()
        self._verifiers[account] = found
        return found

    def targets(self, address: str) -> tuple[str, ...]:
        """Targets of the alias ``local@domain`` or ``@domain``; () is no alias.

        Raises:
            TemporaryFailure: the file can't be read now.
        """
        self.generation()
        found = self._aliases.get(address)
        if found is None:
            rows = self._query("SELECT target FROM alias WHERE address = ?", address)
            found = tuple(target for (target,) in rows)
            if len(self._aliases) >= CACHE_LIMIT:
                self._aliases.clear()
            self._aliases[address] = found
        return found

    def oldest(self, domain: str) -> Account | None:
        """The first enabled account of a domain, else of all domains.

        Raises:
            TemporaryFailure: the file can't be read now.
        """
        rows = self._query(
            "SELECT name FROM account WHERE enabled = 1"
            " ORDER BY substr(name, -length(?1)) <> ?1, created_at, name LIMIT 1",
            f"@{domain}",
        )
        for (name,) in rows:
            if found := self.verifiers(AccountId(name)):
                return found.account
        return None

    def accounts(self) -> Sequence[Verifiers]:
        """All accounts by name.

        Raises:
            TemporaryFailure: the file can't be read now.
        """
        names = self._query("SELECT name FROM account ORDER BY name")
        return [v for (name,) in names if (v := self.verifiers(AccountId(name)))]

    def aliases(self) -> Sequence[tuple[str, str]]:
        """All aliases: address and target.

        Raises:
            TemporaryFailure: the file can't be read now.
        """
        rows = self._query("SELECT address, target FROM alias ORDER BY 1, 2")
        return [(address, target) for address, target in rows]

    def lists(self) -> Mapping[str, ListSettings]:
        """The aliases that are distribution lists.

        Raises:
            TemporaryFailure: the file can't be read now.
        """
        self.generation()
        if self._lists is None:
            self._lists = self._reading(read_lists)
        return self._lists

    # ---- writing

    def add(
        self,
        new: Iterable[tuple[AccountId, NewPassword]],
        *,
        now: float,
        quota_octets: int = 0,
    ) -> None:
        """Make accounts, all or none.

        Raises:
            AccountExists: its argument is the name that is taken.
        """
        with self._transaction() as version:
            for name, password in new:
                try:
                    self._file.execute(
                        "INSERT INTO account VALUES (?, 1, ?, ?, ?, '', NULL)",
                        (name, quota_octets, int(now), version),
                    )
                except sqlite3.IntegrityError:
                    raise AccountExists(name) from None
                write_password(self._file, name, password)

    def set_password(self, account: AccountId, password: NewPassword) -> None:
        """Replace whatever the account's logins are checked against.

        Raises:
            NoSuchAccount: there is none.
        """
        with self._transaction() as version:
            touch(self._file, account, "version = ?", version)
            write_password(self._file, account, password)

    def set_sealed(self, account: AccountId, sealed: bytes | None) -> None:
        """Keep, or forget, the reversible secret.

        Raises:
            NoSuchAccount: there is none.
        """
        with self._transaction() as version:
            touch(self._file, account, "sealed = ?, version = ?", sealed, version)

    def set_enabled(self, account: AccountId, *, enabled: bool) -> None:
        """Let the account log in and receive, or not.

        Raises:
            NoSuchAccount: there is none.
        """
        with self._transaction() as version:
            touch(
                self._file, account, "enabled = ?, version = ?", int(enabled), version
            )

    def remove(self, account: AccountId) -> None:
        """Forget the account; its mail is not touched.

        Raises:
            NoSuchAccount: there is none.
        """
        with self._transaction() as version:
            touch(self._file, account, "version = ?", version)
            self._file.execute("DELETE FROM account WHERE name = ?", (account,))

    def add_alias(self, address: str, targets: Iterable[str]) -> None:
        """Add targets to an alias; those it has already stay."""
        with self._transaction():
            self._file.executemany(
                "INSERT OR IGNORE INTO alias VALUES (?, ?)",
                [(address, target) for target in targets],
            )

    def remove_alias(self, address: str) -> bool:
        """Forget an alias or list; tell whether there was one."""
        with self._transaction():
            found = 0
            for table in ("alias", "list"):
                statement = f"DELETE FROM {table} WHERE address = ?"  # noqa: S608
                found += self._file.execute(statement, (address,)).rowcount
            return found > 0

    def remove_targets(self, address: str, targets: Iterable[str]) -> None:
        """Take targets from an alias, those that it has."""
        with self._transaction():
            self._file.executemany(
                "DELETE FROM alias WHERE address = ? AND target = ?",
                [(address, target) for target in targets],
            )

    def set_list(self, address: str, settings: ListSettings) -> None:
        """Make an alias a distribution list, or change what list it is."""
        with self._transaction():
            write_list(self._file, address, settings)

    def _forget(self) -> None:
        self._generation += 1
        self._verifiers.clear()
        self._aliases.clear()
        self._lists = None

    def _query(self, query: str, *values: object) -> list[tuple[str, ...]]:
        return self._reading(lambda file: file.execute(query, values).fetchall())

    def _reading(self, read: Callable[[sqlite3.Connection], _T]) -> _T:
        try:
            return read(self._file)
        except sqlite3.Error as failure:
            raise TemporaryFailure(SYSTEM_TROUBLE) from failure

    @contextmanager
    def _transaction(self) -> Iterator[int]:
        """Gives the number of this change."""
        with change(self._file) as version:
            yield version
        self._forget()  # data_version does not tell of our own changes

"""Rows of the accounts file to values and back."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from mailapp.core.address import parse_address
from mailapp.directory.types import (
    Account,
    AppPassword,
    ListSettings,
    NewPassword,
    Posting,
    Verifiers,
)
from mailapp.sasl.mechanism import Verifier
from mailapp.storage.types import AccountId


class NoSuchAccount(Exception):
    """There is no account of this name."""


@contextmanager
def change(connection: sqlite3.Connection) -> Iterator[int]:
    """A transaction that changes something; gives the number of this change."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        connection.execute("UPDATE change SET count = count + 1")
        (version,) = connection.execute("SELECT count FROM change").fetchone()
        yield version
    except BaseException:
        connection.execute("ROLLBACK")
        raise
    connection.execute("COMMIT")


def touch(
    connection: sqlite3.Connection,
    account: AccountId,
    assignments: str,
    *values: object,
) -> None:
    """Change columns of an account's row.

    Raises:
        NoSuchAccount: there is none.
    """
    done = connection.execute(
        f"UPDATE account SET {assignments} WHERE name = ?",  # noqa: S608 - ours
        (*values, account),
    )
    if not done.rowcount:
        raise NoSuchAccount(account)


def read_verifiers(connection: sqlite3.Connection, name: AccountId) -> Verifiers | None:
    """What is known of an account, or None.

    Raises:
        sqlite3.Error: it can't be read now.
    """
    row = connection.execute(
        "SELECT enabled, quota_octets, version, password, sealed"
        " FROM account WHERE name = ?",
        (name,),
    ).fetchone()
    if row is None:
        return None
    enabled, quota_octets, version, password, sealed = row
    scram = connection.execute(
        "SELECT mechanism, salt, iterations, stored_key, server_key"
        " FROM scram WHERE name = ?",
        (name,),
    )
    app_passwords = connection.execute(
        "SELECT label, digest, created_at, used_at FROM app_password"
        " WHERE name = ? ORDER BY label",
        (name,),
    )
    return Verifiers(
        account=Account(name, bool(enabled), quota_octets),
        version=version,
        password=password,
        scram={mechanism: Verifier(*values) for mechanism, *values in scram},
        sealed=sealed,
        app_passwords=tuple(AppPassword(*row) for row in app_passwords),
    )


def read_lists(connection: sqlite3.Connection) -> Mapping[str, ListSettings]:
    """All distribution lists by address.

    Raises:
        sqlite3.Error: they can't be read now.
    """
    rows = connection.execute("SELECT address, owner, posting, title FROM list")
    return {
        address: ListSettings(parse_address(owner.encode()), Posting(posting), title)
        for address, owner, posting, title in rows
    }


def write_list(
    connection: sqlite3.Connection, address: str, settings: ListSettings
) -> None:
    """Make the alias a list, or change what list it is."""
    connection.execute(
        "INSERT OR REPLACE INTO list VALUES (?, ?, ?, ?)",
        (address, str(settings.owner), settings.posting.value, settings.title),
    )


def write_password(
    connection: sqlite3.Connection, account: AccountId, new: NewPassword
) -> None:
    """Replace all that the account's logins are checked against."""
    connection.execute(
        "UPDATE account SET password = ?, sealed = ? WHERE name = ?",
        (new.hash, new.sealed, account),
    )
    connection.execute("DELETE FROM scram WHERE name = ?", (account,))
    connection.executemany(
        "INSERT INTO scram VALUES (?, ?, ?, ?, ?, ?)",
        [
            (account, mechanism, v.salt, v.iterations, v.stored_key, v.server_key)
            for mechanism, v in new.scram.items()
        ],
    )

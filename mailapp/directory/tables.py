"""Rows of the accounts file to values and back."""

from __future__ import annotations

import sqlite3

from mailapp.directory.types import Account, NewPassword, Verifiers
from mailapp.sasl.mechanism import Verifier
from mailapp.storage.types import AccountId


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
    return Verifiers(
        account=Account(name, bool(enabled), quota_octets),
        version=version,
        password=password,
        scram={mechanism: Verifier(*values) for mechanism, *values in scram},
        sealed=sealed,
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

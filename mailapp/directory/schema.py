"""The tables of the accounts file, and how an older file becomes a newer one."""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path
from typing import Final

APPLICATION_ID: Final = 0x6D61_6363  # "macc", as file(1) shows it

# One entry per version of the schema; PRAGMA user_version counts those applied.
MIGRATIONS: Final[tuple[tuple[str, ...], ...]] = (
    (
        """CREATE TABLE account (
            name TEXT PRIMARY KEY,         -- user@domain, canonical
            enabled INTEGER NOT NULL,
            quota_octets INTEGER NOT NULL, -- 0: no limit
            created_at INTEGER NOT NULL,   -- seconds since the epoch
            version INTEGER NOT NULL,      -- of change, below
            password TEXT NOT NULL,        -- argon2 in PHC form, or empty
            sealed BLOB                    -- reversible secret, encrypted
        ) STRICT, WITHOUT ROWID""",
        """CREATE TABLE scram (
            name TEXT NOT NULL REFERENCES account ON DELETE CASCADE,
            mechanism TEXT NOT NULL,
            salt BLOB NOT NULL,
            iterations INTEGER NOT NULL,
            stored_key BLOB NOT NULL,
            server_key BLOB NOT NULL,
            PRIMARY KEY (name, mechanism)
        ) STRICT, WITHOUT ROWID""",
        """CREATE TABLE alias (
            address TEXT NOT NULL,         -- local@domain; @domain catches all
            target TEXT NOT NULL,
            PRIMARY KEY (address, target)
        ) STRICT, WITHOUT ROWID""",
        "CREATE TABLE change (count INTEGER NOT NULL) STRICT",
        "INSERT INTO change VALUES (0)",
    ),
    (
        """CREATE TABLE app_password (
            name TEXT NOT NULL REFERENCES account ON DELETE CASCADE,
            label TEXT NOT NULL,
            digest BLOB NOT NULL,          -- keyed
            created_at INTEGER NOT NULL,
            used_at INTEGER,               -- to the day; NULL: never
            PRIMARY KEY (name, label)
        ) STRICT, WITHOUT ROWID""",
    ),
    (
        # its members are the targets of the alias of its name
        """CREATE TABLE list (
            address TEXT PRIMARY KEY,      -- local@domain
            owner TEXT NOT NULL,           -- an address
            posting TEXT NOT NULL,         -- anyone, members or owner
            title TEXT NOT NULL
        ) STRICT, WITHOUT ROWID""",
    ),
)


class AccountsFileProblem(Exception):
    """The accounts file can't be used; the text says why and what to do."""


def connect(path: Path, *, timeout_seconds: float = 5.0) -> sqlite3.Connection:
    """Open the accounts file, made if it is not there, and bring it up to date.

    Raises:
        AccountsFileProblem: it is readable for others, not ours, or too new.
        sqlite3.Error, OSError: it can't be opened.
    """
    _make_private(path)
    connection = sqlite3.connect(
        path, timeout=timeout_seconds, isolation_level=None, cached_statements=64
    )
    try:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA foreign_keys = ON")
        # old hashes and sealed secrets are overwritten, not just unlinked
        connection.execute("PRAGMA secure_delete = ON")
        _migrate(connection, path)
    except BaseException:
        connection.close()
        raise
    return connection


def _make_private(path: Path) -> None:
    """Have a file of mode 0600 that belongs to whom its directory belongs to."""
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        mode = path.stat().st_mode
        if mode & 0o077:
            text = f"{path}: others may read it; run: chmod 600 {path}"
            raise AccountsFileProblem(text) from None
        return
    try:
        if os.geteuid() == 0:
            # an admin's first command as root must not lock the server out
            owner = path.parent.stat()
            os.fchown(descriptor, owner.st_uid, owner.st_gid)
    finally:
        os.close(descriptor)


def _migrate(connection: sqlite3.Connection, path: Path) -> None:
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    if version == len(MIGRATIONS):
        return
    if version > len(MIGRATIONS):
        text = f"{path}: written by a newer mailapp (schema {version})"
        raise AccountsFileProblem(text)
    connection.execute("BEGIN IMMEDIATE")
    try:
        (version,) = connection.execute("PRAGMA user_version").fetchone()
        for statements in MIGRATIONS[version:]:
            for statement in statements:
                connection.execute(statement)
        connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        connection.execute(f"PRAGMA user_version = {len(MIGRATIONS)}")
    except BaseException:
        connection.execute("ROLLBACK")
        raise
    connection.execute("COMMIT")

"""One SQLite file that may be deleted, damaged or locked at any time."""

from __future__ import annotations

import os
import secrets
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from threading import RLock
from typing import Final

from mailapp.storage.index.schema import SETTINGS, TABLES, VERSION

FILE: Final = b"index.sqlite"
BUSY_SECONDS: Final = 5.0
_SERIAL_BITS: Final = 30
_PARTS: Final = (b"", b"-wal", b"-shm", b"-journal")


class Lost(Exception):
    """The index can't be used now, or it was thrown away: go on without it."""


def unnoticed(_database: Database) -> None:
    """Nobody wants to know."""


class Database:
    """The connection of this process to the index of one account. Blocks.

    Args:
        directory: of the account.
        trouble: told why a file was thrown away.
        used: told of each use, at its end.
    """

    def __init__(
        self,
        directory: bytes,
        trouble: Callable[[str], None],
        used: Callable[[Database], None] = unnoticed,
    ) -> None:
        self.path: Final = directory + b"/" + FILE
        self._trouble = trouble
        self._used = used
        self._connection: sqlite3.Connection | None = None
        self._inodes = (0, 0, 0)
        self._lock = RLock()

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """Write, alone; all or nothing.

        Raises:
            Lost: nothing was written.
        """
        with self._work() as connection:
            connection.execute("BEGIN IMMEDIATE")
            try:
                yield connection
                connection.execute("COMMIT")
            except BaseException:
                with suppress(sqlite3.Error):
                    connection.execute("ROLLBACK")
                raise

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """Read.

        Raises:
            Lost: there is nothing to read.
        """
        with self._work() as connection:
            yield connection

    def close(self) -> None:
        """Let go of the file."""
        with self._lock:
            if self._connection is not None:
                with suppress(sqlite3.Error):
                    self._connection.close()
                self._connection = None

    def rest(self) -> None:
        """Let go of the file, unless somebody works; the next use opens it again."""
        if self._lock.acquire(blocking=False):
            try:
                self.close()
            finally:
                self._lock.release()

    def throw_away(self, why: str) -> None:
        """Remove the file, so that the next who asks starts anew."""
        with self._lock:
            self.close()
            for part in _PARTS:
                with suppress(OSError):
                    os.unlink(self.path + part)
        self._trouble(why)

    @contextmanager
    def _work(self) -> Iterator[sqlite3.Connection]:
        try:
            with self._lock, self._losing():
                yield self._opened()
        finally:
            # also when it failed: the file may be open now
            if self._connection is not None:
                self._used(self)

    @contextmanager
    def _losing(self) -> Iterator[None]:
        """What the file is worth after an error."""
        try:
            yield
        except sqlite3.OperationalError as problem:
            if _passes(problem):
                raise Lost from problem
            self.throw_away(str(problem))
            raise Lost from problem
        except sqlite3.Error as problem:
            self.throw_away(str(problem))
            raise Lost from problem
        except OSError as problem:
            raise Lost from problem

    def _opened(self) -> sqlite3.Connection:
        """The connection, to the files that have the names now."""
        if self._connection is not None:
            if self._named() == self._inodes:
                return self._connection
            self.close()
        with suppress(FileExistsError):
            os.close(os.open(self.path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
        connection = sqlite3.connect(
            os.fsdecode(self.path),
            timeout=BUSY_SECONDS,
            isolation_level=None,
            check_same_thread=False,
        )
        try:
            connection.executescript(SETTINGS)
            self._prepare(connection)
        except BaseException:
            connection.close()
            raise
        self._connection, self._inodes = connection, self._named()
        return connection

    def _prepare(self, connection: sqlite3.Connection) -> None:
        """Make the tables, if nobody has."""
        if _version(connection) == VERSION:
            return
        connection.execute("BEGIN IMMEDIATE")
        version = _version(connection)
        if version == 0:
            for statement in TABLES.split(";\n"):
                connection.execute(statement)
            # who knows a serial of a file that is lost finds nothing under it here
            first = secrets.randbits(_SERIAL_BITS)
            connection.execute(
                "INSERT INTO sqlite_sequence (name, seq) VALUES ('box', ?)", (first,)
            )
            connection.execute(f"PRAGMA user_version = {VERSION}")
        connection.execute("COMMIT")
        if version not in {0, VERSION}:
            msg = "another version"
            raise sqlite3.DatabaseError(msg)

    def _named(self) -> tuple[int, int, int]:
        """Device and number of the file that has the name, number of its log.

        Somebody may have deleted only the log, and another process begun a new one:
        both writing would damage the file.
        """
        try:
            seen = os.stat(self.path)
        except FileNotFoundError:
            return 0, 0, 0
        try:
            log = os.stat(self.path + b"-wal").st_ino
        except FileNotFoundError:
            log = 0
        return seen.st_dev, seen.st_ino, log


def _version(connection: sqlite3.Connection) -> int:
    return int(connection.execute("PRAGMA user_version").fetchone()[0])


def _passes(problem: sqlite3.OperationalError) -> bool:
    """Is it a trouble of the moment, and the file is good?"""
    code = getattr(problem, "sqlite_errorcode", 0) & 0xFF
    return code in {
        sqlite3.SQLITE_BUSY,
        sqlite3.SQLITE_LOCKED,
        sqlite3.SQLITE_FULL,
        sqlite3.SQLITE_IOERR,
        sqlite3.SQLITE_CANTOPEN,
        sqlite3.SQLITE_READONLY,
        sqlite3.SQLITE_NOMEM,
        sqlite3.SQLITE_INTERRUPT,
    }

"""The durable record of what came into one account: each message comes exactly once.

An SQLite file beside the mail, and a lock that one process at a time holds. The order:

1. the messages of a batch lie in files that no mailbox shows yet;
2. ``intend``: what they are and where they go is on disk, and with it that the batch
   before has come;
3. the commit: they are in the mailbox, durably;
4. ``arrived``, which goes to the disk with the next ``intend`` or ``close``.

After a crash there is at most one batch of intents. The store shows of an interrupted
commit each message or not; so each is looked for among the messages that the mailbox
got since (:mod:`mailapp.moving.traces`). It is there: then it came. It is not: then it
comes again.

Keys are hashes of 16 octets, so that 1,000,000 messages take some 30 MB on disk, and
nothing in memory. All methods block.
"""

from __future__ import annotations

import hashlib
import json
import sqlite3
from collections.abc import Iterable, Sequence
from typing import Final, Self

from attrs import frozen

from mailapp.moving.types import MoveProblem
from mailapp.storage.files import Files

NAME: Final = b"mailapp-import.sqlite"
LOCK: Final = b"mailapp-import.lock"
_KEY_OCTETS: Final = 16
_CACHE_KIB: Final = 4096
_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS done (
    source BLOB NOT NULL, key BLOB NOT NULL, PRIMARY KEY (source, key)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS intent (
    source BLOB NOT NULL, key BLOB NOT NULL, mailbox TEXT NOT NULL,
    uid_validity INTEGER NOT NULL, uid_next INTEGER NOT NULL,
    digest BLOB NOT NULL, size INTEGER NOT NULL, received INTEGER NOT NULL
);
"""


@frozen
class Intent:
    """A message that is about to come.

    Attributes:
        key: of :meth:`Journal.key_of`.
        mailbox: where it goes.
        uid_validity: of the mailbox.
        uid_next: of the mailbox, before it came: it gets this UID or a higher one.
        digest: of its octets on the wire.
        size: so many are they.
        received: seconds since the epoch.
    """

    key: bytes
    mailbox: tuple[str, ...]
    uid_validity: int
    uid_next: int
    digest: bytes
    size: int
    received: int


class Journal:
    """The journal of one account, locked, for one source.

    Args:
        connection: to the file.
        files: the disk.
        lock: held as long as it is open.
        source: key of the source.
    """

    def __init__(
        self, connection: sqlite3.Connection, files: Files, lock: int, source: bytes
    ) -> None:
        self._connection = connection
        self._files = files
        self._lock = lock
        self._source = _hash(source)

    @classmethod
    def open(cls, files: Files, directory: bytes, source: bytes) -> Self:
        """Lock and open it; it is made if it is not there.

        Args:
            files: the disk.
            directory: of the account.
            source: key of the source.

        Raises:
            MoveProblem: another import into this account is running.
            OSError, sqlite3.Error: it can't be opened.
        """
        lock = files.open_scratch(directory + b"/" + LOCK)
        try:
            _lock(files, lock)
            path = (directory + b"/" + NAME).decode("utf-8", "surrogateescape")
            connection = sqlite3.connect(
                path, isolation_level=None, check_same_thread=False
            )
        except BaseException:
            files.close(lock)
            raise
        journal = cls(connection, files, lock, source)
        try:
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = FULL")
            connection.execute(f"PRAGMA cache_size = -{_CACHE_KIB}")
            connection.executescript(_SCHEMA)
        except BaseException:
            journal.close()
            raise
        return journal

    def close(self) -> None:
        """Let others have it; what arrived is noted by then. Closing twice is no error.

        Raises:
            sqlite3.Error: the next run will look for the last batch in its mailbox.
        """
        lock, self._lock = self._lock, -1
        if lock < 0:
            return
        try:
            self._connection.close()
        finally:
            self._files.close(lock)

    def key_of(self, shelf: bytes, key: bytes) -> bytes:
        """The key of a message of the source."""
        return _hash(b"%d:%b%b" % (len(shelf), shelf, key))

    def knows(self, key: bytes) -> bool:
        """The message has come."""
        found = self._connection.execute(
            "SELECT 1 FROM done WHERE source = ? AND key = ?", (self._source, key)
        )
        return found.fetchone() is not None

    def forget(self) -> None:
        """Know nothing of the source any more."""
        with self._connection:
            self._connection.execute("BEGIN IMMEDIATE")
            self._connection.execute(
                "DELETE FROM done WHERE source = ?", (self._source,)
            )

    def pending(self) -> list[Intent]:
        """What was about to come when a run broke off, whatever its source was."""
        rows = self._connection.execute(
            "SELECT key, mailbox, uid_validity, uid_next, digest, size, received"
            " FROM intent"
        )
        return [
            Intent(key, tuple(json.loads(mailbox)), *rest)
            for key, mailbox, *rest in rows
        ]

    def settle(self, lost: Sequence[Intent] = ()) -> None:
        """What was pending has come, but for these; durable when this returns."""
        self._write((), [(intent.key,) for intent in lost])

    def intend(self, intents: Iterable[Intent]) -> None:
        """These are about to come, those of before have; durable when this returns."""
        self._write(
            [
                (
                    self._source,
                    intent.key,
                    json.dumps(intent.mailbox),
                    intent.uid_validity,
                    intent.uid_next,
                    intent.digest,
                    intent.size,
                    intent.received,
                )
                for intent in intents
            ]
        )

    def _write(
        self, rows: Sequence[tuple[object, ...]], lost: Sequence[tuple[bytes]] = ()
    ) -> None:
        with self._connection as connection:
            connection.execute("BEGIN IMMEDIATE")
            connection.executemany("DELETE FROM intent WHERE key = ?", lost)
            connection.execute(
                "INSERT OR IGNORE INTO done SELECT source, key FROM intent"
            )
            connection.execute("DELETE FROM intent")
            connection.executemany("INSERT INTO intent VALUES (?,?,?,?,?,?,?,?)", rows)


def _hash(octets: bytes) -> bytes:
    return hashlib.blake2b(octets, digest_size=_KEY_OCTETS).digest()


def _lock(files: Files, fd: int) -> None:
    if not files.lock(fd, wait=False):
        msg = "another import into this account is running"
        raise MoveProblem(msg, lasting=False)

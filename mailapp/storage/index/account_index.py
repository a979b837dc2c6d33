"""What is remembered of the mailboxes of one account.

Nobody has to believe it: whoever takes columns from here compares the mtimes that were
noted with them. Every method blocks, may be called in any thread, and does without the
file when there is trouble with it.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from attrs import frozen

from mailapp.message.imap_facts import Kind
from mailapp.storage.index.database import Database, Lost
from mailapp.storage.index.kinds import kind_name, kind_of
from mailapp.storage.index.texts import COLUMNS, answerable, match
from mailapp.storage.types import UID, TextMatches, TextQuery

HISTORY: Final = 10_000
"""Expunged UIDs of a mailbox that are remembered."""
_MANY: Final = 4
UID_BITS: Final = 32


@frozen
class Known:
    """The row of a mailbox.

    Attributes:
        serial: names this mailbox under this UIDVALIDITY, here only.
        modseq: of the last change that is in here.
        stamp: of its directories, as the store wrote it.
        saved: of the columns; 0: there are none.
        since: how far back expunged UIDs are remembered.
        texts_to: all messages up to this UID are in the full text.
    """

    serial: int
    validity: int
    uid_next: int
    modseq: int
    stamp: bytes
    saved: int
    since: int
    texts_to: int


@frozen
class Changed:
    """A message came or got another name; or it went, and has none."""

    modseq: int
    uid: int
    name: bytes | None
    received: int = 0


@frozen
class State:
    """A mailbox as it is now."""

    folder: int
    validity: int
    uid_next: int
    modseq: int
    stamp: bytes


class AccountIndex:
    """See the module.

    Args:
        database: its file.
    """

    def __init__(self, database: Database) -> None:
        self.database: Final = database

    def close(self) -> None:
        """Let go of the file."""
        self.database.close()

    def integrity(self) -> str | None:
        """What SQLite finds wrong with the file; None: nothing."""
        try:
            with self.database.reading() as connection:
                (found,) = connection.execute("PRAGMA integrity_check(1)").fetchone()
        except Lost as problem:
            return str(problem.__cause__)
        return None if found == "ok" else str(found)

    # ---- columns

    def known(self, folder: int, validity: int) -> Known | None:
        """What is known of a mailbox; None: nothing."""
        try:
            with self.database.reading() as connection:
                return _known(connection, folder, validity)
        except Lost:
            return None

    def columns(self, serial: int) -> bytes | None:
        """The columns that were saved last."""
        sql = "SELECT columns FROM box WHERE serial = ?"
        try:
            with self.database.reading() as connection:
                row = connection.execute(sql, (serial,)).fetchone()
        except Lost:
            return None
        return None if row is None else row[0]

    def changes(self, serial: int, after: int) -> list[Changed] | None:
        """Changes after a MODSEQ, in their order; None: they can't be read."""
        sql = (
            "SELECT modseq, uid, name, received FROM change"
            " WHERE serial = ? AND modseq > ? ORDER BY modseq"
        )
        try:
            with self.database.reading() as connection:
                return [
                    Changed(*row) for row in connection.execute(sql, (serial, after))
                ]
        except Lost:
            return None

    def note(self, state: State, after: int, changes: Sequence[Changed]) -> bool:
        """Add changes to what is known; False: they don't fit to that, so save all.

        Args:
            state: with the changes.
            after: the MODSEQ to which they were made.
            changes: all of them, in their order.
        """
        try:
            with self.database.transaction() as connection:
                known = _known(connection, state.folder, state.validity)
                if known is None or known.modseq != after:
                    return False
                connection.execute(
                    "UPDATE box SET uid_next = ?, modseq = ?, stamp = ?"
                    " WHERE serial = ?",
                    (state.uid_next, state.modseq, state.stamp, known.serial),
                )
                _insert(connection, known.serial, changes)
        except Lost:
            return False
        return True

    def save(
        self, state: State, columns: bytes, since: int, gone: Sequence[Changed]
    ) -> None:
        """Take down a mailbox whole.

        Args:
            state: as it is.
            columns: of that state.
            since: how far back ``gone`` reaches.
            gone: messages that went.
        """
        try:
            with self.database.transaction() as connection:
                serial = _saved(connection, state, columns, since)
                connection.execute(
                    "DELETE FROM change WHERE serial = ?"
                    " AND (name IS NOT NULL OR modseq <= ?)",
                    (serial, since),
                )
                _insert(connection, serial, gone)
        except Lost:
            return

    # ---- facts

    def serial(self, folder: int, validity: int) -> int | None:
        """What facts and texts of a mailbox are kept under; None: not known."""
        known = self.known(folder, validity)
        return None if known is None else known.serial

    def facts(
        self, serial: int, uids: Sequence[int], kinds: Iterable[Kind]
    ) -> Mapping[Kind, Mapping[int, bytes]]:
        """Facts that are kept, perhaps also some of messages in between."""
        low, high = min(uids), max(uids)
        few = high - low > _MANY * len(uids)
        sql = "SELECT uid, value FROM fact WHERE serial = ? AND kind = ?"
        try:
            with self.database.reading() as connection:
                found: dict[Kind, dict[int, bytes]] = {}
                for kind in kinds:
                    key = (serial, self._kind(connection, kind))
                    if few:
                        one = f"{sql} AND uid = ?"
                        rows = [
                            row
                            for uid in uids
                            for row in connection.execute(one, (*key, uid))
                        ]
                    else:
                        several = f"{sql} AND uid BETWEEN ? AND ?"
                        rows = connection.execute(several, (*key, low, high)).fetchall()
                    found[kind] = dict(rows)
                return found
        except Lost:
            return {}

    def kinds(self) -> list[Kind]:
        """All kinds of which there are facts, or were."""
        try:
            with self.database.reading() as connection:
                rows = connection.execute("SELECT name FROM kind ORDER BY name")
                kinds = [kind_of(name) for (name,) in rows]
        except Lost:
            return []
        return [kind for kind in kinds if kind is not None]

    def keep(
        self, serial: int, found: Sequence[tuple[int, Mapping[Kind, bytes]]]
    ) -> None:
        """Keep facts by UID."""
        sql = (
            "INSERT OR REPLACE INTO fact (serial, kind, uid, value) VALUES (?, ?, ?, ?)"
        )
        try:
            with self.database.transaction() as connection:
                kinds = {kind for _, values in found for kind in values}
                ids = {kind: self._kind(connection, kind) for kind in kinds}
                rows = [
                    (serial, ids[kind], uid, value)
                    for uid, values in found
                    for kind, value in values.items()
                ]
                connection.executemany(sql, rows)
        except Lost:
            return

    # ---- full text

    def search(self, serial: int, query: TextQuery) -> TextMatches | None:
        """The messages with this text, as far as they are in here; None: can't tell."""
        if not answerable(query):
            return None
        sql = "SELECT rowid FROM texts WHERE texts MATCH ? AND rowid BETWEEN ? AND ?"
        low = serial << UID_BITS
        limits = (low, low + (1 << UID_BITS) - 1)
        try:
            with self.database.reading() as connection:
                # asked again: this may be another file than the serial is of
                box = connection.execute(
                    "SELECT texts_to FROM box WHERE serial = ?", (serial,)
                ).fetchone()
                if box is None or not box[0]:
                    return None
                rows = connection.execute(sql, (match(query), *limits)).fetchall()
        except Lost:
            return None
        return TextMatches({UID(row[0] - low) for row in rows}, box[0])

    def add_texts(
        self, serial: int, texts: Sequence[tuple[int, tuple[str, ...]]], reached: int
    ) -> bool:
        """Put texts in by UID; all messages up to ``reached`` are there then."""
        names = ", ".join(COLUMNS)
        sql = f"INSERT INTO texts (rowid, {names}) VALUES (?, ?, ?, ?, ?, ?, ?, ?)"  # noqa: S608 - of ours
        low = serial << UID_BITS
        try:
            with self.database.transaction() as connection:
                row = connection.execute(
                    "SELECT texts_to FROM box WHERE serial = ?", (serial,)
                ).fetchone()
                if row is None:
                    return False
                fresh = [(low + uid, *each) for uid, each in texts if uid > row[0]]
                connection.executemany(sql, fresh)
                connection.execute(
                    "UPDATE box SET texts_to = max(texts_to, ?) WHERE serial = ?",
                    (reached, serial),
                )
        except Lost:
            return False
        return True

    def _kind(self, connection: sqlite3.Connection, kind: Kind) -> int:
        """The number of a kind."""
        name = kind_name(kind)
        sql = "SELECT id FROM kind WHERE name = ?"
        row = connection.execute(sql, (name,)).fetchone()
        if row is None:
            connection.execute("INSERT OR IGNORE INTO kind (name) VALUES (?)", (name,))
            row = connection.execute(sql, (name,)).fetchone()
        return int(row[0])


def _known(connection: sqlite3.Connection, folder: int, validity: int) -> Known | None:
    row = connection.execute(
        "SELECT serial, validity, uid_next, modseq, stamp, saved, since, texts_to"
        " FROM box WHERE folder = ?",
        (folder,),
    ).fetchone()
    return Known(*row) if row is not None and row[1] == validity else None


def _saved(
    connection: sqlite3.Connection, state: State, columns: bytes, since: int
) -> int:
    """Write the row of a mailbox; its serial. Another UIDVALIDITY begins anew."""
    known = _known(connection, state.folder, state.validity)
    if known is not None:
        connection.execute(
            "UPDATE box SET uid_next = ?, modseq = ?, stamp = ?, saved = ?, since = ?,"
            " columns = ? WHERE serial = ?",
            (
                state.uid_next,
                state.modseq,
                state.stamp,
                state.modseq,
                since,
                columns,
                known.serial,
            ),
        )
        return known.serial
    old = connection.execute(
        "SELECT serial FROM box WHERE folder = ?", (state.folder,)
    ).fetchone()
    if old is not None:
        for table in ("box", "change", "fact"):
            connection.execute(f"DELETE FROM {table} WHERE serial = ?", old)  # noqa: S608 - of ours
    serial = connection.execute(
        "INSERT INTO box (folder, validity, uid_next, modseq, stamp, saved, since,"
        " columns) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        (
            state.folder,
            state.validity,
            state.uid_next,
            state.modseq,
            state.stamp,
            state.modseq,
            since,
            columns,
        ),
    ).lastrowid
    assert serial is not None  # noqa: S101 - a row was inserted
    return serial


def _insert(
    connection: sqlite3.Connection, serial: int, changes: Sequence[Changed]
) -> None:
    connection.executemany(
        "INSERT OR REPLACE INTO change (serial, modseq, uid, name, received)"
        " VALUES (?, ?, ?, ?, ?)",
        [(serial, c.modseq, c.uid, c.name, c.received) for c in changes],
    )
    gone = [(serial, c.uid) for c in changes if c.name is None]
    if gone:
        connection.executemany(
            "DELETE FROM fact WHERE serial = ? AND kind IN (SELECT id FROM kind)"
            " AND uid = ?",
            gone,
        )

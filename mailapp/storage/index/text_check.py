"""Is the text of a message in the index? Texts are not kept there, so it is asked."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from mailapp.storage.index.account_index import UID_BITS, AccountIndex
from mailapp.storage.index.database import Lost
from mailapp.storage.index.texts import COLUMNS, SHORTEST

_LENGTH: Final = 24
"""Characters of a piece that is asked for; three pieces of each text are."""


def without_text(
    index: AccountIndex, serial: int, texts: Sequence[tuple[int, tuple[str, ...]]]
) -> list[int]:
    """The UIDs of those messages that pieces of their texts do not lead to."""
    sql = "SELECT 1 FROM texts WHERE texts MATCH ? AND rowid = ?"
    low = serial << UID_BITS
    found = []
    try:
        with index.database.reading() as connection:
            for uid, own in texts:
                match = " AND ".join(_pieces(own))
                row = (match, low + uid)
                if match and connection.execute(sql, row).fetchone() is None:
                    found.append(uid)
    except Lost:
        return []
    return found


def _pieces(texts: tuple[str, ...]) -> Iterator[str]:
    """Pieces of a beginning, a middle and an end, as the table is asked for them."""
    for column, text in zip(COLUMNS, texts, strict=True):
        middle = len(text) // 2
        pieces = (text[:_LENGTH], text[middle : middle + _LENGTH], text[-_LENGTH:])
        for piece in dict.fromkeys(pieces):
            if len(piece) >= SHORTEST:
                quoted = piece.replace('"', '""')
                yield f'({column} : "{quoted}")'

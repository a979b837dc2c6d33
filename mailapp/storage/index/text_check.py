"""Is the text of a message in the index, and no other? Texts are not kept there.

So it is asked for pieces of them, and how much it has of each.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from operator import itemgetter
from typing import Final

from mailapp.storage.index.account_index import UID_BITS, AccountIndex
from mailapp.storage.index.database import Lost
from mailapp.storage.index.texts import COLUMNS, SHORTEST

_PLACES: Final = (
    "CREATE VIRTUAL TABLE temp.places USING fts5vocab('main', 'texts', 'instance')"
)
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


def kept(index: AccountIndex, serial: int) -> Mapping[int, int]:
    """By UID, in how many places of its text the index has three characters.

    Takes a millisecond for a message of 4 KB: all that is kept is gone through.
    """
    low = serial << UID_BITS
    high = low + (1 << UID_BITS)
    try:
        with index.database.reading() as connection:
            connection.execute(_PLACES)
            rows = connection.execute("SELECT doc FROM temp.places")
            counted = Counter(map(itemgetter(0), rows))
            connection.execute("DROP TABLE temp.places")
    except Lost:
        return {}
    return {row - low: n for row, n in counted.items() if low <= row < high}


def places(texts: tuple[str, ...]) -> int:
    """In how many the texts of a message have them."""
    return sum(max(0, len(text) - SHORTEST + 1) for text in texts)


def _pieces(texts: tuple[str, ...]) -> Iterator[str]:
    """Pieces of a beginning, a middle and an end, as the table is asked for them."""
    for column, text in zip(COLUMNS, texts, strict=True):
        middle = len(text) // 2
        pieces = (text[:_LENGTH], text[middle : middle + _LENGTH], text[-_LENGTH:])
        for piece in dict.fromkeys(pieces):
            if len(piece) >= SHORTEST:
                quoted = piece.replace('"', '""')
                yield f'({column} : "{quoted}")'

r"""FETCH responses in slices (RFC 9051, section 7.5.2).

A :class:`Form` is made once for a command and then writes rows, a few hundred at a
time, straight from columns of values: no object stands for a message::

    form = Form([b"UID %d", b"FLAGS %b"])
    form.rows(range(1, 201), [uids[0:200], flag_lists(columns, masks[0:200])])
    # b"* 1 FETCH (UID 17 FLAGS (\\Seen))\r\n* 2 FETCH …"
"""

from __future__ import annotations

from array import array
from binascii import a2b_base64, b2a_base64
from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache
from typing import Final

from attrs import field, frozen

from mailapp.imap.grammar.values.fetch import Attribute
from mailapp.message.dates import MONTHS, civil_from_days
from mailapp.storage.columns import Columns

Places = Sequence[int]
"""Places in columns, rising; a range costs least."""
Cells = Sequence[int] | Sequence[bytes]
"""What one item of FETCH is for each of some messages."""
_DAY_MINUTES: Final = 1440
_URL_SAFE: Final = bytes.maketrans(b"+/", b"-_")
_FROM_URL_SAFE: Final = bytes.maketrans(b"-_", b"+/")
_MINUTES: Final = [b"%02d:%02d:" % divmod(minute, 60) for minute in range(1440)]
_SECONDS: Final = [b"%02d +0000" % second for second in range(60)]


class Form:
    """The items of one FETCH, in order.

    Args:
        items: of each the text before its value and ``%d`` or ``%b`` for that, or a
            text alone; see :func:`verbatim`.
    """

    def __init__(self, items: Sequence[bytes]) -> None:
        self.items: Final = tuple(items)
        self._width: Final = 1 + sum(b"%d" in item or b"%b" in item for item in items)
        self._row: Final = b"* %d FETCH (" + b" ".join(items) + b")\r\n"
        self._last = (0, b"")

    def rows(self, numbers: Sequence[int], cells: Sequence[Cells]) -> bytes:
        """The lines of some messages.

        One ``%`` for all of them takes half the time of one for each.

        Args:
            numbers: their sequence numbers.
            cells: for each item with a value, the values of these messages.
        """
        count, width = len(numbers), self._width
        flat: list[object] = [None] * (count * width)
        flat[0::width] = numbers
        for at, column in enumerate(cells, 1):
            flat[at::width] = column
        if self._last[0] != count:
            self._last = (count, self._row * count)
        return self._last[1] % tuple(flat)


def verbatim(label: bytes) -> bytes:
    """A text for :class:`Form` that stands for itself."""
    return label.replace(b"%", b"%%")


def taken(column: array[int], places: Places) -> Sequence[int]:
    """The values in these places."""
    if isinstance(places, range):
        return column[places.start : places.stop]
    return [column[place] for place in places]


# ---- what columns know


@frozen
class FlagLists:
    """Masks as lists of flags, each written once."""

    columns: Columns
    _known: dict[int, bytes] = field(factory=dict, init=False)

    def of(self, masks: Sequence[int]) -> list[bytes]:
        """With their parentheses."""
        known = self._known
        for mask in set(masks).difference(known):
            names = " ".join(self.columns.flags_of(mask))
            known[mask] = b"(%b)" % names.encode("ascii")
        return [known[mask] for mask in masks]


def date_times(moments: Iterable[int]) -> list[bytes]:
    """RFC 9051, section 9: ``date-time`` without its quotes, in UTC."""
    minutes: dict[int, bytes] = {}
    found = []
    for moment in moments:
        minute, second = divmod(moment, 60)
        begin = minutes.get(minute)
        if begin is None:
            begin = minutes[minute] = _minute(minute)
        found.append(begin + _SECONDS[second])
    return found


def _minute(minute: int) -> bytes:
    day, within = divmod(minute, _DAY_MINUTES)
    return _date(day) + _MINUTES[within]


@lru_cache(maxsize=1000)
def _date(day: int) -> bytes:
    year, month, day_of_month = civil_from_days(day)
    return b"%2d-%b-%04d " % (day_of_month, MONTHS[month - 1], year)


def email_id(guid: bytes) -> bytes:
    """``objectid`` of a message (RFC 8474, section 4): letters, digits, - and _.

    It tells the octets of the GUID, so that no two messages have the same.
    """
    octets = b2a_base64(guid, newline=False).rstrip(b"=").translate(_URL_SAFE)
    return b"M" + octets


def guid_of(object_id: bytes) -> bytes | None:
    """The GUID that an ``objectid`` tells; None: we never gave it."""
    octets = object_id[1:].translate(_FROM_URL_SAFE)
    try:
        guid = a2b_base64(octets + b"=" * (-len(octets) % 4))
    except ValueError:
        return None
    return guid if email_id(guid) == object_id else None


def _email_ids(columns: Columns, places: Places) -> Cells:
    return [email_id(columns.email(place)) for place in places]


def _save_dates(columns: Columns, places: Places) -> Cells:
    """RFC 8514, section 4.2; NIL where nobody knows."""
    moments = [columns.saved(place) for place in places]
    dates = date_times(moment or 0 for moment in moments)
    return [
        b"NIL" if moment is None else b'"%b"' % date
        for moment, date in zip(moments, dates, strict=True)
    ]


COLUMN_FORMS: Final = {
    Attribute.UID: b"UID %d",
    Attribute.FLAGS: b"FLAGS %b",
    Attribute.INTERNALDATE: b'INTERNALDATE "%b"',
    Attribute.RFC822_SIZE: b"RFC822.SIZE %d",
    Attribute.MODSEQ: b"MODSEQ (%d)",
    Attribute.EMAILID: b"EMAILID (%b)",
    Attribute.SAVEDATE: b"SAVEDATE %b",
}
"""What is known without a look at the message, and how it is written."""


def column_cells(flags: FlagLists) -> dict[Attribute, Callable[[Places], Cells]]:
    """The values of what is known from columns."""
    columns = flags.columns
    return {
        Attribute.UID: lambda places: taken(columns.uids, places),
        Attribute.FLAGS: lambda places: flags.of(taken(columns.masks, places)),
        Attribute.INTERNALDATE: lambda places: date_times(
            taken(columns.received, places)
        ),
        Attribute.RFC822_SIZE: lambda places: taken(columns.sizes, places),
        Attribute.MODSEQ: lambda places: taken(columns.modseqs, places),
        Attribute.EMAILID: lambda places: _email_ids(columns, places),
        Attribute.SAVEDATE: lambda places: _save_dates(columns, places),
    }

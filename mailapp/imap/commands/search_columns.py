"""Search keys that columns answer, without a look at any message."""

from __future__ import annotations

from array import array
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Any, Final

from mailapp.imap.commands import search_places as places
from mailapp.imap.commands.context import Context
from mailapp.imap.commands.messages import numbers
from mailapp.imap.grammar.values.search import (
    All,
    Dated,
    DateField,
    HasFlag,
    HasObjectId,
    ModSeqFrom,
    Numbered,
    ObjectKind,
    Relation,
    SaveDateSupported,
    SearchKey,
    Size,
    Text,
)
from mailapp.imap.responses.fetch import guid_of

DAY_SECONDS: Final = 86400


class NoSuchNumber(Exception):
    """A key names a message by a number that none has: answered BAD."""


async def matching(context: Context, key: SearchKey) -> int | None:
    """The places that a key matches; None: columns do not tell.

    Raises:
        NoSuchNumber: see there.
    """
    answer = _ANSWERS.get(type(key))
    return None if answer is None else await answer(context, key)


def day_check(key: Dated) -> Callable[[int], bool]:
    """Tells whether a moment, in seconds, is before, on or since the day of a key."""
    begin = key.day * DAY_SECONDS
    if key.relation is Relation.BEFORE:
        return begin.__gt__
    if key.relation is Relation.SINCE:
        return begin.__le__
    return range(begin, begin + DAY_SECONDS).__contains__


async def _all(context: Context, _key: All) -> int:
    return places.every(len(context.selection.view.columns))


async def _text(context: Context, key: Text) -> int | None:
    # RFC 9051, section 6.4.4: the empty string is part of every text
    return None if key.wanted else places.every(len(context.selection.view.columns))


async def _flagged(context: Context, key: HasFlag) -> int:
    columns = context.selection.view.columns
    mask = columns.mask_of([key.name])
    found = places.with_flag(columns.masks, mask.bit_length() - 1) if mask else 0
    return found if key.present else places.every(len(columns)) ^ found


async def _numbered(context: Context, key: Numbered) -> int:
    selected = context.selection
    ranges = numbers(selected, key.messages, by_uid=key.by_uid)
    if ranges is None:
        raise NoSuchNumber
    view = selected.view
    columns = view.columns
    if view.aligned:
        wanted: Iterable[range] = (range(low - 1, high) for low, high in ranges)
    else:
        uids = view.uids
        wanted = (columns.places(uids[low - 1], uids[high - 1]) for low, high in ranges)
    return places.of_ranges(wanted, len(columns))


async def _modseq(context: Context, key: ModSeqFrom) -> int:
    columns = context.selection.view.columns
    if key.modseq > columns.highest_modseq:
        return 0
    return places.of_places(columns.changed_since(key.modseq - 1), len(columns))


async def _save_date_supported(context: Context, _key: SaveDateSupported) -> int:
    """RFC 8514, section 4.3: every mailbox has save dates."""
    return places.every(len(context.selection.view.columns))


async def _size(context: Context, key: Size) -> int:
    await context.selection.complete()
    check = key.octets.__lt__ if key.larger else key.octets.__gt__
    return await _column(context, context.selection.view.columns.sizes, check)


async def _dated(context: Context, key: Dated) -> int | None:
    if key.field is DateField.SENT:
        return None
    await context.selection.complete()
    columns, holds = context.selection.view.columns, day_check(key)
    if key.field is DateField.INTERNAL:
        return await _column(context, columns.received, holds)

    def saved(place: int) -> bool:
        moment = columns.saved(place)
        return moment is not None and holds(moment)

    return await _places(context, saved)


async def _column(
    context: Context, column: array[int], check: Callable[[int], bool]
) -> int:
    """Where a number passes a check."""
    octets = bytearray()
    for at in range(0, len(column), places.AT_ONCE):
        octets += bytes(map(check, column[at : at + places.AT_ONCE]))
        await context.drain()
    return places.of_octets(octets)


async def _object_id(context: Context, key: HasObjectId) -> int | None:
    """RFC 8474, section 6. Columns tell of no THREADID."""
    if key.kind is ObjectKind.THREADID:
        return None
    columns, guid = context.selection.view.columns, guid_of(key.id)
    if guid is None:
        return 0
    return await _places(context, lambda place: columns.email(place) == guid)


async def _places(context: Context, check: Callable[[int], bool]) -> int:
    """Where a place passes a check that takes some time."""
    octets = bytearray()
    count, at_once = len(context.selection.view.columns), places.AT_ONCE // 8
    for at in range(0, count, at_once):
        octets += bytes(map(check, range(at, min(count, at + at_once))))
        await context.drain()
    return places.of_octets(octets)


_ANSWERS: Final[Mapping[type, Callable[[Context, Any], Awaitable[int | None]]]] = {
    All: _all,
    Text: _text,
    HasFlag: _flagged,
    Numbered: _numbered,
    ModSeqFrom: _modseq,
    SaveDateSupported: _save_date_supported,
    Size: _size,
    Dated: _dated,
    HasObjectId: _object_id,
}

"""SORT and UID SORT (RFC 5256, section 3; RFC 5957; RFC 5267, section 3)."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Final

from mailapp.imap.commands import search_places as places
from mailapp.imap.commands.context import Context
from mailapp.imap.commands.messages import NO_SUCH_NUMBER
from mailapp.imap.commands.search import select
from mailapp.imap.commands.search_columns import NoSuchNumber
from mailapp.imap.commands.search_looks import facts
from mailapp.imap.commands.search_results import Found, asks_modseq, tell
from mailapp.imap.commands.sort_keys import in_order, key_of, needs_facts
from mailapp.imap.grammar.values.commands import Sort
from mailapp.imap.responses.status import Status, ok
from mailapp.message.imap_facts import Item
from mailapp.message.sorting import SortKeys

_DONE: Final = ok("sorted")
_NO_KEYS: Final = SortKeys()


async def sort(context: Context, command: Sort) -> Status:
    """Find messages, and put them in order."""
    try:
        bits = await select(context, command.key, command.returns)
    except NoSuchNumber:
        return NO_SUCH_NUMBER
    await context.selection.complete()
    order = await in_order(context, _keys(context, command, bits))
    found = Found(sum(map(len, order)), lambda: iter(order))
    if found.count:
        # RFC 5267, section 3.1: the ends of the order
        found.first, found.last = order[0][0], order[-1][-1]
    await tell(
        context,
        found,
        verb=b"SORT",
        returns=command.returns,
        by_uid=command.by_uid,
        with_modseq=asks_modseq(command.key),
    )
    return _DONE


async def _keys(context: Context, command: Sort, bits: int) -> AsyncIterator[bytes]:
    """The key of each message that is there."""
    columns, criteria = context.selection.view.columns, command.criteria
    if needs_facts(criteria):
        async for place, [octets] in facts(context, bits, [Item.SORT_KEYS]):
            yield key_of(criteria, columns, place, SortKeys.decode(octets))
        return
    for some in places.slices(bits, len(columns)):
        for place in some:
            yield key_of(criteria, columns, place, _NO_KEYS)
        await context.drain()

"""SEARCH and UID SEARCH (RFC 9051, section 6.4.4; RFC 7162, section 3.1.5)."""

from __future__ import annotations

from typing import Final

from mailapp.imap.commands import search_looks
from mailapp.imap.commands import search_places as places
from mailapp.imap.commands.condstore import enable_condstore
from mailapp.imap.commands.context import Context
from mailapp.imap.commands.messages import NO_SUCH_NUMBER
from mailapp.imap.commands.search_columns import NoSuchNumber, matching
from mailapp.imap.commands.search_program import Program
from mailapp.imap.commands.search_results import Found, asks_modseq, tell
from mailapp.imap.grammar.values.commands import Search
from mailapp.imap.grammar.values.search import SearchKey, SearchReturn
from mailapp.imap.responses.status import Status, ok
from mailapp.storage.types import StoreError

_DONE: Final = ok("searched")
_LOOKS: Final = (
    search_looks.ask_index,
    search_looks.look_at_headers,
    search_looks.look_at_texts,
)


async def search(context: Context, command: Search) -> Status:
    """Find messages."""
    try:
        bits = await select(context, command.key, command.returns)
    except NoSuchNumber:
        return NO_SUCH_NUMBER
    columns = context.selection.view.columns
    count = len(columns)
    found = Found(places.size(bits), lambda: places.slices(bits, count))
    if bits:
        found.first, found.last = places.first(bits, count), places.last(bits, count)
    returns = command.returns
    if returns is None and context.rev2:
        # RFC 9051, section 6.4.4: without RETURN it is ALL
        returns = frozenset({SearchReturn.ALL})
    await tell(
        context,
        found,
        verb=b"SEARCH",
        returns=returns,
        by_uid=command.by_uid,
        with_modseq=asks_modseq(command.key),
    )
    return _DONE


async def select(
    context: Context, key: SearchKey, returns: frozenset[SearchReturn] | None = None
) -> int:
    """The places of the messages that match.

    Args:
        context: of the session.
        key: what to look for.
        returns: a search with SAVE that fails leaves nothing saved (RFC 9051, section
            6.4.4.1).

    Raises:
        NoSuchNumber: answered BAD.
        StoreError: answered NO.
    """
    try:
        if asks_modseq(key):
            enable_condstore(context)
        return await _decided(context, key)
    except StoreError:
        if returns is not None and SearchReturn.SAVE in returns:
            context.selection.saved = ()
        raise


async def _decided(context: Context, key: SearchKey) -> int:
    program = Program(key, len(context.selection.view.columns))
    for atom, each in enumerate(program.atoms):
        bits = await matching(context, each)
        if bits is not None:
            program.know(atom, bits)
        await context.drain()
    must, may = await program.run(context.drain)
    for look in _LOOKS:
        if must == may:
            break
        await look(context, program, may & ~must)
        must, may = await program.run(context.drain)
    return must

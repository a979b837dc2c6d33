"""How the results of SEARCH and SORT are told, and saved (RFC 9051, section 6.4.4)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence

from attrs import define

from mailapp.imap.commands.context import Context
from mailapp.imap.grammar.values.search import (
    And,
    ModSeqFrom,
    Not,
    Or,
    SearchKey,
    SearchReturn,
)
from mailapp.imap.grammar.values.sets import Ranges, merged
from mailapp.imap.responses.mailbox import ranges_of
from mailapp.imap.responses.search import extended, listing

_ALL: frozenset[SearchReturn] = frozenset({SearchReturn.ALL, SearchReturn.COUNT})


@define
class Found:
    """Places in the columns, in the order of the results.

    Attributes:
        count: how many.
        slices: gives them, a few thousand at a time, whenever it is called.
        first: the first one, if there is one.
        last: the last one.
    """

    count: int
    slices: Callable[[], Iterator[Sequence[int]]]
    first: int | None = None
    last: int | None = None


async def tell(
    context: Context,
    found: Found,
    *,
    verb: bytes,
    returns: frozenset[SearchReturn] | None,
    by_uid: bool,
    with_modseq: bool,
) -> None:
    """Send the response and save the result, as far as either is wanted.

    Args:
        context: of the session.
        found: the messages.
        verb: of the response without ``returns``: SEARCH or SORT.
        returns: None: no ESEARCH.
        by_uid: tell UIDs.
        with_modseq: the key had MODSEQ.
    """
    chosen = _chosen(found, returns)
    modseq = await _modseq(context, chosen) if with_modseq and found.count else None
    if returns is None:
        numbers = _numbers(context, found.slices(), by_uid=by_uid)
        await _send(context, listing(verb, numbers, modseq))
        return
    if SearchReturn.SAVE in returns:
        context.selection.saved = await _uids(context, chosen)
    # RFC 9051, section 6.4.4: SAVE alone is answered by nothing
    if returns == {SearchReturn.SAVE}:
        return
    all_of_them = SearchReturn.ALL in returns and found.count
    response = extended(
        context.tag,
        by_uid=by_uid,
        items=_items(context, found, returns, by_uid=by_uid),
        numbers=_numbers(context, found.slices(), by_uid=by_uid)
        if all_of_them
        else None,
        modseq=modseq,
    )
    await _send(context, response)


def asks_modseq(key: SearchKey) -> bool:
    """Is there a MODSEQ in it? (RFC 7162, section 3.1.5)."""
    match key:
        case ModSeqFrom():
            return True
        case And(keys):
            return any(map(asks_modseq, keys))
        case Or(left, right):
            return asks_modseq(left) or asks_modseq(right)
        case Not(inner):
            return asks_modseq(inner)
        case _:
            return False


async def _send(context: Context, pieces: Iterable[bytes]) -> None:
    for piece in pieces:
        context.send(piece)
        await context.drain()


def _numbers(
    context: Context, slices: Iterable[Sequence[int]], *, by_uid: bool
) -> Iterator[Sequence[int]]:
    """Places as the client calls them."""
    view = context.selection.view
    uids = view.columns.uids
    for some in slices:
        if by_uid:
            yield [uids[place] for place in some]
        elif view.aligned:
            yield [place + 1 for place in some]
        else:
            yield [view.sequence(uids[place]) or 0 for place in some]


def _items(
    context: Context, found: Found, returns: frozenset[SearchReturn], *, by_uid: bool
) -> list[bytes]:
    """MIN, MAX and COUNT; the first two only if there are any."""
    items = []
    for wanted, place in (
        (SearchReturn.MIN, found.first),
        (SearchReturn.MAX, found.last),
    ):
        if wanted in returns and place is not None:
            [[number]] = _numbers(context, [[place]], by_uid=by_uid)
            items.append(b"%b %d" % (wanted.value.encode(), number))
    if SearchReturn.COUNT in returns:
        items.append(b"COUNT %d" % found.count)
    return items


def _chosen(
    found: Found, returns: frozenset[SearchReturn] | None
) -> Callable[[], Iterator[Sequence[int]]]:
    """The messages that SAVE saves and whose MODSEQ counts.

    RFC 9051, section 6.4.4.1; RFC 4731, section 3.2: with MIN and MAX only, just those.
    """
    if returns is None or returns & _ALL:
        return found.slices
    ends = [
        place
        for wanted, place in (
            (SearchReturn.MIN, found.first),
            (SearchReturn.MAX, found.last),
        )
        if wanted in returns and place is not None
    ]
    if not returns & {SearchReturn.MIN, SearchReturn.MAX}:
        return found.slices
    return lambda: iter([ends])


async def _modseq(
    context: Context, chosen: Callable[[], Iterator[Sequence[int]]]
) -> int:
    """The highest of them."""
    modseqs = context.selection.view.columns.modseqs
    highest = 0
    for some in chosen():
        highest = max(highest, max((modseqs[place] for place in some), default=0))
        await context.drain()
    return highest


async def _uids(
    context: Context, chosen: Callable[[], Iterator[Sequence[int]]]
) -> Ranges:
    """Their UIDs, to be kept as long as the mailbox is selected."""
    uids = context.selection.view.columns.uids
    ranges: list[tuple[int, int]] = []
    for some in chosen():
        ranges += ranges_of(sorted(uids[place] for place in some))
        await context.drain()
    return merged(ranges)

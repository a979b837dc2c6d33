"""Tells the client what has changed in the selected mailbox (RFC 9051, section 7.5).

The session calls :func:`sync` before the tagged response of a command whose row in the
table says so, with ``may_expunge`` unless the command speaks of messages by sequence
number. IDLE and NOOP look at the disk; else what was heard of is enough.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from mailapp.imap.commands.context import Context, Extension, Selected
from mailapp.imap.commands.selecting import latest
from mailapp.imap.responses.changes import (
    Rows,
    expunge_lines,
    highest_modseq,
    vanished_line,
)
from mailapp.imap.responses.mailbox import flags_lines
from mailapp.storage.columns import Columns
from mailapp.storage.view import NOTHING, Update

ROWS_AT_ONCE: Final = 500
"""Lines that are made without giving others a turn: less than 1 ms."""
_UIDS_AT_ONCE: Final = 5000


def pending(context: Context, *, may_expunge: bool) -> bool:
    """Is there anything to tell, without a look at the disk? False costs no await."""
    selected = context.selected
    if selected is None:
        return False
    view = selected.view
    return (
        selected.hints.stale
        or view.columns is not selected.mailbox.columns
        or view.columns.highest_modseq != selected.told_modseq
        or (may_expunge and not view.aligned)
    )


async def sync(context: Context, *, may_expunge: bool, look: bool = False) -> None:
    """Tell the client what changed since it was last told.

    Args:
        context: of the session; nothing is done where no mailbox is selected.
        may_expunge: no sequence number of a command under way could be misread
            (RFC 9051, section 7.5.1).
        look: at the disk, even if nothing was heard of a change.
    """
    selected = context.selected
    if selected is None:
        return
    columns = await latest(selected, look=look)
    view = selected.view
    before, difference = view.columns, None
    if view.far(columns):
        difference = await context.service.in_thread(view.difference, columns)
    update = view.update(columns, may_expunge=may_expunge, difference=difference)
    if update is not NOTHING:
        await announce(context, selected, before, update)
        await tell_flags(context, selected, update.changed)
    settle(context, selected)


def rows_of(context: Context, columns: Columns, *, by_uid: bool = False) -> Rows:
    """How this client is told flags.

    RFC 7162, section 3.2.4: once it is aware of CONDSTORE, always with UID and MODSEQ.
    """
    enabled = context.enabled
    aware = Extension.CONDSTORE in enabled
    return Rows(columns, by_uid or aware or context.rev2, aware)


async def announce(
    context: Context, selected: Selected, before: Columns, update: Update
) -> None:
    """What went, what came, and the keywords that are new; in this order.

    Args:
        context: of the session.
        selected: its mailbox, updated already.
        before: the columns until then.
        update: what the view says.
    """
    if Extension.QRESYNC in context.enabled:
        for uids in _slices(update.vanished, _UIDS_AT_ONCE):
            context.send(vanished_line(uids))
            await context.drain()
    else:
        for numbers in _slices(update.expunged, ROWS_AT_ONCE):
            context.send(expunge_lines(numbers))
            await context.drain()
    if update.exists is not None:
        context.send(b"* %d EXISTS\r\n" % update.exists)
    columns = selected.view.columns
    if not frozenset(columns.flags) <= frozenset(before.flags):
        context.send(flags_lines(columns.flags, read_only=selected.read_only))


async def tell_flags(
    context: Context, selected: Selected, places: Sequence[int], *, by_uid: bool = False
) -> None:
    """FETCH with the flags of the messages in these places, which rise."""
    rows = rows_of(context, selected.view.columns, by_uid=by_uid)
    for some in _slices(places, ROWS_AT_ONCE):
        context.send(rows.flag_lines(numbered(selected, some)))
        await context.drain()


def numbered(selected: Selected, places: Sequence[int]) -> list[tuple[int, int]]:
    """Places with their sequence numbers, for those that the client knows."""
    view = selected.view
    if view.aligned:
        return [(place + 1, place) for place in places]
    uids = view.columns.uids
    found = ((view.sequence(uids[place]), place) for place in places)
    return [(number, place) for number, place in found if number is not None]


def settle(context: Context, selected: Selected) -> None:
    """Say up to where the client has been told all, while it has not.

    RFC 7162, section 3.2: a client that keeps the highest MODSEQ it has seen would
    never hear of what was expunged before that, if the connection breaks now.
    """
    view = selected.view
    if view.aligned:
        selected.told_modseq = view.columns.highest_modseq
        again, selected.held = selected.held, False
    else:
        again = selected.held = Extension.QRESYNC in context.enabled
    if again:
        context.send(highest_modseq(selected.told_modseq))


def _slices(items: Sequence[int], most: int) -> Iterator[Sequence[int]]:
    for at in range(0, len(items), most):
        yield items[at : at + most]

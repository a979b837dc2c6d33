"""QRESYNC: what a client missed while it was away (RFC 7162, section 3.2.5)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from mailapp.imap.commands.context import Context, Selected
from mailapp.imap.commands.sync import tell_flags
from mailapp.imap.grammar.values.commands import Qresync
from mailapp.imap.grammar.values.sets import NUMBER_MOST, Ranges, merged
from mailapp.imap.responses.changes import vanished_earlier
from mailapp.imap.responses.mailbox import ranges_of, within
from mailapp.storage.columns import Columns
from mailapp.storage.types import ModSeq

_RANGES_AT_ONCE: Final = 1000
_QUICK: Final = 10_000
"""Messages that are looked through without giving others a turn."""


async def resync(context: Context, selected: Selected, known: Qresync) -> None:
    """Tell what changed since, unless the UIDs of the client are none any more."""
    columns = selected.view.columns
    if known.uid_validity != columns.uid_validity:
        return
    wanted = known.known_uids
    if wanted is None:
        wanted = ((1, columns.uid_next - 1),) if columns.uid_next > 1 else ()
    gone = await vanished(context, selected, known.modseq, wanted)
    if known.match is not None:
        low = _agreed(columns, *known.match) + 1
        gone = within(gone, ((low, NUMBER_MOST),))
    await tell_vanished(context, gone)
    changed = columns.changed_since(known.modseq)
    await tell_flags(context, selected, _among(columns, changed, wanted))


async def vanished(
    context: Context, selected: Selected, modseq: int, wanted: Ranges
) -> Ranges:
    """Which of the wanted UIDs were expunged since.

    RFC 7162, section 3.2.6: where history does not reach back, all that are not there.

    Args:
        context: of the session.
        selected: its mailbox.
        modseq: the client knows what was expunged until then.
        wanted: rising UIDs; those that were never given do not vanish.
    """
    history = await context.account.vanished(selected.folder, ModSeq(modseq))
    if history is not None:
        return within(merged([*history]), wanted)
    columns = selected.view.columns
    if len(columns) < _QUICK:
        return _not_there(columns, wanted)
    found: Ranges = await context.service.in_thread(_not_there, columns, wanted)
    return found


async def tell_vanished(context: Context, gone: Ranges) -> None:
    """``VANISHED (EARLIER)``, in lines that are not endless."""
    for at in range(0, len(gone), _RANGES_AT_ONCE):
        context.send(vanished_earlier(gone[at : at + _RANGES_AT_ONCE]))
        await context.drain()


def _not_there(columns: Columns, wanted: Ranges) -> Ranges:
    """The wanted UIDs below UIDNEXT that no message has."""
    holes: list[tuple[int, int]] = []
    last = 0
    for low, high in ranges_of(columns.uids):
        if low > last + 1:
            holes.append((last + 1, low - 1))
        last = high
    if columns.uid_next > last + 1:
        holes.append((last + 1, columns.uid_next - 1))
    return within(tuple(holes), wanted)


def _among(columns: Columns, places: Sequence[int], wanted: Ranges) -> Sequence[int]:
    """The places whose UIDs are wanted."""
    found: list[int] = []
    at = 0
    for place in places:
        uid = columns.uids[place]
        while at < len(wanted) and wanted[at][1] < uid:
            at += 1
        if at == len(wanted):
            break
        if wanted[at][0] <= uid:
            found.append(place)
    return found


def _agreed(columns: Columns, numbers: Ranges, uids: Ranges) -> int:
    """The highest UID up to which the client knows what is gone.

    RFC 7162, section 3.2.5.2: pairs are compared in order until one is wrong; where
    number and UID agree, nothing below that UID is missing at the client.
    """
    agreed = 0
    for number, uid in zip(_each(numbers), _each(uids), strict=False):
        if number > len(columns) or columns.uids[number - 1] != uid:
            break
        agreed = uid
    return agreed


def _each(ranges: Ranges) -> Iterator[int]:
    for low, high in ranges:
        yield from range(low, high + 1)

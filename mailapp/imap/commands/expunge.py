"""EXPUNGE and UID EXPUNGE (RFC 9051, sections 6.4.3 and 6.4.9)."""

from __future__ import annotations

from typing import Final

from mailapp.imap.commands.changing import change
from mailapp.imap.commands.context import Context, Extension, Selected
from mailapp.imap.commands.messages import numbers, places
from mailapp.imap.commands.selecting import latest
from mailapp.imap.commands.sync import sync
from mailapp.imap.grammar.values.commands import Expunge
from mailapp.imap.grammar.values.sets import Messages, Ranges
from mailapp.imap.responses import replies
from mailapp.imap.responses.status import Status, ok
from mailapp.storage import types
from mailapp.storage.columns import AT_ONCE
from mailapp.storage.types import UID

_DELETED: Final = "\\Deleted"
_DONE: Final = ok("expunged")


async def expunge(context: Context, command: Expunge) -> Status:
    r"""Remove the messages that are \Deleted, and say so."""
    selected = context.selection
    if selected.read_only:
        return replies.READ_ONLY
    removed = await remove_marked(context, selected, command.uids)
    await sync(context, may_expunge=True)
    return told_highest(context, _DONE) if removed else _DONE


def told_highest(context: Context, done: Status) -> Status:
    """With HIGHESTMODSEQ, when messages went (RFC 7162, section 3.2.7)."""
    if Extension.QRESYNC not in context.enabled or done.code:
        return done
    told = context.selection.told_modseq
    return Status(done.kind, done.text, b"HIGHESTMODSEQ %d" % told)


async def remove_marked(
    context: Context, selected: Selected, among: Messages | None = None
) -> int:
    r"""Remove what is \Deleted now and known to the client; how many.

    A message that came since is not removed, whatever its flags: the client that says
    EXPUNGE can't mean it.

    Args:
        context: of the session.
        selected: its mailbox.
        among: UIDs; None: all.
    """
    columns = await latest(selected, look=True)
    view = selected.view
    ranges: Ranges | None = ((1, len(view)),) if len(view) else ()
    if among is not None:
        ranges = numbers(selected, among, by_uid=True)
    bit = columns.mask_of([_DELETED])
    uids, masks = columns.uids, columns.masks
    marked: list[UID] = []
    for known in places(selected, columns, ranges or ()):
        for at in range(0, len(known), AT_ONCE):
            some = known[at : at + AT_ONCE]
            marked += [UID(uids[place]) for place in some if masks[place] & bit]
            await context.drain()
    if not marked:
        return 0
    await change(context, types.Expunge(selected.folder, marked))
    return len(marked)

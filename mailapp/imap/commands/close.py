"""CLOSE (RFC 9051, section 6.4.1)."""

from __future__ import annotations

from mailapp.imap.commands.context import Context
from mailapp.imap.commands.expunge import remove_marked
from mailapp.imap.grammar.values.commands import Close
from mailapp.imap.responses.status import Status, ok


async def close(context: Context, command: Close) -> Status:
    r"""Remove what is \Deleted, without a word about it, and leave the mailbox.

    RFC 7162, section 3.2.8: HIGHESTMODSEQ must not be told. A mailbox that was opened
    by EXAMINE loses nothing.
    """
    del command
    selected = context.selection
    if not selected.read_only and selected.gone is None:
        await remove_marked(context, selected)
    context.deselect()
    return ok("closed")

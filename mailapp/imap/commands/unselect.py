"""UNSELECT (RFC 9051, section 6.4.2)."""

from __future__ import annotations

from mailapp.imap.commands.context import Context
from mailapp.imap.grammar.values.commands import Unselect
from mailapp.imap.responses.status import Status, ok


async def unselect(context: Context, command: Unselect) -> Status:
    """Leave the mailbox as it is."""
    del command
    context.deselect()
    return ok("unselected")

"""UNSUBSCRIBE (RFC 9051, section 6.3.8)."""

from __future__ import annotations

from mailapp.imap.commands.context import Context
from mailapp.imap.commands.subscribe import note
from mailapp.imap.grammar.values.commands import Unsubscribe
from mailapp.imap.responses.status import Status, ok


async def unsubscribe(context: Context, command: Unsubscribe) -> Status:
    """Forget the name; one that is not noted is no error."""
    await note(context, command.mailbox, on=False)
    return ok("unsubscribed")

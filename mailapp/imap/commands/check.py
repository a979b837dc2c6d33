"""CHECK (RFC 3501, section 6.4.1)."""

from __future__ import annotations

from mailapp.imap.commands.context import Context
from mailapp.imap.commands.sync import sync
from mailapp.imap.grammar.values.commands import Check
from mailapp.imap.responses.status import Status, ok


async def check(context: Context, _command: Check) -> Status:
    """Nothing is left to be written: each change was durable when it was answered."""
    await sync(context, may_expunge=True, look=True)
    return ok("all is on disk")

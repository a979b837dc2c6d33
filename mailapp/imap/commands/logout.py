"""LOGOUT (RFC 9051, section 6.1.3)."""

from __future__ import annotations

from mailapp.imap.commands.context import Context
from mailapp.imap.grammar.values.commands import Logout
from mailapp.imap.responses import replies
from mailapp.imap.responses.status import Status, ok


async def logout(context: Context, _command: Logout) -> Status:
    """BYE comes before the tagged response."""
    context.send(replies.BYE.line())
    return ok("goodbye")

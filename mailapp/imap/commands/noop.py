"""NOOP (RFC 9051, section 6.1.2)."""

from __future__ import annotations

from mailapp.imap.commands.context import Context
from mailapp.imap.commands.sync import sync
from mailapp.imap.grammar.values.commands import Noop
from mailapp.imap.responses.status import Status, ok


async def noop(context: Context, _command: Noop) -> Status:
    """A client asks so whether anything is new; so look."""
    await sync(context, may_expunge=True, look=True)
    return ok("nothing else to do")

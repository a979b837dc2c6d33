"""LOGIN (RFC 9051, section 6.2.3)."""

from __future__ import annotations

from mailapp.auth.interfaces import LoggedIn, Refusal, Refused
from mailapp.imap.commands.context import Context
from mailapp.imap.commands.entering import conclude
from mailapp.imap.grammar.values.commands import Login
from mailapp.imap.responses.status import Status


async def login(context: Context, command: Login) -> Status:
    """A name and a password; neither is looked at in the clear (threat 29)."""
    authenticator, peer = context.service.authenticator, context.peer
    result: LoggedIn | Refused
    if not authenticator.password_allowed(peer):
        result = Refused(Refusal.CLEARTEXT)
    else:
        result = await authenticator.login(command.name, command.password, peer)
    return await conclude(context, result, "LOGIN")

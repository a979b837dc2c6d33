"""The end of every kind of login."""

from __future__ import annotations

from typing import Final

from twisted.logger import Logger

from mailapp.auth.interfaces import IMailboxAvatar, LoggedIn, Refusal, Refused
from mailapp.imap.commands.capability import announced
from mailapp.imap.commands.context import Context, Entrant
from mailapp.imap.responses import replies
from mailapp.imap.responses.status import Status, ok
from mailapp.net.steps import undisturbed

_log: Final = Logger()
_REFUSALS: Final = {
    Refusal.CREDENTIALS: replies.BAD_CREDENTIALS,
    Refusal.THROTTLED: replies.THROTTLED,
    Refusal.UNAVAILABLE: replies.AUTH_UNAVAILABLE,
    Refusal.CLEARTEXT: replies.PRIVACY_FIRST,
    Refusal.MECHANISM: replies.NO_MECHANISM,
    Refusal.SYNTAX: replies.MALFORMED_RESPONSE,
    Refusal.CANCELLED: replies.CANCELLED,
}


async def conclude(context: Context, result: LoggedIn | Refused, method: str) -> Status:
    """What the client is told; success opens the account.

    Args:
        context: of the session.
        result: what the authenticator said.
        method: for the log.
    """
    ids = {"session": context.peer.session, "peer": context.peer.address}
    if isinstance(result, Refused):
        _log.debug(
            "login refused: {reason}",
            event="imap.login.refused",
            method=method,
            reason=result.reason.name,
            **ids,
        )
        return _REFUSALS[result.reason]
    # not to be broken off when the client goes: nobody would call logout
    await undisturbed(_enter(context, result))
    _log.debug(
        "{account} logged in",
        event="imap.login.succeeded",
        account=context.account_id,
        method=method,
        **ids,
    )
    # RFC 9051, section 6.2.3: the client need not ask
    return ok("logged in", announced(context))


async def _enter(context: Context, result: LoggedIn) -> None:
    entrant = Entrant(IMailboxAvatar(result.avatar), result.logout)
    try:
        account = await entrant.avatar.open()
    except BaseException:
        entrant.logout()
        raise
    if context.closed:
        entrant.logout()
        return
    context.entrant = entrant
    context.account_id = entrant.avatar.account_id
    context.entered = account

"""The way of one client to its login, by AUTH (RFC 4954).

The session asks :class:`Authorization` for the reply to AUTH and to each response; who
may come in the authenticator decides, which also looks after guessers.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Final

from mailapp.auth.interfaces import (
    Challenge,
    IAuthenticator,
    IExchange,
    LoggedIn,
    Refusal,
    Refused,
)
from mailapp.core import status as statuses
from mailapp.core.failures import DeliveryFailure
from mailapp.core.peer import Peer
from mailapp.core.status import Status
from mailapp.smtp import replies
from mailapp.smtp.extensions.auth import Auth, Response, challenge
from mailapp.smtp.grammar.reply import Answer, Reply
from mailapp.smtp.profile import Profile

_REFUSALS: Final = {
    Refusal.CREDENTIALS: replies.LOGIN_REFUSED,
    Refusal.THROTTLED: replies.LOGIN_THROTTLED,
    Refusal.UNAVAILABLE: replies.LOGIN_UNAVAILABLE,
    Refusal.CLEARTEXT: replies.LOGIN_NEEDS_TLS,
    Refusal.MECHANISM: replies.NO_MECHANISM,
    Refusal.SYNTAX: replies.LOGIN_MALFORMED,
    Refusal.CANCELLED: replies.LOGIN_CANCELLED,
}
_GUESSES: Final = frozenset({Refusal.CREDENTIALS, Refusal.THROTTLED})
_TOO_MANY_LOGINS: Final = Status(7, 0, "too many failed logins")


class Authorization:
    """One connection's logins; at most one succeeds.

    Args:
        authenticator: gives avatars that provide ISubmitterAvatar.
        profile: of the listener.
        peer: the client, with the TLS it has now.
    """

    def __init__(
        self, authenticator: IAuthenticator, profile: Profile, peer: Peer
    ) -> None:
        self._authenticator: Final = authenticator
        self._profile: Final = profile
        self._peer = peer
        self._exchange: IExchange | None = None
        self._login: LoggedIn | None = None
        self._failed = 0

    @property
    def account(self) -> str | None:
        """Who is logged in."""
        return None if self._login is None else self._login.avatar.account_id

    @property
    def mechanisms(self) -> Sequence[str]:
        """Those that this client may use now; none in the clear (threat 29)."""
        return self._authenticator.mechanisms(self._peer)

    async def auth(self, event: Auth) -> Reply:
        """AUTH: begin an exchange."""
        if self._login is not None:
            return replies.LOGIN_DONE
        if not self.mechanisms and self._peer.tls is None:
            # the same for every mechanism; nothing is looked at
            return replies.LOGIN_NEEDS_TLS
        exchange = self._authenticator.exchange(event.mechanism, self._peer)
        if isinstance(exchange, Refused):
            return self._refuse(exchange.reason)
        self._exchange = exchange
        return await self._step(exchange, event.initial)

    async def respond(self, event: Response) -> Reply:
        """The client's next words."""
        exchange = self._exchange
        if exchange is None:
            msg = "a response without an exchange"
            raise RuntimeError(msg)
        return await self._step(exchange, event.octets)

    def cancel(self) -> None:
        """The exchange under way, if there is one, is over."""
        self._exchange = None

    async def missing(self) -> Reply | None:
        """The reply to MAIL from a client that may not send now."""
        login = self._login
        if login is None:
            if self._peer.tls is None and self._profile.tls_available:
                # RFC 3207, section 4: "530 Must issue a STARTTLS command first"
                return replies.LOGIN_FIRST if self.mechanisms else replies.TLS_FIRST
            return replies.LOGIN_FIRST
        if not await login.avatar.still_valid():
            return self._profile.closing(statuses.ACCOUNT_GONE)
        return None

    def guarded(
        self, respond: Callable[[Any], Awaitable[Answer | None]]
    ) -> Callable[[Any], Awaitable[Answer | None]]:
        """The same, for clients that may send; a login can end at any moment."""

        async def respond_or_refuse(event: Any) -> Answer | None:
            return await self.missing() or await respond(event)

        return respond_or_refuse

    async def still_valid(self) -> bool:
        """False: the account is gone, or may not be used any more (threat 48)."""
        try:
            return self._login is None or await self._login.avatar.still_valid()
        except DeliveryFailure:
            return True  # the next one who asks may know

    def secured(self, peer: Peer) -> None:
        """TLS began: nothing that was said in the clear counts (RFC 3207)."""
        self.end()
        self._peer = peer

    def end(self) -> None:
        """Log out."""
        self._exchange = None
        login, self._login = self._login, None
        if login is not None:
            login.logout()

    async def _step(self, exchange: IExchange, response: bytes | None) -> Reply:
        self._exchange = None
        result = await exchange.respond(response)
        if isinstance(result, Challenge):
            self._exchange = exchange
            return challenge(result.octets)
        if isinstance(result, LoggedIn):
            self._login = result
            return replies.LOGGED_IN
        return self._refuse(result.reason)

    def _refuse(self, reason: Refusal) -> Reply:
        if reason in _GUESSES:
            self._failed += 1
            if self._failed >= self._profile.limits.failed_logins:
                return self._profile.closing(_TOO_MANY_LOGINS)
        return _REFUSALS[reason]


def with_word(*, extended: bool, tls: bool, account: str | None) -> str:
    """The ``with`` word of the trace field (RFC 3848).

    A client that logged in used an extension, whatever it greeted with.
    """
    if account is not None:
        return "ESMTPSA" if tls else "ESMTPA"
    if not extended:
        return "SMTP"
    return "ESMTPS" if tls else "ESMTP"

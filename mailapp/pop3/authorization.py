"""The AUTHORIZATION state: from USER, APOP or AUTH to a login (RFC 1939, section 4)."""

from __future__ import annotations

from typing import Final, assert_never

from mailapp.auth.interfaces import (
    Challenge,
    IAuthenticator,
    IExchange,
    LoggedIn,
    Refusal,
    Refused,
)
from mailapp.core.peer import Peer
from mailapp.core.secret import Secret
from mailapp.pop3 import replies
from mailapp.pop3.connection import Response
from mailapp.pop3.grammar import Apop, Auth, LoginCommand, Pass, Stls, User
from mailapp.pop3.replies import Answer, Block, Continuation, Reply

REFUSALS: Final = {
    Refusal.CREDENTIALS: replies.BAD_CREDENTIALS,
    Refusal.THROTTLED: replies.THROTTLED,
    Refusal.UNAVAILABLE: replies.AUTH_UNAVAILABLE,
    Refusal.CLEARTEXT: replies.PRIVACY_FIRST,
    Refusal.MECHANISM: replies.NO_MECHANISM,
    Refusal.SYNTAX: replies.MALFORMED_RESPONSE,
    Refusal.CANCELLED: replies.CANCELLED,
}


class Authorization:
    """One client's way to its login; made anew when TLS starts.

    Args:
        authenticator: decides.
        peer: the client, with the TLS it has now.
        timestamp: that of the greeting, or empty: no APOP.

    Attributes:
        method: how the last login was tried, for the log.
    """

    def __init__(
        self, authenticator: IAuthenticator, peer: Peer, timestamp: bytes
    ) -> None:
        self.method = "-"
        self._authenticator: Final = authenticator
        self._peer: Final = peer
        self._timestamp: Final = timestamp
        self._name = b""
        self._exchange: IExchange | None = None

    async def respond(
        self, event: LoginCommand | Response
    ) -> LoggedIn | Refused | Answer:
        """A reply, or how the login ended."""
        match event:
            case User():
                return self._user(event.name)
            case Pass():
                return await self._password(event.password)
            case Auth():
                return await self._auth(event)
            case Response():
                return await self._response(event.octets)
            case Apop():
                return await self._apop(event)
            case Stls():
                return replies.BEGIN_TLS
            case _:
                assert_never(event)

    def cancel(self) -> None:
        """The exchange under way, if there is one, is over."""
        self._exchange = None

    def _user(self, name: bytes) -> Reply:
        # the same for every name (RFC 1939, section 13)
        if not self._authenticator.password_allowed(self._peer):
            return replies.PRIVACY_FIRST_USER
        self._name = name
        return replies.NAME_ACCEPTED

    async def _password(self, password: Secret) -> LoggedIn | Refused:
        name, self._name = self._name, b""
        self.method = "USER"
        if not self._authenticator.password_allowed(self._peer):
            return Refused(Refusal.CLEARTEXT)
        return await self._authenticator.login(name, password, self._peer)

    async def _apop(self, command: Apop) -> LoggedIn | Refused | Reply:
        if not self._timestamp:
            return replies.NO_APOP
        self.method = "APOP"
        return await self._authenticator.apop(
            command.name, command.digest, self._timestamp, self._peer
        )

    async def _auth(self, command: Auth) -> LoggedIn | Refused | Answer:
        if command.mechanism is None:
            # no RFC has the bare AUTH; clients of before CAPA list mechanisms by it
            names = self._authenticator.mechanisms(self._peer)
            lines = "".join(f"{name}\r\n" for name in names)
            return Block(replies.MECHANISMS, lines.encode("ascii"))
        self.method = command.mechanism
        exchange = self._authenticator.exchange(command.mechanism, self._peer)
        if isinstance(exchange, Refused):
            return exchange
        self._exchange = exchange
        return await self._response(command.initial)

    async def _response(self, response: bytes | None) -> LoggedIn | Refused | Answer:
        exchange, self._exchange = self._exchange, None
        if exchange is None:
            msg = "a response without an exchange"
            raise AssertionError(msg)
        result = await exchange.respond(response)
        if isinstance(result, Challenge):
            self._exchange = exchange
            return Continuation(result.octets)
        return result

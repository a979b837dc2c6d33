"""Doubles of the seams that more than one package tests with."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from functools import partial

from attrs import Factory, define
from zope.interface import implementer

from mailapp.auth.interfaces import (
    Challenge,
    IAuthenticator,
    IExchange,
    IMailboxAvatar,
    IMaildropAvatar,
    LoggedIn,
    Refusal,
    Refused,
)
from mailapp.core.peer import Peer
from mailapp.core.secret import Secret
from mailapp.storage.interfaces import IAccount
from mailapp.storage.types import AccountId


@define(eq=False)
class User:
    """One who may log in.

    Attributes:
        trouble: raised when the maildrop is opened.
        valid: the account is enabled.
        folder: that a login asks for.
        logged_in: sessions that have not logged out.
    """

    name: bytes
    secret: bytes
    account: IAccount
    trouble: Exception | None = None
    valid: bool = True
    folder: tuple[str, ...] = ()
    logged_in: int = 0


@implementer(IMaildropAvatar, IMailboxAvatar)
class FakeAvatar:
    """The avatar of a :class:`User`."""

    def __init__(self, user: User) -> None:
        self.user = user
        self.account_id = AccountId(user.name.decode())

    async def still_valid(self) -> bool:
        """See :class:`IMaildropAvatar`."""
        return self.user.valid

    async def open(self) -> IAccount:
        """See :class:`IMaildropAvatar`."""
        if self.user.trouble is not None:
            raise self.user.trouble
        return self.user.account


@define(eq=False)
@implementer(IAuthenticator)
class FakeAuthenticator:
    """Knows some users and the mechanism PLAIN; counts what it had to evaluate."""

    users: list[User] = Factory(list)
    in_clear: bool = True
    apop_on: bool = False
    refusal: Refusal = Refusal.CREDENTIALS
    evaluated: int = 0

    def mechanisms(self, peer: Peer) -> Sequence[str]:
        """See :class:`IAuthenticator`."""
        return ["PLAIN"] if self.password_allowed(peer) else []

    def password_allowed(self, peer: Peer) -> bool:
        """See :class:`IAuthenticator`."""
        return self.in_clear or peer.tls is not None

    async def login(
        self, name: bytes, password: Secret, peer: Peer
    ) -> LoggedIn | Refused:
        """See :class:`IAuthenticator`."""
        if not self.password_allowed(peer):
            return Refused(Refusal.CLEARTEXT)
        return self._check(name, password.reveal(), b"")

    def exchange(self, mechanism: str, peer: Peer) -> IExchange | Refused:
        """See :class:`IAuthenticator`."""
        if not self.password_allowed(peer):
            return Refused(Refusal.CLEARTEXT)
        if mechanism != "PLAIN":
            return Refused(Refusal.MECHANISM)
        return _Plain(self)

    def apop_allowed(self, peer: Peer) -> bool:
        """See :class:`IAuthenticator`."""
        del peer
        return self.apop_on

    async def apop(
        self, name: bytes, digest: bytes, timestamp: bytes, peer: Peer
    ) -> LoggedIn | Refused:
        """See :class:`IAuthenticator`."""
        del peer
        return self._check(name, digest, timestamp)

    def _check(self, name: bytes, proof: bytes, timestamp: bytes) -> LoggedIn | Refused:
        self.evaluated += 1
        for user in self.users:
            right = user.secret
            if timestamp:
                octets = timestamp + user.secret
                right = hashlib.md5(octets).hexdigest().encode()  # noqa: S324
            if user.name == name and proof == right:
                user.logged_in += 1
                return LoggedIn(FakeAvatar(user), partial(_log_out, user), user.folder)
        return Refused(self.refusal)


def _log_out(user: User) -> None:
    user.logged_in -= 1


@implementer(IExchange)
class _Plain:
    def __init__(self, authenticator: FakeAuthenticator) -> None:
        self._authenticator = authenticator

    async def respond(self, response: bytes | None) -> Challenge | LoggedIn | Refused:
        """See :class:`IExchange`."""
        if response is None:
            return Challenge(b"")
        if response.count(b"\0") != 2:
            return Refused(Refusal.SYNTAX)
        _, name, password = response.split(b"\0")
        return self._authenticator._check(name, password, b"")

"""Recent good logins, so that a client that comes back costs no argon2."""

from __future__ import annotations

from collections.abc import Callable
from hashlib import blake2b
from typing import Final

from attrs import frozen

from mailapp.directory.types import Verifiers

LIMIT: Final = 20_000


@frozen
class Token:
    """Account, password and version of the account in 32 octets, keyed."""

    octets: bytes


class RecentLogins:
    """Passwords that were found good, as keyed digests, for a while.

    The processes of a server have the same key, and tell each other digests and nothing
    else. The version of the account is part of each digest, so every change of the
    account makes its entries useless at once; and so is its name, so that no two
    accounts share one (threat 46).

    Args:
        key: secret octets, up to 64.
        lifetime_seconds: after the check that found the password good; 0 spares none.
        limit: entries; then the oldest goes.
        observe: told of each password found good here, for the other processes.
    """

    def __init__(
        self,
        key: bytes,
        lifetime_seconds: float,
        limit: int = LIMIT,
        observe: Callable[[Token], None] | None = None,
    ) -> None:
        self._observe = observe
        self._key = key
        self._lifetime_seconds = lifetime_seconds
        self._limit = limit
        self._until: dict[bytes, float] = {}

    def token(self, verifiers: Verifiers, password: bytes) -> Token:
        """What stands for this account, in this version, with this password."""
        name = verifiers.account.id.encode()
        head = b"%d %d %b" % (verifiers.version, len(name), name)
        digest = blake2b(head + password, digest_size=32, key=self._key)
        return Token(digest.digest())

    def has(self, token: Token, now: float) -> bool:
        """Was it found good a short while ago?"""
        return self._until.get(token.octets, now) > now

    def add(self, token: Token, now: float) -> None:
        """It was found good just now, here."""
        self.heard(token, now)
        if self._observe is not None:
            self._observe(token)

    def heard(self, token: Token, now: float) -> None:
        """It was found good just now, here or in another process."""
        self._until.pop(token.octets, None)
        while len(self._until) >= self._limit:
            del self._until[next(iter(self._until))]
        self._until[token.octets] = now + self._lifetime_seconds

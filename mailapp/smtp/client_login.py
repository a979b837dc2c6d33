"""Logging in to another server: the client's side of SASL in SMTP (RFC 4954; pure).

PLAIN and LOGIN give the password away, so they are used on an encrypted connection
only. A mechanism is chosen by us, best first, whatever order the server lists.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Final, Protocol

from attrs import frozen

from mailapp.core.failures import SyntaxProblem
from mailapp.core.secret import Secret
from mailapp.sasl.scram_client import ScramClient

CHALLENGE_LIMIT: Final = 12 * 1024  # octets, after base64


@frozen
class Login:
    """How to log in to a server.

    Attributes:
        name: whose password it is; empty: the TLS certificate says who we are.
        password: as the server knows it, UTF-8.
    """

    name: str
    password: Secret


class ClientMechanism(Protocol):
    """One exchange, the client's side."""

    @property
    def name(self) -> str:
        """As registered."""

    def first(self) -> bytes | None:
        """The initial response, before base64; None: the server begins."""

    def answer(self, challenge: bytes) -> bytes:
        """The response to a challenge. May take long: call it in a thread.

        Raises:
            SyntaxProblem: the server breaks the protocol, or is not who it says.
        """

    def finished(self) -> bool:
        """Nothing is missing: the server's success may be believed."""


def choose_mechanism(
    login: Login,
    offered: Collection[str],
    *,
    encrypted: bool,
    nonce: Callable[[], str],
) -> ClientMechanism | None:
    """The best mechanism that both know and that may be used here; None: none."""
    if not login.name:
        return _External() if "EXTERNAL" in offered and encrypted else None
    if "SCRAM-SHA-256" in offered:
        return _Scram(login, nonce)
    if encrypted and "PLAIN" in offered:
        return _Plain(login)
    if encrypted and "LOGIN" in offered:
        return _LoginMechanism(login)
    return None


def _unexpected() -> SyntaxProblem:
    return SyntaxProblem("the server asked for more than the mechanism has")


class _External:
    """RFC 4422, appendix A: the certificate of the TLS layer names us."""

    name = "EXTERNAL"

    def first(self) -> bytes | None:
        """No other identity is asked for."""
        return b""

    def answer(self, challenge: bytes) -> bytes:
        """It has one message."""
        raise _unexpected()

    def finished(self) -> bool:
        """Always."""
        return True


class _Plain:
    """RFC 4616."""

    name = "PLAIN"

    def __init__(self, login: Login) -> None:
        self._login = login

    def first(self) -> bytes | None:
        """No authzid, then name and password."""
        return b"\0%s\0%s" % (self._login.name.encode(), self._login.password.reveal())

    def answer(self, challenge: bytes) -> bytes:
        """It has one message."""
        raise _unexpected()

    def finished(self) -> bool:
        """Always."""
        return True


class _LoginMechanism:
    """The mechanism LOGIN, which nobody has written down: name, then password."""

    name = "LOGIN"

    def __init__(self, login: Login) -> None:
        self._answers = [login.password.reveal(), login.name.encode()]

    def first(self) -> bytes | None:
        """The server asks first."""
        return None

    def answer(self, challenge: bytes) -> bytes:
        """Whatever the server says: it asks for the name, then for the password."""
        if not self._answers:
            raise _unexpected()
        return self._answers.pop()

    def finished(self) -> bool:
        """Always."""
        return True


class _Scram:
    """SCRAM-SHA-256 (RFC 7677): the server must prove that it knows the password."""

    name = "SCRAM-SHA-256"

    def __init__(self, login: Login, nonce: Callable[[], str]) -> None:
        self._client = ScramClient(login.name, login.password, nonce)
        self._challenges = 0

    def first(self) -> bytes | None:
        """client-first-message."""
        return self._client.first()

    def answer(self, challenge: bytes) -> bytes:
        """client-final-message, then nothing if the server has proved itself."""
        self._challenges += 1
        match self._challenges:
            case 1:
                return self._client.answer(challenge)
            case 2:
                self._client.verify(challenge)
                return b""
            case _:
                raise _unexpected()

    def finished(self) -> bool:
        """The server's signature was checked."""
        return self._challenges == 2  # noqa: PLR2004 - first and final message

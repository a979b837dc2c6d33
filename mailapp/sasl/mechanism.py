"""The contract of a SASL mechanism on the server's side (RFC 4422, section 5).

A mechanism is a machine without I/O: the client's response in, the next step out. It
never raises on what a client sent, and after its last step it only fails.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from enum import Enum
from typing import Final, Protocol

from attrs import field, frozen

from mailapp.core.secret import Secret

RESPONSE_LIMIT: Final = 12 * 1024  # octets, after base64; threat 43
EXCHANGE_LIMIT: Final = 64 * 1024  # octets, all responses of an exchange


@frozen
class Verifier:
    """What a server keeps of a SCRAM password (RFC 5802, section 2.1).

    Attributes:
        salt: random octets, at least 16 in ours.
        iterations: of Hi().
        stored_key: H(ClientKey).
        server_key: signs the server's last message.
    """

    salt: bytes
    iterations: int
    stored_key: bytes = field(repr=False)
    server_key: bytes = field(repr=False)


# ---- what a client claims, to be checked by twisted.cred


@frozen
class Password:
    """A name and a password, neither of them checked.

    Attributes:
        name: whose password it is (the authentication identity).
        authzid: whom the client wants to act as; empty: the same.
    """

    name: str
    authzid: str
    password: Secret


@frozen
class Proof:
    """A SCRAM proof, to be compared with the verifier of ``name``.

    Attributes:
        mechanism: without ``-PLUS``, as verifiers are stored.
        auth_message: what was signed.
        client_proof: of the length of the hash.
    """

    name: str
    authzid: str
    mechanism: str
    auth_message: bytes = field(repr=False)
    client_proof: bytes = field(repr=False)


@frozen
class Certificate:
    """The client's TLS certificate was verified and names ``name``."""

    name: str
    authzid: str


@frozen
class Digest:
    """A keyed digest of ``challenge``, to be compared by who knows the password.

    Attributes:
        digest: 32 hexadecimal digits in lower case.
    """

    name: str
    authzid: str
    challenge: bytes
    digest: bytes = field(repr=False)


Claim = Password | Proof | Certificate | Digest


# ---- steps


class Fault(Enum):
    """Why an exchange failed."""

    SYNTAX = "malformed response"
    CREDENTIALS = "invalid credentials"


@frozen
class Challenge:
    """Send this, before base64, and wait for the next response."""

    octets: bytes


@frozen
class NeedVerifier:
    """Look up the verifier of this name and call ``supply``.

    For an unknown name supply a decoy, so that nobody can tell.
    """

    name: str
    mechanism: str


@frozen
class Done:
    """The exchange is over; the claim is still to be checked."""

    claim: Claim


@frozen
class Failed:
    """The exchange is over and the client is not who it says."""

    fault: Fault


Step = Challenge | NeedVerifier | Done | Failed

SYNTAX: Final = Failed(Fault.SYNTAX)
CREDENTIALS: Final = Failed(Fault.CREDENTIALS)


@frozen
class Channel:
    """What a mechanism may know of the connection.

    Attributes:
        bindings: channel binding type to octets; empty without TLS.
        plus_offered: a ``-PLUS`` mechanism was announced to this client.
        client_name: the identity of a verified client certificate, or None.
        nonce: gives a fresh text of base64.
        host_name: of this server.
    """

    bindings: Mapping[str, bytes]
    plus_offered: bool
    client_name: str | None
    nonce: Callable[[], str]
    host_name: str = "localhost"


class Mechanism(Protocol):
    """One exchange."""

    def step(self, response: bytes | None) -> Step:
        """Take the client's response, after base64.

        Args:
            response: None only at the start, if there was no initial response.
        """

    def supply(self, verifier: Verifier) -> Step:
        """Answer ``NeedVerifier``."""


class Machine:
    """What all mechanisms share: limits, and an end that stays an end.

    A subclass gives its first state, a method that takes a response, and moves on by
    assigning ``_state``.
    """

    def __init__(
        self, first: Callable[[bytes], Step], opening: Challenge | None = None
    ) -> None:
        self._state: Callable[[bytes], Step] = first
        self._opening: Challenge | None = opening or Challenge(b"")
        self._octets = 0

    def step(self, response: bytes | None) -> Step:
        """Take a response; limits first."""
        opening, self._opening = self._opening, None
        if response is None:
            # RFC 4422, section 3: client-first ones begin with an empty challenge
            return opening or self._over(SYNTAX)
        self._octets += len(response)
        if len(response) > RESPONSE_LIMIT or self._octets > EXCHANGE_LIMIT:
            return self._over(SYNTAX)
        step = self._state(response)
        return self._over(step) if isinstance(step, Done | Failed) else step

    def supply(self, verifier: Verifier) -> Step:
        """No verifier is needed here."""
        return self._over(SYNTAX)

    def _over(self, step: Step) -> Step:
        self._state = _after_the_end
        return step


def _after_the_end(_response: bytes) -> Step:
    return SYNTAX

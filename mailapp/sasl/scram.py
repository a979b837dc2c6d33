"""SCRAM-SHA-256 and SCRAM-SHA-256-PLUS, server side (RFC 5802, RFC 7677, RFC 9266)."""

from __future__ import annotations

import hashlib
import hmac
from typing import Final

from attrs import frozen

from mailapp.core.failures import SyntaxProblem
from mailapp.sasl import base64
from mailapp.sasl.mechanism import (
    CREDENTIALS,
    SYNTAX,
    Challenge,
    Channel,
    Done,
    Machine,
    NeedVerifier,
    Proof,
    Step,
    Verifier,
)
from mailapp.sasl.prepare import saslprep
from mailapp.sasl.scram_syntax import ClientFinal, ClientFirst, Flag

SHA_256: Final = "SCRAM-SHA-256"
DIGEST_OCTETS: Final = 32
ITERATIONS: Final = 10_000  # RFC 7677, section 4 asks for 4096 at least
ITERATIONS_LEAST: Final = 4096
ITERATIONS_MOST: Final = 1_000_000
SALT_OCTETS: Final = 16


@frozen
class Keys:
    """What a client computes from its password (RFC 5802, section 3)."""

    client_key: bytes
    stored_key: bytes
    server_key: bytes


def derive_keys(password: bytes, salt: bytes, iterations: int) -> Keys:
    """Run Hi() and make the keys. 10,000 iterations take some 2.5 ms.

    Args:
        password: prepared with SASLprep.
        salt: of the verifier.
        iterations: of the verifier.
    """
    salted = hashlib.pbkdf2_hmac("sha256", password, salt, iterations)
    client_key = hmac.digest(salted, b"Client Key", "sha256")
    return Keys(
        client_key=client_key,
        stored_key=hashlib.sha256(client_key).digest(),
        server_key=hmac.digest(salted, b"Server Key", "sha256"),
    )


def make_verifier(
    password: bytes, salt: bytes, iterations: int = ITERATIONS
) -> Verifier:
    """What a server stores for a prepared password."""
    keys = derive_keys(password, salt, iterations)
    return Verifier(salt, iterations, keys.stored_key, keys.server_key)


def proves(proof: Proof, verifier: Verifier) -> bool:
    """Does the proof come from somebody who knows the password?"""
    signature = hmac.digest(verifier.stored_key, proof.auth_message, "sha256")
    client_key = xor(signature, proof.client_proof)
    return hmac.compare_digest(hashlib.sha256(client_key).digest(), verifier.stored_key)


def xor(one: bytes, other: bytes) -> bytes:
    """Of two strings of one length, octet by octet."""
    return bytes(a ^ b for a, b in zip(one, other, strict=True))


class ScramServer(Machine):
    """One exchange without channel binding; :class:`ScramPlusServer` has it.

    The last challenge holds the server's signature; the client answers it with an
    empty response (RFC 5802, section 5; RFC 4954, section 4).
    """

    plus: bool = False

    def __init__(self, channel: Channel) -> None:
        super().__init__(self._take_first)
        self._channel = channel
        self._verifier: Verifier | None = None
        self._first: ClientFirst | None = None
        self._name = ""
        self._nonce = ""
        self._server_first = b""
        self._proof: Proof | None = None

    def _take_first(self, response: bytes) -> Step:
        try:
            first = ClientFirst.parse(response)
            # RFC 5802, section 5.1: prepared as a query string
            self._name = saslprep(first.name)
        except SyntaxProblem:
            return SYNTAX
        if not self._binding_agrees(first):
            return CREDENTIALS
        self._first = first
        self._state = _unexpected
        return NeedVerifier(self._name, SHA_256)

    def _binding_agrees(self, first: ClientFirst) -> bool:
        """RFC 5802, section 6: refuse what smells of a downgrade."""
        if self.plus:
            return (
                first.flag is Flag.BOUND
                and first.binding_type in self._channel.bindings
            )
        if first.flag is Flag.SUPPORTED:
            # "the server MUST fail authentication": somebody hid our -PLUS
            return not self._channel.plus_offered
        return first.flag is Flag.UNSUPPORTED

    def supply(self, verifier: Verifier) -> Step:
        """Answer with salt and iteration count."""
        if self._first is None or self._verifier is not None:
            return self._over(SYNTAX)
        self._verifier = verifier
        self._nonce = self._first.nonce + self._channel.nonce()
        salt = base64.encode(verifier.salt).decode("ascii")
        message = f"r={self._nonce},s={salt},i={verifier.iterations}"
        self._server_first = message.encode("ascii")
        self._state = self._take_final
        return Challenge(self._server_first)

    def _take_final(self, response: bytes) -> Step:
        if self._first is None or self._verifier is None:
            return SYNTAX
        try:
            final = ClientFinal.parse(response)
        except SyntaxProblem:
            return SYNTAX
        # RFC 5802, section 6: "constructing the value of the c= attribute and then
        # checking that it matches"; so no second spelling of base64 can pass.
        binding = b""
        if self.plus:
            binding = self._channel.bindings[self._first.binding_type]
        expected = base64.encode(self._first.gs2_header + binding)
        if not hmac.compare_digest(final.channel_binding, expected):
            return CREDENTIALS
        if not hmac.compare_digest(final.nonce.encode(), self._nonce.encode()):
            return CREDENTIALS
        if len(final.proof) != DIGEST_OCTETS:
            return SYNTAX
        return self._check(final)

    def _check(self, final: ClientFinal) -> Step:
        assert self._first is not None  # noqa: S101 - narrowed by the caller
        assert self._verifier is not None  # noqa: S101
        auth_message = b",".join(
            (self._first.bare, self._server_first, final.without_proof)
        )
        proof = Proof(
            self._name, self._first.authzid, SHA_256, auth_message, final.proof
        )
        if not proves(proof, self._verifier):
            return CREDENTIALS
        self._proof = proof
        self._state = self._take_nothing
        signature = hmac.digest(self._verifier.server_key, auth_message, "sha256")
        return Challenge(b"v=" + base64.encode(signature))

    def _take_nothing(self, response: bytes) -> Step:
        if response or self._proof is None:
            return SYNTAX
        return Done(self._proof)


class ScramPlusServer(ScramServer):
    """One exchange bound to the TLS channel."""

    plus = True


def _unexpected(_response: bytes) -> Step:
    return SYNTAX

"""SCRAM-SHA-256 and SCRAM-SHA-256-PLUS, client side, for the relay and for tests."""

from __future__ import annotations

import hmac
from collections.abc import Callable

from mailapp.core.failures import SyntaxProblem
from mailapp.core.secret import Secret
from mailapp.sasl import base64
from mailapp.sasl.prepare import saslprep
from mailapp.sasl.scram import (
    ITERATIONS_LEAST,
    ITERATIONS_MOST,
    derive_keys,
    xor,
)
from mailapp.sasl.scram_syntax import ServerFirst, escape, parse_server_final


class ScramClient:
    """One exchange: ``first()``, ``answer(...)``, ``verify(...)``, in this order.

    Args:
        name: whose password it is.
        password: as the user typed it, UTF-8.
        nonce: gives a fresh text of printable ASCII without commas.
        binding: channel binding type and octets for ``-PLUS``, or None.
        authzid: whom to act as; empty: the same.
    """

    def __init__(
        self,
        name: str,
        password: Secret,
        nonce: Callable[[], str],
        binding: tuple[str, bytes] | None = None,
        authzid: str = "",
    ) -> None:
        self._password = password
        self._nonce = nonce()
        self._binding = binding
        flag = f"p={binding[0]}" if binding else "n"
        wanted = f"a={escape(authzid)}" if authzid else ""
        self._gs2_header = f"{flag},{wanted},".encode()
        self._bare = f"n={escape(saslprep(name))},r={self._nonce}".encode()
        self._signature = b""

    def first(self) -> bytes:
        """client-first-message."""
        return self._gs2_header + self._bare

    def answer(self, challenge: bytes) -> bytes:
        """client-final-message, after the server's first.

        Blocks for some 2.5 ms per 10,000 iterations.

        Raises:
            SyntaxProblem: the server broke the protocol, or wants too little or too
                much work (threat 45).
        """
        server = ServerFirst.parse(challenge)
        if not server.nonce.startswith(self._nonce) or server.nonce == self._nonce:
            reason = "the server changed our nonce"
            raise SyntaxProblem(reason)
        if not ITERATIONS_LEAST <= server.iterations <= ITERATIONS_MOST:
            reason = "the server's iteration count is out of bounds"
            raise SyntaxProblem(reason)
        password = saslprep(self._password.reveal().decode()).encode()
        keys = derive_keys(password, server.salt, server.iterations)
        bound = self._gs2_header + (self._binding[1] if self._binding else b"")
        without_proof = b"c=%s,r=%s" % (base64.encode(bound), server.nonce.encode())
        message = b",".join((self._bare, challenge, without_proof))
        proof = xor(keys.client_key, hmac.digest(keys.stored_key, message, "sha256"))
        self._signature = hmac.digest(keys.server_key, message, "sha256")
        return without_proof + b",p=" + base64.encode(proof)

    def verify(self, challenge: bytes) -> None:
        """Check the server's signature; answer with an empty response.

        Raises:
            SyntaxProblem: the server does not know our password.
        """
        signature = parse_server_final(challenge)
        if not self._signature or not hmac.compare_digest(signature, self._signature):
            reason = "the server could not prove itself"
            raise SyntaxProblem(reason)

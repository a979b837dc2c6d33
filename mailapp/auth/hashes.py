"""Password hashes: argon2id for passwords that are sent, SCRAM verifiers for the rest.

A check takes some 30 ms, in a thread of its own.
"""

from __future__ import annotations

import hmac
import os
import re
from base64 import b64encode
from collections.abc import Callable
from typing import Final

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from mailapp.core.failures import SyntaxProblem
from mailapp.core.secret import Secret
from mailapp.directory.accounts import NewPassword
from mailapp.directory.types import Verifiers
from mailapp.net.threads import InThread
from mailapp.sasl.mechanism import Verifier
from mailapp.sasl.prepare import saslprep
from mailapp.sasl.scram import (
    DIGEST_OCTETS,
    SALT_OCTETS,
    SHA_256,
    derive_keys,
    make_verifier,
)

LANES: Final = 1
PASSWORD_LIMIT: Final = 1024  # octets
# The most that an imported hash may ask for: one login must not be an attack.
_MEMORY_KIB_MOST: Final = 256 * 1024
_PASSES_MOST: Final = 16
_LANES_MOST: Final = 16
_ARGON2: Final = re.compile(
    r"\$argon2(?:id|i|d)\$v=19\$m=([0-9]{1,7}),t=([0-9]{1,3}),p=([0-9]{1,3})"
    r"\$[A-Za-z0-9+/]{11,128}\$[A-Za-z0-9+/]{16,128}"
)


class Hashes:
    """Makes and checks password hashes.

    Args:
        in_thread: runs the checks, one at a time is best; when it raises
            TemporaryFailure, too many wait already.
        random: gives so many random octets.
        memory_kib: of argon2id; tests take little.
        passes: of argon2id.
    """

    def __init__(
        self,
        in_thread: InThread,
        random: Callable[[int], bytes] = os.urandom,
        *,
        memory_kib: int,
        passes: int,
    ) -> None:
        self._in_thread = in_thread
        self._random = random
        self._argon2 = PasswordHasher(
            time_cost=passes, memory_cost=memory_kib, parallelism=LANES
        )
        # An argon2 hash of nothing: checking it costs what any check costs.
        salt = b64encode(random(16)).rstrip(b"=").decode()
        digest = b64encode(random(32)).rstrip(b"=").decode()
        self._decoy = (
            f"$argon2id$v=19$m={memory_kib},t={passes},p={LANES}${salt}${digest}"
        )

    async def matches(self, verifiers: Verifiers | None, password: bytes) -> bool:
        """Is it the account's password? One argon2 check, whatever the answer.

        Args:
            verifiers: None: there is no such account.
            password: prepared.

        Raises:
            TemporaryFailure: too many checks wait already.
        """
        good: bool = await self._in_thread(self._check, verifiers, password)
        return good

    def _check(self, verifiers: Verifiers | None, password: bytes) -> bool:
        """What blocks: in a thread."""
        stored = verifiers.password if verifiers else ""
        good = self.verify(stored or self._decoy, password)
        if verifiers is not None and not stored and SHA_256 in verifiers.scram:
            # imported with a SCRAM verifier only
            return _matches_scram(verifiers.scram[SHA_256], password)
        return good and bool(stored)

    def verify(self, stored: str, password: bytes) -> bool:
        """Compare with an argon2 hash; blocks for some 30 ms."""
        try:
            return self._argon2.verify(stored, password)
        except (VerificationError, InvalidHashError):
            return False

    def make(self, password: Secret) -> NewPassword:
        """All that is stored of a password; blocks for some 40 ms.

        Raises:
            SyntaxProblem: the text says what is wrong with the password.
        """
        octets = stored_form(password)
        verifier = make_verifier(octets, self._random(SALT_OCTETS))
        salt = self._random(16)
        return NewPassword(self._argon2.hash(octets, salt=salt), {SHA_256: verifier})


def stored_form(password: Secret) -> bytes:
    """A password as it is hashed (RFC 4013, section 2).

    Raises:
        SyntaxProblem: it is empty, too long, or can't be typed everywhere.
    """
    octets = password.reveal()
    if not octets:
        reason = "the password is empty"
        raise SyntaxProblem(reason)
    if len(octets) > PASSWORD_LIMIT:
        reason = f"the password is longer than {PASSWORD_LIMIT} octets"
        raise SyntaxProblem(reason)
    try:
        return saslprep(octets.decode(), stored=True).encode()
    except UnicodeDecodeError:
        reason = "the password is not UTF-8"
        raise SyntaxProblem(reason) from None
    except SyntaxProblem as problem:
        reason = f"the password can't be used: {problem.reason}"
        raise SyntaxProblem(reason) from None


def check_argon2(text: str) -> str:
    """An argon2 hash from elsewhere, if it is one we can check.

    Raises:
        SyntaxProblem: it is none, or asks for too much memory or time.
    """
    found = _ARGON2.fullmatch(text)
    if found is None:
        reason = "not an argon2 hash"
        raise SyntaxProblem(reason)
    memory_kib, passes, lanes = map(int, found.groups())
    if memory_kib > _MEMORY_KIB_MOST or passes > _PASSES_MOST or lanes > _LANES_MOST:
        reason = "the argon2 hash asks for too much memory or time"
        raise SyntaxProblem(reason)
    return text


def _matches_scram(verifier: Verifier, password: bytes) -> bool:
    keys = derive_keys(password, verifier.salt, verifier.iterations)
    return hmac.compare_digest(keys.stored_key, verifier.stored_key)


class Decoys:
    """SCRAM verifiers for names that do not exist, the same at every try.

    So a stranger sees no difference: the salt of an unknown name does not change, and
    no proof fits. (Our rule; RFC 5802 leaves it open.)

    Args:
        key: of the installation, for this purpose.
        iterations: those that our verifiers have.
    """

    def __init__(self, key: bytes, iterations: int) -> None:
        self._key = key
        self._iterations = iterations

    def verifier(self, name: str) -> Verifier:
        """The decoy of a name in canonical form."""

        def octets(purpose: bytes) -> bytes:
            message = purpose + b"\0" + name.encode(errors="surrogatepass")
            return hmac.digest(self._key, message, "sha256")

        return Verifier(
            salt=octets(b"salt")[:SALT_OCTETS],
            iterations=self._iterations,
            stored_key=octets(b"stored")[:DIGEST_OCTETS],
            server_key=octets(b"server")[:DIGEST_OCTETS],
        )

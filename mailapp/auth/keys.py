"""The key of this installation, and what is sealed with it.

One file of 32 random octets beside the accounts file. It makes the decoys of unknown
names the same at every try, and encrypts the reversible secrets of those who opted in
to APOP, so that a copy of the accounts file alone shows none (threat 50).
"""

from __future__ import annotations

import hmac
import os
from collections.abc import Callable
from pathlib import Path
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from mailapp.core.secret import Secret

KEY_FILE: Final = "auth.key"
"""In the server's directory."""
KEY_OCTETS: Final = 32
_NONCE_OCTETS: Final = 12


class KeyProblem(Exception):
    """The key file can't be used; the text says why and what to do."""


class InstallationKey:
    """The key, and keys made from it.

    Args:
        key: 32 octets.
        random: gives so many random octets.
    """

    def __init__(
        self, key: Secret, random: Callable[[int], bytes] = os.urandom
    ) -> None:
        self._key: Final = key
        self._random = random
        self._cipher = AESGCM(self.derive(b"reversible secrets"))

    def derive(self, purpose: bytes) -> bytes:
        """32 octets for one purpose, the same at every call."""
        return hmac.digest(self._key.reveal(), purpose, "sha256")

    def seal(self, secret: Secret, account: str) -> bytes:
        """Encrypt a secret; only for this account can it be unsealed."""
        nonce = self._random(_NONCE_OCTETS)
        sealed = self._cipher.encrypt(nonce, secret.reveal(), account.encode())
        return nonce + sealed

    def unseal(self, sealed: bytes, account: str) -> Secret | None:
        """Decrypt; None: it was sealed with another key or for another account."""
        nonce, rest = sealed[:_NONCE_OCTETS], sealed[_NONCE_OCTETS:]
        try:
            return Secret(self._cipher.decrypt(nonce, rest, account.encode()))
        except (InvalidTag, ValueError):
            return None


def load_key(path: Path) -> InstallationKey:
    """Read the key file, made if it is not there.

    Raises:
        KeyProblem: others may read it, or it is damaged.
        OSError: it can't be read or made.
    """
    if not path.exists():
        _create(path)
    if path.stat().st_mode & 0o077:
        text = f"{path}: others may read it; run: chmod 600 {path}"
        raise KeyProblem(text)
    octets = path.read_bytes()
    if len(octets) != KEY_OCTETS:
        text = f"{path}: not a key of {KEY_OCTETS} octets; restore it from a backup"
        raise KeyProblem(text)
    return InstallationKey(Secret(octets))


def _create(path: Path) -> None:
    """Put a whole key there; if another process was faster, theirs stays."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(os.urandom(KEY_OCTETS))
            file.flush()
            os.fsync(file.fileno())
            if os.geteuid() == 0:
                # an admin's first command as root must not lock the server out
                owner = path.parent.stat()
                os.fchown(file.fileno(), owner.st_uid, owner.st_gid)
        try:
            os.link(temporary, path)
        except FileExistsError:
            return
    finally:
        temporary.unlink()
    directory = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)

"""Passwords that are made for one program each: random, shown once, removed at will.

24 letters and digits of 5 bits make 120 bits: nobody guesses that, so a fast hash is as
good as a slow one. It is keyed with the key of the installation, so that a copy of the
accounts file alone says nothing. They work wherever the password itself is sent: PLAIN,
LOGIN, USER and PASS. SCRAM knows the account's main password only, because a verifier
must be chosen before the client shows which password it has.
"""

from __future__ import annotations

import hmac
import os
from base64 import b32encode
from collections.abc import Callable
from typing import Final

from mailapp.auth.keys import InstallationKey
from mailapp.core import abnf
from mailapp.core.secret import Secret
from mailapp.directory.types import AppPassword, Verifiers
from mailapp.storage.types import AccountId

NoteUse = Callable[[AccountId, AppPassword], None]

LENGTH: Final = 24  # letters and digits, without the hyphens
_GROUP: Final = 4
_OCTETS: Final = 15
_is_base32: Final = abnf.only(frozenset(b"abcdefghijklmnopqrstuvwxyz234567"))


def generate(random: Callable[[int], bytes] = os.urandom) -> Secret:
    """A new one, in groups that can be read to somebody."""
    text = b32encode(random(_OCTETS)).lower()
    groups = [text[i : i + _GROUP] for i in range(0, LENGTH, _GROUP)]
    return Secret(b"-".join(groups))


def digest(key: InstallationKey, account: str, password: bytes) -> bytes | None:
    """What is stored of it; None: it can't be an app password.

    Hyphens, spaces and case do not count: it is typed from a screen.
    """
    plain = password.translate(None, b"- ").lower()
    if len(plain) != LENGTH or not _is_base32(plain):
        return None
    message = account.encode() + b"\0" + plain
    return hmac.digest(key.derive(b"app passwords"), message, "sha256")


class AppPasswords:
    """Recognizes them at logins.

    Args:
        key: of the installation.
        note_use: told of each use; None: nobody wants to know.
    """

    def __init__(self, key: InstallationKey, note_use: NoteUse | None = None) -> None:
        self._key = key
        self._note_use = note_use

    def find(self, verifiers: Verifiers, password: bytes) -> AppPassword | None:
        """The account's app password that this is, if any."""
        if not verifiers.app_passwords:
            return None
        found = digest(self._key, verifiers.account.id, password)
        if found is None:
            return None
        for known in verifiers.app_passwords:
            if hmac.compare_digest(found, known.digest):
                return known
        return None

    def used(self, account: AccountId, app_password: AppPassword) -> None:
        """Somebody logged in with it."""
        if self._note_use is not None:
            self._note_use(account, app_password)

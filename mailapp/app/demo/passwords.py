"""The passwords of a demo's accounts: made, kept, and shown again at the next start."""

from __future__ import annotations

import os
import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from mailapp.auth.hashes import Hashes, stored_form
from mailapp.config.sections import Auth
from mailapp.core.failures import SyntaxProblem
from mailapp.core.secret import Secret
from mailapp.directory.accounts import Accounts, NewPassword
from mailapp.net.threads import inline
from mailapp.storage.types import AccountId

FILE: Final = "passwords.txt"
_HEAD: Final = '# Written by "mailapp demo": address and password of each account.\n'


def new_password() -> str:
    """Easy to type, hard to guess."""
    return "-".join(secrets.token_hex(2) for _ in range(3))


def read_passwords(path: Path) -> dict[str, str]:
    """Address to password; nothing if there is no file."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        return {}
    rows = (line.partition(" ") for line in lines if not line.startswith("#"))
    return {address: password for address, _, password in rows if password}


def write_passwords(path: Path, passwords: Mapping[str, str]) -> None:
    """Write all of them anew; only the owner may read it."""
    temporary = path.with_name(f".{path.name}")
    temporary.unlink(missing_ok=True)
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(_HEAD)
        file.writelines(f"{a} {password}\n" for a, password in passwords.items())
    temporary.replace(path)


class Keyring:
    """Gives each account of a demo a password, and remembers what it is.

    Args:
        accounts: of the demo.
        known: address to password, of the last start.
    """

    def __init__(self, accounts: Accounts, known: Mapping[str, str]) -> None:
        self._accounts = accounts
        self._known = known
        auth = Auth()
        self._hashes = Hashes(
            inline, memory_kib=auth.argon2_memory // 1024, passes=auth.argon2_passes
        )
        self._made: dict[str, NewPassword] = {}
        self._matched: dict[tuple[str, str], bool] = {}
        self._fresh: list[tuple[AccountId, NewPassword]] = []
        self.passwords: dict[str, str] = {}
        """Address to password, of those that are known."""

    def settle(self, account: AccountId, wish: str, otherwise: str) -> None:
        """Find, set or make the password of one account.

        Args:
            account: there, or to be made.
            wish: what the password must be; empty for the one it has.
            otherwise: what it becomes if the account is not there yet.

        Raises:
            SyntaxProblem: the password is not usable.
        """
        password = wish or self._known.get(account, "")
        verifiers = self._accounts.verifiers(account)
        if verifiers is None:
            password = password or otherwise
            self._fresh.append((account, self._make(password)))
        elif not self._matches(verifiers.password, password):
            if not wish:  # it was set by other means: leave it alone
                return
            self._accounts.set_password(account, self._make(wish))
        self.passwords[account] = password

    def add(self, now: float) -> None:
        """Make the accounts that were not there."""
        self._accounts.add(self._fresh, now=now)
        self._fresh = []

    def _make(self, password: str) -> NewPassword:
        """Demo accounts that share a password share its hash too."""
        if "\n" in password:
            reason = "the password is more than one line"
            raise SyntaxProblem(reason)
        if password not in self._made:
            self._made[password] = self._hashes.make(Secret(password.encode()))
        return self._made[password]

    def _matches(self, stored: str, password: str) -> bool:
        if not password:
            return False
        pair = (stored, password)
        if pair not in self._matched:
            octets = stored_form(Secret(password.encode()))
            self._matched[pair] = self._hashes.verify(stored, octets)
        return self._matched[pair]

"""Where the command line finds what it manages."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol, Self

from attrs import frozen

from mailapp.auth.keys import KEY_FILE, InstallationKey, load_key
from mailapp.cli.codes import FAILED, TRY_AGAIN
from mailapp.cli.prompt import Terminal
from mailapp.core.failures import SyntaxProblem, TemporaryFailure
from mailapp.directory.accounts import Accounts
from mailapp.directory.resolve import Directory
from mailapp.directory.schema import AccountsFileProblem


class ServerSettings(Protocol):
    """What is asked of the ``[server]`` table."""

    @property
    def directory(self) -> Path:
        """Holds everything the server keeps."""

    @property
    def accounts(self) -> Path:
        """The accounts file."""

    @property
    def domains(self) -> Sequence[str]:
        """Ours."""


class AuthSettings(Protocol):
    """What is asked of the ``[auth]`` table."""

    @property
    def argon2_memory(self) -> int:
        """Octets that one password check takes."""

    @property
    def argon2_passes(self) -> int:
        """How often it goes over them."""


class Settings(Protocol):
    """What is asked of a configuration."""

    @property
    def server(self) -> ServerSettings:
        """The ``[server]`` table."""

    @property
    def auth(self) -> AuthSettings:
        """The ``[auth]`` table."""

    @property
    def mail_root(self) -> Path:
        """The folder of all Maildirs."""


@frozen
class Site:
    """An installation.

    Attributes:
        accounts: the accounts file.
        key: the key file.
        mail_root: the folder of all Maildirs.
        domains: ours; the first is the default.
    """

    accounts: Path
    key: Path
    mail_root: Path
    domains: Sequence[str]

    @classmethod
    def of(cls, settings: Settings) -> Self:
        """That of a configuration."""
        server = settings.server
        key = server.directory / KEY_FILE
        return cls(server.accounts, key, settings.mail_root, server.domains)

    def open_accounts(self) -> Accounts:
        """Open the accounts file, made if it is not there.

        Raises:
            AccountsFileProblem, sqlite3.Error, OSError: it can't be opened.
        """
        return Accounts(self.accounts)

    def attempt(self, terminal: Terminal, work: Callable[[Accounts], int]) -> int:
        """Do something with the accounts.

        Args:
            terminal: is told what went wrong.
            work: gives the exit code.

        Returns:
            the exit code.
        """
        try:
            accounts = self.open_accounts()
            try:
                return work(accounts)
            finally:
                accounts.close()
        except SyntaxProblem as problem:
            terminal.complain(problem.reason)
        except AccountsFileProblem as problem:
            terminal.complain(str(problem))
        except OSError as problem:
            where = os.fsdecode(problem.filename or self.accounts)
            terminal.complain(f"{where}: {problem.strerror}")
        except (sqlite3.Error, TemporaryFailure) as problem:
            terminal.complain(f"{self.accounts}: {problem}")
            return TRY_AGAIN
        return FAILED

    def open_directory(self, accounts: Accounts) -> Directory:
        """The directory over it, for names."""
        return Directory(accounts, self.domains)

    def load_key(self) -> InstallationKey:
        """The installation's key, made if it is not there.

        Raises:
            KeyProblem, OSError: it can't be used.
        """
        return load_key(self.key)

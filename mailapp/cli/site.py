"""Where the command line finds what it manages."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol, Self

from attrs import frozen

from mailapp.auth.keys import KEY_FILE, InstallationKey, load_key
from mailapp.directory.accounts import Accounts
from mailapp.directory.resolve import Directory


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

    def open_directory(self, accounts: Accounts) -> Directory:
        """The directory over it, for names."""
        return Directory(accounts, self.domains)

    def load_key(self) -> InstallationKey:
        """The installation's key, made if it is not there.

        Raises:
            KeyProblem, OSError: it can't be used.
        """
        return load_key(self.key)

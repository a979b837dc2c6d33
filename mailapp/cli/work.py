"""What the commands of ``mailapp user`` have at hand, and how they end."""

from __future__ import annotations

import argparse
from collections.abc import Callable

from attrs import frozen

from mailapp.auth.hashes import Hashes, stored_form
from mailapp.auth.passwords import check_strength
from mailapp.cli.prompt import Terminal
from mailapp.cli.site import Site
from mailapp.core.secret import Secret
from mailapp.directory.accounts import Accounts, NewPassword, NoSuchAccount
from mailapp.directory.names import account_id
from mailapp.directory.types import Verifiers
from mailapp.storage.types import AccountId


class Refusal(Exception):
    """The command can't be done; the text says why."""


@frozen
class Work:
    """What a command has at hand."""

    arguments: argparse.Namespace
    site: Site
    accounts: Accounts
    hashes: Hashes
    terminal: Terminal
    now: Callable[[], float]

    def account(self, *, existing: bool = True) -> AccountId:
        """The account named on the command line.

        Raises:
            SyntaxProblem, NoSuchAccount, Refusal: the name can't be used.
        """
        name = account_id(self.arguments.name, self.site.domains[0])
        domain = name.rpartition("@")[2]
        if existing and self.accounts.verifiers(name) is None:
            raise NoSuchAccount(name)
        if not existing and domain not in self.site.domains:
            text = f"{domain} is not in the configuration's server.domains"
            raise Refusal(text)
        return name

    def found(self, name: AccountId) -> Verifiers:
        """What is known of the account.

        Raises:
            NoSuchAccount: nothing.
        """
        found = self.accounts.verifiers(name)
        if found is None:
            raise NoSuchAccount(name)
        return found

    def new_password(self, name: AccountId) -> tuple[Secret, NewPassword]:
        """Ask for a password and hash it.

        Raises:
            SyntaxProblem, NoPassword: it can't be used.
        """
        password = self.terminal.read_password(from_stdin=self.arguments.stdin)
        stored_form(password)
        if not self.arguments.allow_weak:
            check_strength(password, name)
        return password, self.hashes.make(password)

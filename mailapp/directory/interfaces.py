"""The seam of the directory: what an address means, and what an account may do."""

from __future__ import annotations

from collections.abc import Awaitable

from zope.interface import Interface

from mailapp.core.address import Address
from mailapp.directory.types import (
    Account,
    Elsewhere,
    Expanded,
    Local,
    Resolution,
    Unknown,
    Verifiers,
)

__all__ = [
    "Account",
    "Elsewhere",
    "Expanded",
    "IAccountDirectory",
    "IDirectory",
    "IVerifiers",
    "Local",
    "Resolution",
    "Unknown",
    "Verifiers",
]


class IDirectory(Interface):
    """Accounts, aliases and domains. Changes show at the next call."""

    def resolve(address: Address) -> Awaitable[Resolution]:
        """What an envelope recipient means.

        ``<postmaster>`` without a domain and every ``postmaster@`` of a local domain
        resolve (RFC 5321, section 4.5.1). Disabled accounts are Unknown.

        Raises:
            TemporaryFailure: the directory can't be read now.
        """

    def account(name: str) -> Awaitable[Account | None]:
        """The account of a login name: ``user@domain``, or ``user`` alone.

        ``user`` alone means the default domain.
        """


class IVerifiers(Interface):
    """What logins are checked against. Changes show at the next call."""

    def verifiers(name: str) -> Awaitable[Verifiers | None]:
        """Those of a login name, as :meth:`IDirectory.account` takes it.

        None: there is no such account, or its name breaks the grammar of names.

        Raises:
            TemporaryFailure: the directory can't be read now.
        """

    def key(name: str) -> str:
        """One text for all spellings of a login name, whether it exists or not.

        Empty if no account may have such a name. Takes no time worth measuring.
        """


class IAccountDirectory(IDirectory, IVerifiers):
    """Both: what mail means, and what logins are checked against."""

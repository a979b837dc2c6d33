"""The seam of the directory: what an address means, and what an account may do."""

from __future__ import annotations

from collections.abc import Awaitable, Sequence

from attrs import frozen
from zope.interface import Interface

from mailapp.core.address import Address
from mailapp.storage.types import AccountId


@frozen
class Account:
    """What is known of an account besides its verifiers.

    Attributes:
        enabled: a disabled account neither logs in nor receives.
        quota_octets: 0 is no limit.
    """

    id: AccountId
    enabled: bool = True
    quota_octets: int = 0


@frozen
class Local:
    """The address is a mailbox of ours.

    Attributes:
        account: whose it is.
        detail: the subaddress behind the separator (``user+detail``), or empty.
    """

    account: Account
    detail: str = ""


@frozen
class Expanded:
    """The address is an alias: its targets, resolved as far as they are ours.

    Attributes:
        local: mailboxes here, each once.
        remote: addresses elsewhere.
    """

    local: Sequence[Local]
    remote: Sequence[Address]


class Unknown:
    """The domain is ours, the mailbox is not."""


class Elsewhere:
    """The domain is not ours."""


Resolution = Local | Expanded | Unknown | Elsewhere


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

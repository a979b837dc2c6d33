"""What the directory knows of addresses and accounts, as values (pure)."""

from __future__ import annotations

from collections.abc import Sequence

from attrs import frozen

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

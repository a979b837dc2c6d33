"""What the directory knows of addresses and accounts, as values (pure)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from attrs import field, frozen

from mailapp.core.address import Address
from mailapp.sasl.mechanism import Verifier
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
class Verifiers:
    """What an account's logins are checked against.

    Attributes:
        version: changes with every change of the account, and never comes back.
        password: an argon2 hash in PHC form, or empty: none is stored.
        scram: SASL mechanism to verifier.
        sealed: the reversible secret that APOP needs, encrypted; None: not opted in.
    """

    account: Account
    version: int
    password: str = field(default="", repr=False)
    scram: Mapping[str, Verifier] = field(factory=dict, repr=False, hash=False)
    sealed: bytes | None = field(default=None, repr=False)


@frozen
class NewPassword:
    """What is stored of a password.

    Attributes:
        hash: argon2 in PHC form, or empty.
        scram: SASL mechanism to verifier.
        sealed: the password itself, encrypted, for those who opted in.
    """

    hash: str = field(repr=False)
    scram: Mapping[str, Verifier] = field(factory=dict, repr=False, hash=False)
    sealed: bytes | None = field(default=None, repr=False)


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

"""What the directory knows of addresses and accounts, as values (pure)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import Enum, unique

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
class AppPassword:
    """A password that was made for one program of the account's user.

    Attributes:
        label: what its user calls it.
        digest: keyed; the password itself is random enough to need no slow hash.
        created_at: seconds since the epoch.
        used_at: of the last login, to the day; None: it was never used.
    """

    label: str
    digest: bytes = field(repr=False)
    created_at: int = 0
    used_at: int | None = None


@frozen
class Verifiers:
    """What an account's logins are checked against.

    Attributes:
        version: changes with every change of the account, and never comes back.
        password: an argon2 hash in PHC form, or empty: none is stored.
        scram: SASL mechanism to verifier.
        sealed: the reversible secret that APOP needs, encrypted; None: not opted in.
        app_passwords: by label.
    """

    account: Account
    version: int
    password: str = field(default="", repr=False)
    scram: Mapping[str, Verifier] = field(factory=dict, repr=False, hash=False)
    sealed: bytes | None = field(default=None, repr=False)
    app_passwords: tuple[AppPassword, ...] = ()


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


@unique
class Posting(Enum):
    """Whose messages a list sends on."""

    ANYONE = "anyone"
    MEMBERS = "members"  # and the owner
    OWNER = "owner"


@frozen
class ListSettings:
    """What makes an alias a distribution list.

    Attributes:
        owner: who gets the bounces, and is asked for help.
        posting: whose posts go on.
        title: what it is about, for people; may be empty.
    """

    owner: Address
    posting: Posting = Posting.ANYONE
    title: str = ""


@frozen
class MailingList:
    """A distribution list of ours.

    Attributes:
        address: where posts are sent, in its canonical form.
        owner: who gets the bounces, and is asked for help.
        members: as the administrator wrote them, ours and others'.
        posting: whose posts go on.
        title: what it is about, for people; may be empty.
    """

    address: Address
    owner: Address
    members: Sequence[Address]
    posting: Posting = Posting.ANYONE
    title: str = ""

    @property
    def bounces(self) -> Address:
        """The reverse-path of its posts; mail for it goes to the owner."""
        return Address(f"{self.address.local_part}-bounces", self.address.domain)


@frozen
class Expanded:
    """The address is an alias: its targets, resolved as far as they are ours.

    Attributes:
        local: mailboxes here, each once.
        remote: addresses elsewhere.
        lists: distribution lists here, whose members are not resolved.
    """

    local: Sequence[Local]
    remote: Sequence[Address]
    lists: Sequence[MailingList] = ()


class Unknown:
    """The domain is ours, the mailbox is not."""


class Elsewhere:
    """The domain is not ours."""


Resolution = Local | Expanded | Unknown | Elsewhere

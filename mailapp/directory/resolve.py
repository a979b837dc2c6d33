"""The directory over the accounts file: what an address means here."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from zope.interface import implementer

from mailapp.core.address import Address, canonical_domain, parse_address
from mailapp.core.failures import SyntaxProblem
from mailapp.directory.accounts import Accounts
from mailapp.directory.aliases import Meaning, expand
from mailapp.directory.interfaces import IAccountDirectory
from mailapp.directory.names import account_id, canonical_local_part
from mailapp.directory.types import (
    Account,
    Elsewhere,
    Expanded,
    ListSettings,
    Local,
    MailingList,
    Resolution,
    Unknown,
    Verifiers,
)
from mailapp.storage.types import AccountId

_CACHE_LIMIT: Final = 100_000
_UNKNOWN: Final = Unknown()
_ELSEWHERE: Final = Elsewhere()
_POSTMASTER: Final = "postmaster"
_OWNED: Final = frozenset(("bounces", "owner", "request"))


@implementer(IAccountDirectory)
class Directory:
    """Accounts, aliases, subaddresses and catch-alls of our domains.

    An address is looked up as it is, then as that of a list's owner, then without its
    subaddress, then as postmaster, then as its domain's catch-all; at each step a list
    comes before an alias, and that before an account, so that ``alice -> alice, bob``
    can keep a copy.

    Args:
        accounts: the file.
        domains: ours; the first is that of login names without a domain.
        separator: of a subaddress (RFC 5233), one character; empty: there are none.
        postmaster: who gets postmaster's mail if no account or alias of that name is
            there; None: the oldest account.

    Raises:
        SyntaxProblem: a domain or postmaster is malformed.
    """

    def __init__(
        self,
        accounts: Accounts,
        domains: Sequence[str],
        *,
        separator: str = "+",
        postmaster: str | None = None,
    ) -> None:
        self._accounts = accounts
        self._domains = frozenset(canonical_domain(domain) for domain in domains)
        self._default_domain = canonical_domain(domains[0])
        self._separator = separator
        self._postmaster: AccountId | None = None
        if postmaster is not None:
            self._postmaster = account_id(postmaster, self._default_domain)
        self._resolved: dict[Address, Resolution] = {}
        self._generation = -1

    async def account(self, name: str) -> Account | None:
        """The account of a login name, also a disabled one."""
        found = await self.verifiers(name)
        return found.account if found else None

    async def verifiers(self, name: str) -> Verifiers | None:
        """What logins to this account are checked against."""
        try:
            return self._accounts.verifiers(account_id(name, self._default_domain))
        except SyntaxProblem:
            return None

    def key(self, name: str) -> str:
        """One text for all spellings of a login name."""
        try:
            return account_id(name, self._default_domain)
        except SyntaxProblem:
            return ""

    async def resolve(self, address: Address) -> Resolution:
        """What an envelope recipient means."""
        generation = self._accounts.generation()
        if generation != self._generation or len(self._resolved) >= _CACHE_LIMIT:
            self._generation = generation
            self._resolved.clear()
        found = self._resolved.get(address)
        if found is None:
            found = self._resolved[address] = self._resolve(address)
        return found

    def _resolve(self, address: Address) -> Resolution:
        meaning = self._look_up(address)
        if meaning.elsewhere:
            return _ELSEWHERE
        if meaning.post is not None:
            return Expanded((), (), (meaning.post,))
        if meaning.targets:
            expanded = expand(meaning, self._look_up)
            leads = expanded.local or expanded.remote or expanded.lists
            return expanded if leads else _UNKNOWN
        return meaning.local or _UNKNOWN

    def _look_up(self, address: Address) -> Meaning:
        """What the address means, not following aliases."""
        local_part = canonical_local_part(address.local_part)
        domain = address.domain
        if not domain and local_part == _POSTMASTER:
            # RFC 5321, section 4.5.1: the one address without a domain
            domain = self._default_domain
        key = f"{local_part}@{domain}"
        if domain not in self._domains:
            return Meaning(key, elsewhere=True)
        return (
            self._known(local_part, domain)
            or self._owner(local_part, domain)
            or self._known_without_detail(address.local_part, domain)
            or self._known_otherwise(local_part, domain)
            or Meaning(key)
        )

    def _known(self, local_part: str, domain: str, detail: str = "") -> Meaning | None:
        """An alias or account of just this name; a disabled account has no mailbox."""
        key = f"{local_part}@{domain}"
        targets = self._accounts.targets(key)
        settings = self._accounts.lists().get(key)
        if settings is not None:
            return Meaning(key, post=_mailing_list(key, settings, targets))
        found = self._accounts.verifiers(AccountId(key))
        if found is None and not targets:
            return None
        local = None
        if found is not None and found.account.enabled:
            local = Local(found.account, detail)
        return Meaning(key, local, _addresses(targets))

    def _known_without_detail(self, local_part: str, domain: str) -> Meaning | None:
        if not self._separator:
            return None
        user, separator, detail = local_part.partition(self._separator)
        if not separator or not user:
            return None
        return self._known(canonical_local_part(user), domain, detail)

    def _owner(self, local_part: str, domain: str) -> Meaning | None:
        """``list-bounces`` and its like (RFC 2142, section 6) are the list's owner."""
        name, mark, role = local_part.rpartition("-")
        if not mark or role not in _OWNED:
            return None
        settings = self._accounts.lists().get(f"{name}@{domain}")
        if settings is None:
            return None
        return Meaning(f"{local_part}@{domain}", None, (settings.owner,))

    def _known_otherwise(self, local_part: str, domain: str) -> Meaning | None:
        if local_part == _POSTMASTER:
            account = self._postmaster_account(domain)
            if account is not None:
                return Meaning(f"{local_part}@{domain}", Local(account))
        targets = self._accounts.targets(f"@{domain}")
        return Meaning(f"@{domain}", None, _addresses(targets)) if targets else None

    def _postmaster_account(self, domain: str) -> Account | None:
        if self._postmaster is not None:
            found = self._accounts.verifiers(self._postmaster)
            if found is not None and found.account.enabled:
                return found.account
        return self._accounts.oldest(domain)


def _mailing_list(
    key: str, settings: ListSettings, members: Sequence[str]
) -> MailingList:
    local_part, _, domain = key.rpartition("@")
    return MailingList(
        Address(local_part, domain),
        settings.owner,
        _addresses(members),
        settings.posting,
        settings.title,
    )


def _addresses(targets: Sequence[str]) -> tuple[Address, ...]:
    return tuple(parse_address(target.encode()) for target in targets)


def alias_address(text: str) -> str:
    """The key of an alias: ``local@domain``, or ``@domain`` for the catch-all.

    Raises:
        SyntaxProblem: it is neither.
    """
    if text.startswith("@"):
        return f"@{canonical_domain(text[1:])}"
    address = parse_address(text.encode())
    return f"{canonical_local_part(address.local_part)}@{address.domain}"

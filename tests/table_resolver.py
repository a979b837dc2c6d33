"""A world of DNS in a table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from ipaddress import ip_address

from zope.interface import implementer

from mailapp.net.interfaces import IResolver
from mailapp.net.records import (
    Answer,
    NoRecords,
    NoSuchName,
    Record,
    RecordType,
    canonical,
)

Zone = Mapping[tuple[str, RecordType], Sequence[Record] | Exception]
"""What a name has, or which failure its look-up raises."""

_CHAIN = 8


@implementer(IResolver)
class TableResolver:
    """Answers from a table; what is not in it does not exist.

    Args:
        zone: ``{("example.test", RecordType.MX): [MX(10, "mail.example.test")]}``; an
            exception as the value is raised.
        authenticated: names, and all below them, that DNSSEC protects.

    Attributes:
        asked: the look-ups so far, for tests.
    """

    def __init__(self, zone: Zone, authenticated: Sequence[str] = ()) -> None:
        self.asked: list[tuple[str, RecordType]] = []
        self._zone = {(canonical(name), kind): v for (name, kind), v in zone.items()}
        self._secure = tuple(canonical(name) for name in authenticated)

    async def lookup(self, name: str, kind: RecordType) -> Answer:
        """As the interface says."""
        name = canonical(name)
        self.asked.append((name, kind))
        secure = True
        for _ in range(_CHAIN):
            secure = secure and self._is_secure(name)
            found = self._zone.get((name, kind))
            if isinstance(found, Exception):
                raise found
            if found:
                return Answer(tuple(found), authenticated=secure)
            alias = self._zone.get((name, RecordType.CNAME))
            if not alias or isinstance(alias, Exception):
                break
            name = canonical(str(alias[0]))
        if any(known == name or known.endswith(f".{name}") for known, _ in self._zone):
            raise NoRecords(authenticated=secure)
        raise NoSuchName(authenticated=secure)

    async def reverse(self, address: str) -> Answer:
        """As the interface says."""
        return await self.lookup(ip_address(address).reverse_pointer, RecordType.PTR)

    def _is_secure(self, name: str) -> bool:
        return any(name == s or name.endswith(f".{s}") for s in self._secure)

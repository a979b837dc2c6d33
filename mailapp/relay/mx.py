"""The next hops of a domain (RFC 5321, section 5; RFC 7505)."""

from __future__ import annotations

from collections.abc import Callable, Collection, Coroutine, Sequence
from ipaddress import ip_address
from itertools import chain, zip_longest
from typing import Any, Final

from attrs import frozen
from twisted.internet.defer import Deferred, gatherResults

from mailapp.net.interfaces import IResolver
from mailapp.net.records import MX, NoRecords, NotFound, RecordType, Unresolved
from mailapp.relay.routes import SMTP_PORT
from mailapp.smtp.client_states import Trouble

EXCHANGES_LIMIT: Final = 20
"""MX records that are looked at, best first."""
ADDRESSES_LIMIT: Final = 8
"""Addresses of one host that are used, of each family."""
HOPS_LIMIT: Final = 40
_CACHED: Final = 4096
_LEAST_SECONDS: Final = 5.0
_MOST_SECONDS: Final = 3600.0


@frozen
class Hop:
    """One address of one server.

    Attributes:
        name: as the MX record or the route has it; what a certificate must be for.
        address: an IP address, or the path of a Unix socket.
        port: 0 for a Unix socket.
    """

    name: str
    address: str
    port: int

    def __str__(self) -> str:
        if not self.port:
            return self.address
        return f"{self.name} [{self.address}]:{self.port}"


@frozen
class NextHops:
    """Where to connect to.

    Attributes:
        groups: in the order of preference; within a group hosts are equal.
        authenticated: DNSSEC protects the names, or they were configured; so their
            certificates prove something.
    """

    groups: Sequence[Sequence[Sequence[Hop]]]
    authenticated: bool = False

    def shuffled(self, shuffle: Callable[[list[Any]], object]) -> list[Hop]:
        """All hops, equal hosts in random order (RFC 5321, section 5.1)."""
        hops: list[Hop] = []
        for group in self.groups:
            hosts = list(group)
            if len(hosts) > 1:
                shuffle(hosts)
            for host in hosts:
                hops += host
        return hops[:HOPS_LIMIT]


@frozen
class _Found:
    """The hops of one host."""

    hops: Sequence[Hop] = ()
    authenticated: bool = False
    unresolved: bool = False
    seconds: float = _MOST_SECONDS


Answer = NextHops | Trouble


class Exchangers:
    """Finds next hops, and remembers them as long as the DNS lets it.

    Args:
        resolver: asks the DNS.
        hostname: our own name in MX records (RFC 5321, section 5.1).
        own_addresses: at which this server takes mail itself.
        seconds: a clock that never jumps.
        port: of the hosts in MX records.
    """

    def __init__(
        self,
        resolver: IResolver,
        hostname: str,
        own_addresses: Collection[str],
        seconds: Callable[[], float],
        port: int = SMTP_PORT,
    ) -> None:
        self._resolver = resolver
        self._hostname = hostname.lower()
        self._own = frozenset(own_addresses)
        self._seconds = seconds
        self._port = port
        self._cache: dict[str, tuple[float, NextHops]] = {}

    async def of_domain(self, domain: str) -> Answer:
        """Those of a domain, or of an address literal.

        Returns:
            ``Trouble`` where there are none: 5.1.2 no such domain, 5.1.10 null MX,
            5.4.4 no address, 5.4.6 only ourselves, 4.4.3 the DNS does not answer.
        """
        if domain.startswith("["):
            return self._literal(domain)
        known = self._known(domain)
        if known is not None:
            return known
        found, seconds = await self._look_up(domain)
        if isinstance(found, NextHops):
            self._remember(domain, found, seconds)
        return found

    async def of_host(self, host: str, port: int) -> Answer:
        """Those of a host that was configured: no MX, and it may be ourselves."""
        if host.startswith("/"):
            return NextHops([[[Hop(host, host, 0)]]], authenticated=True)
        try:
            return NextHops([[[Hop(host, str(ip_address(host)), port)]]], True)  # noqa: FBT003
        except ValueError:
            pass
        key = f"{host}:{port}"
        known = self._known(key)
        if known is not None:
            return known
        found = await self._addresses(host, port)
        if not found.hops:
            return _unresolved(host) if found.unresolved else _no_address(host)
        hops = NextHops([[found.hops]], authenticated=True)
        self._remember(key, hops, found.seconds)
        return hops

    def _known(self, key: str) -> NextHops | None:
        until, hops = self._cache.get(key, (0.0, None))
        return hops if until > self._seconds() else None

    def _remember(self, key: str, hops: NextHops, seconds: float) -> None:
        if len(self._cache) >= _CACHED:
            del self._cache[next(iter(self._cache))]
        self._cache.pop(key, None)
        seconds = max(_LEAST_SECONDS, min(seconds, _MOST_SECONDS))
        self._cache[key] = self._seconds() + seconds, hops

    def _literal(self, domain: str) -> Answer:
        address = domain[1:-1].removeprefix("IPv6:")
        if address in self._own:
            return _loop(domain)
        return NextHops([[[Hop(domain, address, self._port)]]])

    async def _look_up(self, domain: str) -> tuple[Answer, float]:
        seconds = _MOST_SECONDS
        authenticated = True
        records: Sequence[MX]
        try:
            answer = await self._resolver.lookup(domain, RecordType.MX)
            records = sorted(answer.records, key=lambda mx: mx.preference)
            authenticated, seconds = answer.authenticated, answer.seconds
        except NoRecords as problem:
            # RFC 5321, section 5.1: the implicit MX
            records, authenticated = [MX(0, domain)], problem.authenticated
        except NotFound:
            return Trouble("5.1.2", f"there is no domain {domain}"), 0.0
        except Unresolved:
            return _unresolved(domain), 0.0
        if all(mx.exchange == "." for mx in records):
            # RFC 7505, section 4.1
            return Trouble("5.1.10", f"{domain} takes no mail (null MX)"), 0.0
        records = [mx for mx in records if mx.exchange != "."]
        found = await self._hosts(records[:EXCHANGES_LIMIT])
        hops = self._chosen(domain, records, found, authenticated=authenticated)
        return hops, min([seconds, *[host.seconds for host in found]])

    async def _hosts(self, records: Sequence[MX]) -> Sequence[_Found]:
        """All of them at once."""
        return await _together(
            [self._addresses(mx.exchange, self._port) for mx in records]
        )

    def _chosen(
        self,
        domain: str,
        records: Sequence[MX],
        found: Sequence[_Found],
        *,
        authenticated: bool,
    ) -> Answer:
        """Sort out what can't be used, and ourselves with all that is not better."""
        groups: dict[int, list[Sequence[Hop]]] = {}
        ours: int | None = None
        for mx, host in zip(records, found, strict=False):
            if mx.exchange == self._hostname or any(
                hop.address in self._own for hop in host.hops
            ):
                ours = mx.preference
                break
            if host.hops:
                groups.setdefault(mx.preference, []).append(host.hops)
        # RFC 5321, section 5.1: "all records at that preference level and
        # higher-numbered ones MUST be discarded from consideration"
        kept = [hosts for level, hosts in groups.items() if level != ours]
        if kept:
            return NextHops(kept, authenticated)
        if ours is not None:
            return _loop(domain)
        if any(host.unresolved for host in found):
            return _unresolved(domain)
        return _no_address(domain)

    async def _addresses(self, host: str, port: int) -> _Found:
        """IPv6 and IPv4 in turn; a CNAME here is followed, though it should not be."""
        four, six = await _together(
            [self._family(host, RecordType.A), self._family(host, RecordType.AAAA)]
        )
        pairs = zip_longest(six.hops, four.hops)
        hops = [hop for hop in chain.from_iterable(pairs) if hop is not None]
        return _Found(
            [Hop(host, hop.address, port) for hop in hops],
            four.authenticated and six.authenticated,
            four.unresolved or six.unresolved,
            min(four.seconds, six.seconds),
        )

    async def _family(self, host: str, kind: RecordType) -> _Found:
        try:
            answer = await self._resolver.lookup(host, kind)
        except NotFound:
            return _Found()
        except Unresolved:
            return _Found(unresolved=True)
        hops = [Hop(host, str(a), 0) for a in answer.records[:ADDRESSES_LIMIT]]
        return _Found(hops, answer.authenticated, seconds=answer.seconds)


async def _together(
    coroutines: Sequence[Coroutine[Deferred[Any], Any, _Found]],
) -> Sequence[_Found]:
    """Run them at the same time."""
    return await gatherResults([Deferred.fromCoroutine(one) for one in coroutines])


def _loop(domain: str) -> Trouble:
    return Trouble("5.4.6", f"mail for {domain} comes back to this server")


def _no_address(domain: str) -> Trouble:
    # RFC 3463, section 3.5: "A DNS lookup returning only an SOA record"
    return Trouble("5.4.4", f"{domain} has no server for mail")


def _unresolved(domain: str) -> Trouble:
    return Trouble("4.4.3", f"the name service gives no answer for {domain}")

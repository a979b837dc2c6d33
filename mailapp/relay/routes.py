"""Where mail for an address goes next: by MX, or by a route that somebody chose."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Final

from attrs import field, frozen

from mailapp.core.address import Address
from mailapp.queue.types import LOCAL, Destination
from mailapp.relay.tlspolicy import Level
from mailapp.smtp.client_login import Login

SMTP_PORT: Final = 25
LMTP_PORT: Final = 24


def _no_domain(_instance: object, _attribute: object, value: str) -> None:
    """Routes and domains are keys of the same kind, and must not be mixed up."""
    if not value or not value.isascii() or "." in value or "[" in value:
        msg = f"{value!r} is no name for a route: it must have no dot and no bracket"
        raise ValueError(msg)


@frozen(kw_only=True)
class Route:
    """A next server that is not found by MX.

    Attributes:
        name: a word without dots; what the queue shows.
        domains: whose mail takes it: ``example.net`` is that domain, ``.example.net``
            all domains below it, ``*`` all others (a smart host).
        host: a host name, an IP address, or the path of a Unix socket. Empty: by MX as
            without a route, with what else stands here.
        port: of the host; of the MX hosts if there is none.
        lmtp: it speaks LMTP.
        implicit_tls: TLS begins at once (RFC 8314).
        tls: the least protection; None: what the policy of the domain says.
        login: how to log in; None: not.
        sources: our own addresses to connect from, one IPv4, one IPv6, or none.
    """

    name: str = field(validator=_no_domain)
    domains: Sequence[str] = ("*",)
    host: str = ""
    port: int = SMTP_PORT
    lmtp: bool = False
    implicit_tls: bool = False
    tls: Level | None = None
    login: Login | None = field(default=None, repr=False)
    sources: Sequence[str] = ()

    def source(self, address: str) -> str:
        """Our address for a connection to this one; empty: let the system choose."""
        if address.startswith("/"):
            return ""
        family = ":" in address
        return next((s for s in self.sources if (":" in s) == family), "")


DIRECT: Final = Route(name="mx", domains=())
"""How mail goes to whom no route is for."""


class Routes:
    """All routes.

    Args:
        routes: the most fitting one is taken, whatever their order.
        is_local: whether a domain's mail is delivered here.
        direct: what holds where there is no route; it has no host.

    Raises:
        ValueError: two routes have one name, or are for one domain.
    """

    def __init__(
        self,
        routes: Sequence[Route] = (),
        is_local: Callable[[str], bool] = lambda domain: not domain,
        direct: Route = DIRECT,
    ) -> None:
        self._is_local = is_local
        self._direct = direct
        self._named = {route.name: route for route in routes}
        self._patterns: dict[str, Route] = {}
        if len(self._named) != len(routes):
            msg = "two routes have the same name"
            raise ValueError(msg)
        for route in routes:
            for pattern in route.domains:
                if self._patterns.setdefault(pattern.lower(), route) is not route:
                    msg = f"two routes are for {pattern}"
                    raise ValueError(msg)

    @property
    def named(self) -> Mapping[str, Route]:
        """All routes by their names."""
        return self._named

    def destination_of(self, address: Address) -> Destination:
        """What the queue groups its recipients by. Hot."""
        domain = address.domain
        if self._is_local(domain):
            return LOCAL
        route = self._find(domain) if self._patterns else None
        # A route without a host has many: each domain is a destination of its own.
        return Destination(domain if route is None or not route.host else route.name)

    def route_of(self, destination: Destination) -> Route:
        """The route of a destination that ``destination_of`` has given."""
        route = self._named.get(destination.key)
        if route is None and self._patterns:
            route = self._find(destination.key)
        return self._direct if route is None else route

    def _find(self, domain: str) -> Route | None:
        """The exact domain, else the nearest domain above it, else ``*``."""
        patterns = self._patterns
        found = patterns.get(domain)
        rest = domain
        while found is None and (dot := rest.find(".")) >= 0:
            found = patterns.get(rest[dot:])
            rest = rest[dot + 1 :]
        return patterns.get("*") if found is None else found

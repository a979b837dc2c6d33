"""Mail that goes out: ``[relay]`` and ``[[route]]``; ``[resolver]`` finds the way."""

# ruff: noqa: RUF009 - setting() declares fields, as attrs.field does

from __future__ import annotations

import re
from enum import StrEnum
from ipaddress import ip_address
from pathlib import Path
from typing import Final

from attrs import frozen

from mailapp.config.kinds import (
    Choice,
    Duration,
    FilePath,
    Flag,
    ListOf,
    Network,
    NetworkRange,
    Optional,
    Text,
    Whole,
)
from mailapp.config.setting import setting
from mailapp.config.texts import ADDRESS, DOMAIN, LINE
from mailapp.config.units import DAY, HOUR, MINUTE, SECOND
from mailapp.core.address import canonical_domain
from mailapp.core.secret import Secret
from mailapp.net.resolver import LOOPBACK
from mailapp.relay import routes, tlspolicy
from mailapp.smtp.client_login import Login


class RouteProtocol(StrEnum):
    """What is spoken with the next server."""

    SMTP = "smtp"
    LMTP = "lmtp"


class RouteSecurity(StrEnum):
    """How the way to the next server is protected."""

    NONE = "none"
    OPPORTUNISTIC = "opportunistic"
    REQUIRED = "required"
    VERIFIED = "verified"


_NAME: Final = re.compile(r"[a-z][a-z0-9-]{0,30}")
_LEVELS: Final = {
    RouteSecurity.NONE: tlspolicy.Level.NONE,
    RouteSecurity.OPPORTUNISTIC: tlspolicy.Level.OPPORTUNISTIC,
    RouteSecurity.REQUIRED: tlspolicy.Level.REQUIRED,
    RouteSecurity.VERIFIED: tlspolicy.Level.VERIFIED,
}
_SECURITY_TEXT: Final = """"opportunistic" encrypts where the next server offers it,
    with any certificate; "required" does not send without; "verified" wants a
    certificate for the name of the server, too; "none" never encrypts."""


def _name(text: str) -> str:
    if not _NAME.fullmatch(text):
        raise ValueError(text)
    return text


def _pattern(text: str) -> str:
    if text == "*":
        return text
    dot = "." if text.startswith(".") else ""
    return dot + canonical_domain(text.removeprefix("."))


def _host(text: str) -> str:
    if text.startswith("/") or not text:
        return text
    try:
        return str(ip_address(text))
    except ValueError:
        return canonical_domain(text)


@frozen
class Relay:
    """Sending mail to other servers."""

    tls: RouteSecurity = setting(
        Choice(RouteSecurity),
        _SECURITY_TEXT,
        default=RouteSecurity.OPPORTUNISTIC,
    )
    authorities: Path | None = setting(
        Optional(FilePath()),
        """PEM file of the authorities that certificates of other servers are verified
        with. If empty, those that the system trusts.""",
        default=None,
    )
    sources: tuple[str, ...] = setting(
        ListOf(ADDRESS),
        """Our own addresses to connect from: one IPv4, one IPv6. If empty, the system
        chooses.""",
        default=(),
    )
    own_addresses: tuple[str, ...] = setting(
        ListOf(ADDRESS),
        """The addresses under which others reach this server, for example those of a
        gateway in front of it. Mail is never sent to them, nor to those of the
        listeners (RFC 5321, section 5.1).""",
        default=(),
    )
    connect_timeout: float = setting(
        Duration(1.0, 300.0),
        """How long one address of another server may take to answer at all.""",
        default=30.0,
    )
    port: int = setting(
        Whole(1, 65535),
        """The port of the servers that the DNS names. Only tests have another one.""",
        default=routes.SMTP_PORT,
    )
    forwarding_domain: str | None = setting(
        Optional(DOMAIN),
        """One of server.domains, for the senders of forwarded mail: they are written
        anew (SRS), so that other servers accept what comes from here, and their bounces
        find the way back. If it is not set, the first one.""",
        default=None,
        example="example.org",
    )

    @property
    def direct(self) -> routes.Route:
        """How mail goes that no route is for."""
        return routes.Route(
            name=routes.DIRECT.name, domains=(), sources=self.sources, tls=self.level
        )

    @property
    def level(self) -> tlspolicy.Level | None:
        """None, where what domains publish may ask for more."""
        level = _LEVELS[self.tls]
        return None if level is tlspolicy.Level.OPPORTUNISTIC else level


@frozen
class Route:
    """Domains whose mail does not go by MX. Each ``[[route]]`` is one."""

    name: str = setting(
        Text(
            "a word of small letters, digits and hyphens",
            _name,
            'Write a short name without dots, such as "smarthost".',
        ),
        """What the queue calls it.""",
        example="smarthost",
    )
    domains: tuple[str, ...] = setting(
        ListOf(
            Text(
                'a domain, ".example.net" for all below it, or "*" for all others',
                _pattern,
                'Write a domain such as "example.net", with a dot before it for all '
                'domains below it, or "*".',
            ),
            minimum=1,
        ),
        """Whose mail takes this route. The most exact one counts.""",
        example=("*",),
    )
    host: str = setting(
        Text(
            "a host name, an IP address, the path of a Unix socket, or nothing",
            _host,
            "Write a name such as smtp.example.net, a number, or a path.",
        ),
        """The next server. MX records are not looked at. If empty, mail goes by MX and
        only what else stands here is different.""",
        default="",
        example="smtp.example.net",
    )
    port: int | None = setting(
        Optional(Whole(1, 65535)),
        """Its port. If it is not set: 25 for smtp, 465 with implicit TLS, 24 for
        lmtp.""",
        default=None,
        example=587,
    )
    protocol: RouteProtocol = setting(
        Choice(RouteProtocol),
        """What it speaks.""",
        default=RouteProtocol.SMTP,
    )
    tls: RouteSecurity | None = setting(
        Optional(Choice(RouteSecurity)),
        """As relay.tls. If it is not set: "verified" with a login, else as there.""",
        default=None,
    )
    implicit_tls: bool = setting(
        Flag(),
        """Encryption begins at once, as on port 465 (RFC 8314).""",
        default=False,
    )
    user: str = setting(
        LINE,
        """The name to log in with. If empty, there is no login.""",
        default="",
        example="example.org",
    )
    password_file: Path | None = setting(
        Optional(FilePath()),
        """The file that holds the password on its first line. Nobody but its owner may
        read it (chmod 600).""",
        default=None,
        example=Path("/etc/mailapp/smarthost.password"),
    )
    sources: tuple[str, ...] = setting(
        ListOf(ADDRESS),
        """As relay.sources, for this route.""",
        default=(),
    )

    def route(self, password: Secret | None, relay: Relay) -> routes.Route:
        """As the relay wants it.

        Args:
            password: what ``password_file`` holds.
            relay: says what does not stand here.
        """
        login = Login(self.user, password) if self.user and password else None
        level = relay.level if self.tls is None else _LEVELS[self.tls]
        if self.tls is None and login is not None:
            level = tlspolicy.Level.VERIFIED
        return routes.Route(
            name=self.name,
            domains=self.domains,
            host=self.host,
            port=self.port or self._standard_port,
            lmtp=self.protocol is RouteProtocol.LMTP,
            implicit_tls=self.implicit_tls,
            tls=level,
            login=login,
            sources=self.sources or relay.sources,
        )

    @property
    def _standard_port(self) -> int:
        if self.protocol is RouteProtocol.LMTP:
            return routes.LMTP_PORT
        return 465 if self.implicit_tls else routes.SMTP_PORT


@frozen
class Queue:
    """Mail that waits: how often it is tried, and for how long."""

    first_retry: float = setting(
        Duration(MINUTE, DAY),
        """How long after the first attempt the second one comes, on average. Each
        further delay is as long as the message has waited (RFC 5321, section
        4.5.4.1).""",
        default=7.5 * MINUTE,
    )
    longest_retry: float = setting(
        Duration(MINUTE, 7 * DAY),
        """The longest delay between two attempts.""",
        default=120 * MINUTE,
    )
    expiry: float = setting(
        Duration(HOUR, 30 * DAY),
        """After so long a message is returned to its sender (RFC 5321, section
        4.5.4.1: at least four to five days).""",
        default=5 * DAY,
    )
    report_expiry: float = setting(
        Duration(HOUR, 30 * DAY),
        """After so long a report that can't be delivered is given up.""",
        default=2 * DAY,
    )
    warn_after: float = setting(
        Duration(SECOND, 30 * DAY),
        """After so long its sender is told that a message waits, once, unless it asked
        not to be. It is tried once first.""",
        default=4 * HOUR,
    )
    connections: int = setting(
        Whole(1, 10_000), """Messages that are carried at once.""", default=500
    )
    connections_per_destination: int = setting(
        Whole(1, 1000),
        """The same to one destination. It begins with a few, grows while that goes
        well, and shrinks when it does not.""",
        default=20,
    )


@frozen
class Resolver:
    """Who is asked about names in the DNS."""

    servers: tuple[str, ...] = setting(
        ListOf(ADDRESS),
        """Recursive name servers. If empty, those of /etc/resolv.conf.""",
        default=(),
        example=("127.0.0.1",),
    )
    port: int = setting(Whole(1, 65535), """Their port.""", default=53)
    trusted: tuple[Network, ...] = setting(
        ListOf(NetworkRange()),
        """Networks whose name servers are believed when they say that DNSSEC was
        checked: nobody may be on the way to them (RFC 7672, section 2.1.1).""",
        default=LOOPBACK,
    )

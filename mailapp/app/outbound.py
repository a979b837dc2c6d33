"""What goes to other servers, from the configuration."""

from __future__ import annotations

import time
from pathlib import Path
from secrets import token_hex

from mailapp.app.parts import Parts
from mailapp.app.password_file import first_line
from mailapp.config.host import RESOLV_CONF
from mailapp.config.outbound import Route
from mailapp.config.schema import Configuration
from mailapp.core.failures import TemporaryFailure
from mailapp.core.secret import Secret
from mailapp.core.status import SYSTEM_TROUBLE
from mailapp.net.client_tls import ClientTLS
from mailapp.net.resolver import Resolver, servers_of
from mailapp.queue.client import ControlClient, NotServed
from mailapp.queue.control import SOCKET
from mailapp.relay.compose import make_relay
from mailapp.relay.exchange import Relay
from mailapp.relay.routes import Routes


def make_resolver(configuration: Configuration, reactor: object) -> Resolver:
    """Asks the name servers of the configuration, or those of the system."""
    settings = configuration.resolver
    servers = settings.servers or _system_servers()
    return Resolver(
        reactor, [(server, settings.port) for server in servers], settings.trusted
    )


def make_relay_of(parts: Parts) -> tuple[Relay, Routes]:
    """The carrier to other servers, and what goes where.

    Raises:
        BadCertificate: the authorities can't be read.
        OSError: a password can't be read.
    """
    configuration = parts.configuration
    settings = configuration.relay
    ours = {"", *configuration.server.domains}
    routes = Routes(
        [route.route(_password(route), settings) for route in configuration.routes],
        ours.__contains__,
        settings.direct,
    )
    authorities = settings.authorities
    relay = make_relay(
        parts.reactor,
        make_resolver(configuration, parts.reactor),
        routes,
        configuration.server.hostname,
        tls=ClientTLS(None if authorities is None else str(authorities)),
        in_thread=parts.writes.run,
        now=time.time,
        nonce=lambda: token_hex(12),
        own_addresses=[
            *settings.own_addresses,
            *(listener.address for listener in configuration.listeners),
        ],
        port=settings.port,
        connect_seconds=settings.connect_timeout,
    )
    return relay, routes


def flush_queue(folder: Path, domain: str) -> int:
    """Ask the postman to send what waits for a domain; how many messages. Blocks.

    Raises:
        TemporaryFailure: it can't now, or does not listen.
    """
    try:
        postman = ControlClient(folder / SOCKET)
    except (NotServed, OSError) as problem:
        raise TemporaryFailure(SYSTEM_TROUBLE) from problem
    try:
        return postman.do("flush", domain=domain)
    finally:
        postman.close()


def _password(route: Route) -> Secret | None:
    if route.password_file is None:
        return None
    return first_line(route.password_file)


def _system_servers() -> tuple[str, ...]:
    try:
        return servers_of(RESOLV_CONF.read_text(encoding="utf-8", errors="replace"))
    except OSError:
        return servers_of("")

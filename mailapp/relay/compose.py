"""A relay from plain values."""

from __future__ import annotations

import random
from collections.abc import Callable, Collection
from typing import Any

from mailapp.net.client_tls import ClientTLS
from mailapp.net.dialing import dialer
from mailapp.net.interfaces import IResolver
from mailapp.net.sweep import Sweep
from mailapp.net.threads import InThread
from mailapp.relay.exchange import Relay
from mailapp.relay.interfaces import ITLSPolicies
from mailapp.relay.link import Environment
from mailapp.relay.mx import Exchangers
from mailapp.relay.no_policies import NoPolicies
from mailapp.relay.routes import SMTP_PORT, Routes
from mailapp.relay.sessions import CONNECT_SECONDS, Caller, Sessions


def make_relay(  # noqa: PLR0913 - all that a relay is made of
    reactor: Any,
    resolver: IResolver,
    routes: Routes,
    hostname: str,
    *,
    tls: ClientTLS,
    in_thread: InThread,
    now: Callable[[], float],
    nonce: Callable[[], str],
    own_addresses: Collection[str] = (),
    policies: ITLSPolicies | None = None,
    sweep: Sweep | None = None,
    port: int = SMTP_PORT,
    connect_seconds: float = CONNECT_SECONDS,
) -> Relay:
    """The carrier of all that goes out.

    Args:
        reactor: with TCP, Unix sockets and time.
        resolver: asks the DNS.
        routes: what goes where.
        hostname: our own name, in EHLO and in MX records.
        tls: of its connections.
        in_thread: for conversions and logins that take long.
        now: seconds since the epoch.
        nonce: fresh text of printable ASCII without commas, for SCRAM.
        own_addresses: where this server takes mail itself; nothing is sent there by MX.
        policies: the TLS that domains ask for; None: of nobody.
        sweep: of the process; None: one of its own.
        port: of the hosts in MX records; another one only in tests and the demo.
        connect_seconds: for each address.
    """
    watch = Sweep(reactor) if sweep is None else sweep
    around = Environment(reactor, now, watch, tls, in_thread)
    exchangers = Exchangers(resolver, hostname, own_addresses, reactor.seconds, port)
    caller = Caller(hostname, nonce, random.shuffle, connect_seconds)
    sessions = Sessions(around, dialer(reactor), exchangers, caller)
    return Relay(around, sessions, routes, policies or NoPolicies())

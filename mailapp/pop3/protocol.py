"""POP3 put together, for the driver."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from mailapp.core.peer import Peer
from mailapp.pop3.connection import Limits, Pop3Connection
from mailapp.pop3.replies import TOO_MANY_CONNECTIONS
from mailapp.pop3.service import Service
from mailapp.pop3.session import Pop3Session

REFUSAL: Final = TOO_MANY_CONNECTIONS.octets
"""What a connection over the limit is told before it is closed."""

Composition = Callable[[Peer], tuple[Pop3Connection, Pop3Session]]


def compose_pop3(service: Service, limits: Limits | None = None) -> Composition:
    """How to serve one client: for each peer a new connection and its session."""
    limits = limits or Limits()

    def compose(peer: Peer) -> tuple[Pop3Connection, Pop3Session]:
        connection = Pop3Connection(
            tls_active=peer.tls is not None,
            tls_available=service.tls_available,
            limits=limits,
        )
        return connection, Pop3Session(peer, service)

    return compose

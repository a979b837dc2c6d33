"""POP2 put together, for the driver."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from mailapp.core.peer import Peer
from mailapp.pop2.connection import Limits, Pop2Connection
from mailapp.pop2.replies import TOO_MANY_CONNECTIONS
from mailapp.pop2.session import Pop2Session, Service

REFUSAL: Final = TOO_MANY_CONNECTIONS.octets
"""What a connection over the limit is told before it is closed."""

Composition = Callable[[Peer], tuple[Pop2Connection, Pop2Session]]


def compose_pop2(service: Service, limits: Limits | None = None) -> Composition:
    """How to serve one client: for each peer a new connection and its session."""
    limits = limits or Limits()

    def compose(peer: Peer) -> tuple[Pop2Connection, Pop2Session]:
        return Pop2Connection(limits), Pop2Session(peer, service)

    return compose

"""What all connections of one listener share."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from attrs import Factory, frozen
from twisted.internet.interfaces import IReactorTime

from mailapp.core.connection import Connection, Session
from mailapp.core.peer import Peer
from mailapp.net.addresses import Network
from mailapp.net.lane import Lane
from mailapp.net.limits import Admission
from mailapp.net.names import SessionNames
from mailapp.net.sweep import Sweep
from mailapp.net.tls import ServerTLS

Compose = Callable[[Peer], tuple[Connection, Session]]
"""Makes the two halves of one connection, once its peer is known.

With implicit TLS that is after the handshake: ``peer.tls`` says so.
"""


def _lane_of(surroundings: Surroundings) -> Lane:
    return Lane(surroundings.clock)


@frozen(kw_only=True)
class Surroundings:
    """All that the connections of one listener share.

    Attributes:
        clock: a reactor, or a ``task.Clock`` in tests.
        sweep: holds the deadlines.
        tls: for STARTTLS and implicit TLS; None where there is none.
        implicit_tls: the handshake comes first (RFC 8314, section 3).
        admission: None to take all.
        refusal: the protocol's own line for a peer that is not admitted; empty to
            close without a word. It is not sent where TLS comes first.
        trusted: networks whose peers are marked so.
        proxy_from: networks whose connections must begin with a PROXY preamble.
        handshake_timeout: seconds for the preamble, and for a handshake.
        write_timeout: seconds in which a peer must read some of what waits for it.
        close_timeout: seconds for the last octets to leave.
        buffer_limit: octets held for a peer while its last command is under way;
            beyond it, nothing more is read.
        name: makes the ids of connections.
        lane: where those wait whose answers take long.
    """

    clock: IReactorTime
    sweep: Sweep
    tls: ServerTLS | None = None
    implicit_tls: bool = False
    admission: Admission | None = None
    refusal: bytes = b""
    trusted: Sequence[Network] = ()
    proxy_from: Sequence[Network] = ()
    handshake_timeout: float = 10.0
    write_timeout: float = 300.0
    close_timeout: float = 5.0
    buffer_limit: int = 65536
    name: Callable[[], str] = Factory(SessionNames)
    lane: Lane = Factory(_lane_of, takes_self=True)

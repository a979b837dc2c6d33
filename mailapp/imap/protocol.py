"""IMAP put together, for the driver."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from attrs import evolve

from mailapp.core.peer import Peer
from mailapp.imap.capabilities import LITERAL_MINUS, LITERAL_PLUS
from mailapp.imap.commands.service import Service
from mailapp.imap.commands.table import TABLE, Row
from mailapp.imap.connection import ImapConnection
from mailapp.imap.grammar.values.commands import Command
from mailapp.imap.limits import LITERAL_MINUS_OCTETS, Limits
from mailapp.imap.responses.replies import TOO_MANY_CONNECTIONS
from mailapp.imap.session import ImapSession

REFUSAL: Final = TOO_MANY_CONNECTIONS.line()
"""What a connection over the limit is told before it is closed."""

Composition = Callable[[Peer], tuple[ImapConnection, ImapSession]]


def compose_imap(
    service: Service,
    limits: Limits | None = None,
    table: Mapping[type[Command], Row] = TABLE,
) -> Composition:
    """How to serve one client: for each peer a new connection and its session.

    Args:
        service: what the sessions share.
        limits: what a connection may cost.
        table: the commands; one whose capability is off is unknown.
    """
    limits = limits or Limits(message_octets=service.append_octets)
    offer = service.offer
    if not offer.has(LITERAL_PLUS):
        most = LITERAL_MINUS_OCTETS if offer.has(LITERAL_MINUS) else 0
        limits = evolve(limits, unasked_octets=most)
    legal = {
        kind: row.states
        for kind, row in table.items()
        if not row.needs or any(map(offer.has, row.needs))
    }

    def compose(peer: Peer) -> tuple[ImapConnection, ImapSession]:
        connection = ImapConnection(
            legal,
            tls_active=peer.tls is not None,
            tls_available=service.tls_available,
            limits=limits,
        )
        return connection, ImapSession(peer, service, table)

    return compose

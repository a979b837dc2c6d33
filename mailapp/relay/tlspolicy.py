"""How well the way to the next server must be protected; the seam of DANE and MTA-STS.

Without any policy encryption is opportunistic: used where offered, with any certificate
(see RFC 7672, section 1.3). What a domain publishes (RFC 7672, RFC 8461) comes in by
:class:`mailapp.relay.interfaces.ITLSPolicies`. What an administrator wants of a route
stands in the route. What a sender wants of one message is REQUIRETLS or
``TLS-Required: No`` (RFC 8689).
"""

from __future__ import annotations

from enum import IntEnum, unique
from typing import Final

from attrs import evolve, frozen

from mailapp.core.envelope import Envelope


@unique
class Level(IntEnum):
    """From no protection to the best; more is greater."""

    NONE = 0
    """Never encrypted: for a server on the same host, or one whose TLS is broken."""
    OPPORTUNISTIC = 1
    """Encrypted where offered; else, or where it fails, in the clear."""
    REQUIRED = 2
    """Encrypted, with any certificate."""
    VERIFIED = 3
    """Encrypted, and the certificate is for the server's name."""


@frozen
class TLSPolicy:
    """What a destination needs.

    Attributes:
        level: the least protection.
        require_tls: the message itself asks for it (RFC 8689): VERIFIED, by a name that
            is known safely, and the next server must offer REQUIRETLS.
    """

    level: Level
    require_tls: bool = False


OPPORTUNISTIC: Final = TLSPolicy(Level.OPPORTUNISTIC)


def for_message(policy: TLSPolicy, envelope: Envelope) -> TLSPolicy:
    """What is needed for one message.

    RFC 8689, section 5: a bounce (null reverse-path) needs no REQUIRETLS to go.
    """
    if envelope.require_tls and envelope.reverse_path is not None:
        return evolve(policy, level=Level.VERIFIED, require_tls=True)
    return policy

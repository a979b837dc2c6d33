"""The envelope of a message: who sent it, to whom, and how it may be carried."""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum

from attrs import field, frozen

from mailapp.core.address import Address, ReversePath
from mailapp.core.peer import Peer


class Body(Enum):
    """The BODY parameter (RFC 6152, section 2; RFC 3030, section 3)."""

    SEVEN_BIT = "7BIT"
    EIGHT_BIT = "8BITMIME"
    BINARY = "BINARYMIME"


@frozen
class Recipient:
    """One accepted RCPT.

    Attributes:
        address: as the client gave it, the domain made canonical.
        parameters: those of RCPT that travel on (NOTIFY, ORCPT, …), verb to value.
    """

    address: Address
    parameters: Sequence[tuple[str, str | None]] = ()


@frozen
class Envelope:
    """One mail transaction (RFC 5321, section 2.3.1).

    Attributes:
        id: the transaction's id in replies, logs and trace fields.
        reverse_path: where failures go; None is ``<>``.
        recipients: in the order of their RCPT.
        peer: the client.
        helo: what the client called itself, as text that was checked.
        protocol: the ``with`` word of RFC 3848, for example ``ESMTPS``.
        body: what the client declared.
        smtputf8: the client gave SMTPUTF8 (RFC 6531).
        declared_size_octets: of the SIZE parameter, or None.
        account: who is logged in, or None.
        received_at: seconds since the epoch.
    """

    id: str
    reverse_path: ReversePath
    recipients: Sequence[Recipient]
    peer: Peer
    helo: str
    protocol: str
    received_at: float
    body: Body = Body.SEVEN_BIT
    smtputf8: bool = False
    declared_size_octets: int | None = None
    account: str | None = None
    parameters: Sequence[tuple[str, str | None]] = field(default=())

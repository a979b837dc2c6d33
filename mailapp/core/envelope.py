"""The envelope of a message: who sent it, to whom, and how it may be carried."""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum, Flag, unique

from attrs import frozen

from mailapp.core.address import Address, ReversePath
from mailapp.core.peer import Peer


class Body(Enum):
    """The BODY parameter (RFC 6152, section 2; RFC 3030, section 3)."""

    SEVEN_BIT = "7BIT"
    EIGHT_BIT = "8BITMIME"
    BINARY = "BINARYMIME"


class Notify(Flag):
    """When the sender wants to hear of a recipient (RFC 3461, section 4.1).

    ``NEVER`` is the flag without any other.
    """

    NEVER = 0
    SUCCESS = 1
    FAILURE = 2
    DELAY = 4


@unique
class Return(Enum):
    """How much of the message a report carries (RFC 3461, section 4.3)."""

    FULL = "FULL"
    HEADERS = "HDRS"


@frozen
class OriginalRecipient:
    """The ORCPT parameter, its xtext decoded (RFC 3461, section 4.2; RFC 6533).

    Attributes:
        kind: the address type, for example ``rfc822`` or ``utf-8``.
        address: as the first sender wrote it.
    """

    kind: str
    address: str


@frozen
class DeliverBy:
    """The BY parameter (RFC 2852, section 4).

    Attributes:
        deadline: seconds since the epoch.
        returned: mode R: what is late is returned; else mode N: its sender is told.
        traced: the modifier T.
    """

    deadline: float
    returned: bool
    traced: bool = False


@frozen
class Recipient:
    """One accepted RCPT.

    Attributes:
        address: as the client gave it, the domain made canonical.
        notify: of the NOTIFY parameter; None if the client gave none, which means
            that failures are told (RFC 3461, section 4.1).
        original: of the ORCPT parameter.
    """

    address: Address
    notify: Notify | None = None
    original: OriginalRecipient | None = None


@frozen
class Envelope:
    """One mail transaction (RFC 5321, section 2.3.1).

    Attributes:
        id: the transaction's id in replies, logs, trace fields, events and the queue.
        reverse_path: where failures go; None is ``<>``.
        recipients: in the order of their RCPT.
        peer: the client.
        helo: what the client called itself, as text that was checked.
        protocol: the ``with`` word of RFC 3848, for example ``ESMTPS``.
        received_at: seconds since the epoch.
        body: what the client declared.
        smtputf8: the client gave SMTPUTF8 (RFC 6531).
        declared_size_octets: of the SIZE parameter, or None.
        account: who is logged in, or None.
        envelope_id: of the ENVID parameter, decoded (RFC 3461, section 4.4).
        returned: of the RET parameter.
        deliver_by: of the BY parameter.
        hold_until: seconds since the epoch, of HOLDFOR and HOLDUNTIL (RFC 4865).
        priority: of MT-PRIORITY, -9 to 9 (RFC 6710).
        require_tls: the REQUIRETLS parameter was given (RFC 8689).
        hold_request: HOLDFOR or HOLDUNTIL as reports repeat it, for example ``for;60``
            (RFC 4865, section 5.1.2).
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
    envelope_id: str | None = None
    returned: Return | None = None
    deliver_by: DeliverBy | None = None
    hold_until: float | None = None
    priority: int = 0
    require_tls: bool = False
    hold_request: str | None = None

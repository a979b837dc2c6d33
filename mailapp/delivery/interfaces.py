"""The seam between a protocol that accepts mail and the places where it ends."""

from __future__ import annotations

from collections.abc import Awaitable, Sequence

from zope.interface import Interface

from mailapp.core.address import Address
from mailapp.core.envelope import Envelope
from mailapp.delivery.types import Delivered, Failed, RecipientOutcome, Route

__all__ = ["Delivered", "Failed", "IBody", "IDelivery", "RecipientOutcome", "Route"]


class IBody(Interface):
    """Takes the content of one message; dropped as a whole when it goes wrong."""

    def write(octets: bytes) -> Awaitable[None]:
        """Take the next octets of the content (dot-stuffing removed, CRLF lines).

        Raises:
            TemporaryFailure: out of space or local trouble; abort and answer it after
                the end of data.
        """

    def commit() -> Awaitable[Sequence[RecipientOutcome]]:
        """Deliver; one outcome per recipient of the envelope, in order.

        All ``Delivered`` is durable when this returns.
        """

    def abort() -> None:
        """Forget the message. Aborting twice, or after commit, is no error."""


class IDelivery(Interface):
    """From recipients and an envelope to durable copies."""

    def route(address: Address, *, relays: bool = False) -> Awaitable[Route]:
        """Where mail for this recipient would go.

        Args:
            relays: the client may send to other servers through this one: it logged
                in, or its network is trusted to.

        Raises:
            PermanentFailure: unknown (550 5.1.1), relaying denied (550 5.7.1).
            TemporaryFailure: the directory does not answer, the mailbox is full.
        """

    def begin(
        envelope: Envelope,
        routes: Sequence[Route],
        fields: Sequence[tuple[str, str]] = (),
    ) -> IBody:
        """Begin the message; ``routes`` are those of the envelope's recipients.

        ``fields`` are what policy wants said at the top of the message, below the
        trace fields of this hop.
        """

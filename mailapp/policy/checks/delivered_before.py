"""A message that was delivered to this very address before goes round in a loop."""

from __future__ import annotations

from typing import Final

from mailapp.core.address import Address
from mailapp.core.envelope import Envelope
from mailapp.core.status import ROUTING_LOOP
from mailapp.message.fields import named, parse_header
from mailapp.policy.check import Check
from mailapp.policy.interfaces import Content
from mailapp.policy.verdict import ACCEPT, Accept, Refusal, Reject

PASSES: Final = 3
LOOP: Final = Reject(ROUTING_LOOP, 554)


class DeliveredBefore(Check):
    """Refuses a message with so many Delivered-To fields of its only recipient.

    RFC 9228, section 4: one such field "typically indicates a handling loop". Not
    always: a person may send a message from the own mailbox to it again. So it takes
    three, which stops a loop long before Received fields do (RFC 5321, section 6.3).
    With several recipients no Delivered-To is written, and none is looked for.
    """

    async def body(self, envelope: Envelope, content: Content) -> Accept | Refusal:
        """554 5.4.6 for a loop (threat 21)."""
        if len(envelope.recipients) != 1:
            return ACCEPT
        address = envelope.recipients[0].address
        return LOOP if _passes(content.header, address) >= PASSES else ACCEPT


def _passes(header: bytes, address: Address) -> int:
    if next(named(header, b"delivered-to"), None) is None:
        return 0  # the usual case, found out without a parse
    wanted = address.encode().lower()
    fields = parse_header(header).all(b"delivered-to")
    return sum(field.unfolded.lower() == wanted for field in fields)

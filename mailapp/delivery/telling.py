"""What delivery tells the journal."""

from __future__ import annotations

from collections.abc import Sequence

from mailapp.core.envelope import Envelope
from mailapp.delivery.types import Delivered, RecipientOutcome, Route
from mailapp.events.interfaces import IEvents
from mailapp.events.record import Event, Kind


def tell_delivered(
    events: IEvents,
    envelope: Envelope,
    routes: Sequence[Route],
    outcomes: Sequence[RecipientOutcome],
) -> None:
    """Every recipient with a mailbox here that has the message now.

    The time is that of the end of data: the store takes milliseconds.
    """
    for route, outcome in zip(routes, outcomes, strict=True):
        if route.local and isinstance(outcome, Delivered):
            events.tell(
                Event(
                    Kind.DELIVERED,
                    envelope.id,
                    envelope.received_at,
                    str(route.address),
                    "2.1.5",
                )
            )

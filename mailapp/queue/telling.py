"""What the intake tells the journal of the messages that go on."""

from __future__ import annotations

from collections.abc import Sequence

from mailapp.core.envelope import Envelope
from mailapp.delivery.types import Copy, Route
from mailapp.events.interfaces import IEvents
from mailapp.events.record import Event, Kind

_TARGETS_TOLD = 20


def tell_queued(
    events: IEvents,
    envelope: Envelope,
    entry: Envelope,
    copy: Copy,
    routes: Sequence[Route],
) -> None:
    """An entry is in the queue; what it was made of, if that is an alias or a list.

    Args:
        events: the journal.
        envelope: of the message.
        entry: of the entry.
        copy: what the entry was made of.
        routes: of those recipients of the message that it is for.
    """
    at = envelope.received_at
    sender = "" if entry.reverse_path is None else str(entry.reverse_path)
    for route in routes:
        if not copy.is_own:
            text = _targets(copy, route)
            facts = {"entry": entry.id, "sender": sender}
            events.tell(
                Event(
                    Kind.EXPANDED,
                    envelope.id,
                    at,
                    str(route.address),
                    text=text,
                    facts=facts,
                )
            )
        events.tell(
            Event(
                Kind.QUEUED,
                envelope.id,
                at,
                str(route.address),
                facts={"entry": entry.id, "recipients": len(entry.recipients)},
            )
        )


def tell_reported(
    events: IEvents, envelope: Envelope, recipients: int, report: str
) -> None:
    """The sender was told of so many recipients."""
    facts: dict[str, str | int] = {"report": report, "recipients": recipients}
    events.tell(Event(Kind.REPORTED, envelope.id, envelope.received_at, facts=facts))


def _targets(copy: Copy, route: Route) -> str:
    """``list of 3`` or ``a@b, c@d and 5 more``."""
    if copy.post is not None:
        return f"list of {len(copy.recipients)}"
    names = [str(target) for target in route.remote]
    more = len(names) - _TARGETS_TOLD
    text = ", ".join(names[:_TARGETS_TOLD])
    return f"{text} and {more} more" if more > 0 else text

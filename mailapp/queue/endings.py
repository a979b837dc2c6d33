"""How an address ends that was served here (pure)."""

from __future__ import annotations

from mailapp.delivery.copies import is_several
from mailapp.delivery.types import Route
from mailapp.queue.types import Attempt, Outcome

_STATUS = "2.1.5"


def ends(route: Route) -> bool:
    """Nobody behind us will report of this address (RFC 3461, section 5.2.7)."""
    return not route.remote or (is_several(route) and not route.is_relayed)


def ending(route: Route, at: float) -> Attempt:
    """What came of an address whose copies are all in mailboxes or in the queue.

    Args:
        route: of the address.
        at: seconds since the epoch.
    """
    if not ends(route):
        # section 5.2.7.2: its one target takes over what the sender wants to hear
        text = f"sent on to {route.remote[0]}"
        return Attempt(Outcome.RELAYED, at, _STATUS, text, dsn=True)
    if is_several(route) and not route.stays:
        # section 5.2.7.3
        text = "sent on to several addresses"
        return Attempt(Outcome.RELAYED, at, _STATUS, text, expanded=True)
    text = "sent on to the list" if route.lists else "in the mailbox"
    return Attempt(Outcome.DELIVERED, at, _STATUS, text)

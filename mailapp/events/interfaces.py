"""The seam between what happens and the journal."""

from __future__ import annotations

from zope.interface import Interface, implementer

from mailapp.events.record import Event


class IEvents(Interface):
    """Hears of every step of every message."""

    def tell(event: Event) -> None:
        """Keep it. Returns at once and never raises: mail goes on without a journal."""


@implementer(IEvents)
class Unheard:
    """For who keeps no journal."""

    def tell(self, event: Event) -> None:
        """Nothing."""

"""TLS policies as long as nobody looks for any."""

from __future__ import annotations

from zope.interface import implementer

from mailapp.relay.interfaces import ITLSPolicies
from mailapp.relay.tlspolicy import OPPORTUNISTIC, TLSPolicy


@implementer(ITLSPolicies)
class NoPolicies:
    """Nobody publishes anything."""

    async def policy(self, domain: str) -> TLSPolicy:
        """Opportunistic for all."""
        del domain
        return OPPORTUNISTIC

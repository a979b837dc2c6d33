"""The seams of the relay."""

from __future__ import annotations

from collections.abc import Awaitable

from zope.interface import Interface

from mailapp.relay.tlspolicy import TLSPolicy


class ITLSPolicies(Interface):
    """What domains publish about the TLS of their servers."""

    def policy(domain: str) -> Awaitable[TLSPolicy]:
        """That of a domain.

        Raises:
            TemporaryFailure: it can't be known now; the message waits.
        """

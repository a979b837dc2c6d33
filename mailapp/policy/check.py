"""What a check is: an answer at some of the stages, "accept" at all others."""

from __future__ import annotations

from collections.abc import Sequence

from attrs import frozen

from mailapp.core.address import Address
from mailapp.core.envelope import Envelope
from mailapp.core.peer import Peer
from mailapp.policy.interfaces import Content, Origin
from mailapp.policy.verdict import ACCEPT, Accept, Refusal, Verdict


@frozen
class Site:
    """What a check may know of this server.

    Attributes:
        hostname: its name.
        domains: those whose mail it delivers.
    """

    hostname: str
    domains: Sequence[str]


class Check:
    """Overrides the stages it has something to say at; the others are never called.

    One instance serves all sessions of a listener.
    """

    def __init__(self, site: Site) -> None:
        self.site = site

    async def connect(self, _peer: Peer) -> Verdict:
        """See :class:`mailapp.policy.interfaces.IPolicy`."""
        return ACCEPT

    async def helo(self, _peer: Peer, _name: str) -> Verdict:
        """See :class:`mailapp.policy.interfaces.IPolicy`."""
        return ACCEPT

    async def mail(self, _origin: Origin) -> Verdict:
        """See :class:`mailapp.policy.interfaces.IPolicy`."""
        return ACCEPT

    async def rcpt(self, _origin: Origin, _address: Address, _accepted: int) -> Verdict:
        """See :class:`mailapp.policy.interfaces.IPolicy`."""
        return ACCEPT

    async def body(self, _envelope: Envelope, _content: Content) -> Accept | Refusal:
        """See :class:`mailapp.policy.interfaces.IPolicy`."""
        return ACCEPT

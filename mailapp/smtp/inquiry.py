"""VRFY, EXPN and ETRN: who is here, and what waits here.

RFC 5321, section 3.5; RFC 1985.

By default nobody is told: VRFY says 252 and EXPN 502, to known and unknown names alike
and in the same time (threat 19; RFC 5321, section 7.3).
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from mailapp.core.address import Address, canonical_domain, parse_address
from mailapp.core.failures import PermanentFailure, SyntaxProblem
from mailapp.core.peer import Peer
from mailapp.core.status import MAILBOX_UNKNOWN
from mailapp.delivery.interfaces import IDelivery
from mailapp.delivery.types import Route
from mailapp.smtp import replies
from mailapp.smtp.extensions.etrn import Etrn
from mailapp.smtp.grammar.command import Expn, Vrfy
from mailapp.smtp.grammar.reply import Reply
from mailapp.smtp.profile import Profile

_UNKNOWN = replies.failure(MAILBOX_UNKNOWN, permanent=True)


class Inquiry:
    """Answers the three commands for one client."""

    def __init__(self, profile: Profile, delivery: IDelivery, peer: Peer) -> None:
        self._profile = profile
        self._delivery = delivery
        self._peer = peer

    def responders(self) -> dict[type, Callable[[Any], Awaitable[Reply]]]:
        """Who answers which command."""
        return {Vrfy: self.verify, Expn: self.expand, Etrn: self.release}

    async def verify(self, event: Vrfy) -> Reply:
        """VRFY: 250 and the mailbox, 550, or 252.

        Raises:
            TemporaryFailure: answered 451.
        """
        if not self._profile.verify:
            return replies.CANNOT_VERIFY
        route = await self._route(event.name)
        if route is None:
            return _UNKNOWN
        names = _mailboxes(route)
        if len(names) != 1 or not names[0].isascii():
            # RFC 6531, section 3.7.4.2: 252 where the answer would need UTF-8; a list
            # is what EXPN is for
            return replies.CANNOT_VERIFY
        return replies.reply(250, 1, 5, names[0])

    async def expand(self, event: Expn) -> Reply:
        """EXPN: 250 and a mailbox on each line, 550, or 502.

        Raises:
            TemporaryFailure: answered 451.
        """
        if not self._profile.verify:
            return replies.EXPN_REFUSED
        route = await self._route(event.name)
        names = [] if route is None else [n for n in _mailboxes(route) if n.isascii()]
        if not names:
            return _UNKNOWN
        return replies.reply(250, 1, 5, *names)

    async def release(self, event: Etrn) -> Reply:
        """ETRN: 250 to 253, 458 or 459."""
        release = self._profile.release
        if release is None:
            return replies.CANNOT_QUEUE
        return await release.start(event.domain, trusted=self._peer.trusted)

    async def _route(self, name: bytes) -> Route | None:
        try:
            return await self._delivery.route(self._address(name))
        except (SyntaxProblem, PermanentFailure):
            return None

    def _address(self, name: bytes) -> Address:
        """What the client means by a name: an address, or a user of our domain."""
        name = name.removeprefix(b"<").removesuffix(b">")
        if b"@" in name:
            return parse_address(name)
        return parse_address(name + b"@" + self._domain())

    def _domain(self) -> bytes:
        domain = self._profile.domain or self._profile.hostname
        return canonical_domain(domain).encode("ascii")


def _mailboxes(route: Route) -> list[str]:
    local = [f"<{target.account.id}>" for target in route.local]
    return local + [f"<{address}>" for address in route.remote]

"""Strangers do not greet with our name."""

from __future__ import annotations

from typing import Final

from mailapp.core.peer import Peer
from mailapp.core.status import Status
from mailapp.policy.check import Check
from mailapp.policy.verdict import ACCEPT, Reject, Verdict

# RFC 3463, section 3.8 (X.7.1, delivery not authorized)
OUR_NAME: Final = Reject(Status(7, 1, "that is the name of this server, not yours"))


class OwnName(Check):
    """Refuses a client from elsewhere that greets with our host name or domain.

    Only senders of junk do that.
    # deviates: RFC 5321, section 4.1.4, which forbids to refuse for a name that is not
    # the client's; so it is off unless the administrator turns it on.
    """

    async def helo(self, peer: Peer, name: str) -> Verdict:
        """550 5.7.1 for our names, unless the client is on this host or trusted."""
        if peer.trusted or peer.ip.is_loopback or peer.address == peer.local_address:
            return ACCEPT
        ours = {self.site.hostname.lower(), *self.site.domains}
        return OUR_NAME if name.lower().removesuffix(".") in ours else ACCEPT

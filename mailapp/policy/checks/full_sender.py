"""A sender that can be answered."""

from __future__ import annotations

from typing import Final

from mailapp.core.status import Status
from mailapp.policy.check import Check
from mailapp.policy.interfaces import Origin
from mailapp.policy.verdict import ACCEPT, Reject, Verdict

# RFC 3463, section 3.2 (X.1.7, bad sender's mailbox address syntax)
SHORT_DOMAIN: Final = Reject(Status(1, 7, "write the full domain of the sender"), 553)


class FullSender(Check):
    """Refuses a sender whose domain has no dot, such as ``root@printer``.

    RFC 5321, section 2.3.5 wants fully-qualified names; nobody could report a failure
    to such a sender. Off unless turned on: devices in an office send like that.
    """

    async def mail(self, origin: Origin) -> Verdict:
        """553 5.1.7, unless the client is trusted or logged in."""
        path = origin.reverse_path
        if path is None or origin.peer.trusted or origin.account is not None:
            return ACCEPT
        fits = path.is_literal or "." in path.domain
        return ACCEPT if fits else SHORT_DOMAIN

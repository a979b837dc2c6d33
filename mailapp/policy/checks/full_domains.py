"""What is handed in names full domains (RFC 6409, section 4.2)."""

from __future__ import annotations

from typing import Final

from mailapp.core.address import Address
from mailapp.core.status import Status
from mailapp.policy.check import Check
from mailapp.policy.interfaces import Origin
from mailapp.policy.verdict import ACCEPT, Reject, Verdict

# RFC 6409, section 4.2: "Reply code 554 is to be used"; RFC 3463, section 3.2
SHORT_SENDER: Final = Reject(Status(1, 8, "write the full domain of the sender"), 554)
SHORT_RECIPIENT: Final = Reject(
    Status(1, 2, "write the full domain of the recipient"), 554
)


class FullDomains(Check):
    """Refuses an envelope address whose domain has no dot and is not ours.

    Nothing is ever added to an address: that breaks more than it mends (RFC 6409,
    section 8).
    """

    async def mail(self, origin: Origin) -> Verdict:
        """554 5.1.8."""
        path = origin.reverse_path
        return ACCEPT if path is None or self._is_full(path) else SHORT_SENDER

    async def rcpt(self, _origin: Origin, address: Address, _accepted: int) -> Verdict:
        """554 5.1.2; ``<postmaster>`` needs no domain (RFC 5321, section 4.5.1)."""
        return ACCEPT if self._is_full(address) else SHORT_RECIPIENT

    def _is_full(self, address: Address) -> bool:
        domain = address.domain
        return "." in domain or address.is_literal or domain in {"", *self.site.domains}

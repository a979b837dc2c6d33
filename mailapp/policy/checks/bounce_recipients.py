"""A bounce goes to one recipient."""

from __future__ import annotations

from typing import Final

from mailapp.core.address import Address
from mailapp.core.status import Status
from mailapp.policy.check import Check
from mailapp.policy.interfaces import Origin
from mailapp.policy.verdict import ACCEPT, Reject, Verdict

# RFC 3463, section 3.6 (X.5.3, too many recipients)
ONE_ONLY: Final = Reject(Status(5, 3, "a bounce has one recipient"))


class BounceRecipients(Check):
    """Refuses a second recipient for a message from ``<>``.

    A notification goes to the address of one reverse-path (RFC 5321, section 6.1), so
    several recipients hint at junk. Nothing forbids them though, and other automatic
    mail is sent from ``<>`` too (RFC 5321, section 4.5.5): off unless turned on.
    """

    async def rcpt(self, origin: Origin, _address: Address, accepted: int) -> Verdict:
        """550 5.5.3 from the second recipient on."""
        return ONE_ONLY if origin.reverse_path is None and accepted else ACCEPT

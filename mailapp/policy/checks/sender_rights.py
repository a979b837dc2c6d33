"""Nobody sends as somebody else (threat 28): the sender is bound to the login."""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

from mailapp.core.address import Address
from mailapp.core.envelope import Envelope
from mailapp.core.failures import SyntaxProblem
from mailapp.core.status import Status
from mailapp.message.submitted import identities, read_submitted
from mailapp.policy.check import Check, Site
from mailapp.policy.interfaces import Content, ISenderRights, Origin
from mailapp.policy.verdict import ACCEPT, Accept, Refusal, Reject, Verdict

# RFC 6409, section 6.1: 550 and a code such as 5.7.1
NOT_YOURS: Final = Reject(
    Status(7, 1, "you may not send from this address; use one of your own")
)
NOT_IN_HEADER: Final = Reject(
    Status(7, 1, "From and Sender must be addresses of your own")
)


class SenderRights(Check):
    """Compares reverse-path, From and Sender with the login's own addresses.

    CVE-2024-7208 and CVE-2024-7209: a server for many must look at all three. A header
    that can be read in two ways is refused, so that no other program finds an author in
    it that we did not see. Who did not log in is not asked; the null reverse-path is
    nobody's name.

    Args:
        site: this server.
        rights: knows whose address is whose.
        exempt: accounts that may send as anybody.
    """

    def __init__(
        self, site: Site, rights: ISenderRights, exempt: Collection[str] = ()
    ) -> None:
        super().__init__(site)
        self._rights = rights
        self._exempt = frozenset(exempt)

    async def mail(self, origin: Origin) -> Verdict:
        """550 5.7.1 for a reverse-path of somebody else."""
        if origin.account is None or origin.reverse_path is None:
            return ACCEPT
        fits = await self._may(origin.account, origin.reverse_path)
        return ACCEPT if fits else NOT_YOURS

    async def body(self, envelope: Envelope, content: Content) -> Accept | Refusal:
        """550 5.7.1 for a From or Sender of somebody else; 554 5.6.0 for a riddle."""
        account = envelope.account
        if account is None or account in self._exempt:
            return ACCEPT
        try:
            found = identities(read_submitted(content.header))
        except SyntaxProblem as problem:
            return Reject(Status(6, 0, problem.reason), 554)
        for address in found:
            if not await self._may(account, address):
                return NOT_IN_HEADER
        return ACCEPT

    async def _may(self, account: str, address: Address) -> bool:
        if account in self._exempt:
            return True
        return await self._rights.may_send_as(account, address)

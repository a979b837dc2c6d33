"""An account sends so much in an hour and a day, and no more."""

from __future__ import annotations

import math
from typing import Final

from mailapp.core.address import Address
from mailapp.core.envelope import Envelope
from mailapp.core.status import Status
from mailapp.policy.allowance import Allowance
from mailapp.policy.check import Check, Site
from mailapp.policy.interfaces import Content, Origin
from mailapp.policy.verdict import ACCEPT, Accept, Defer, Refusal, Verdict

_MINUTE: Final = 60
_MINUTES: Final = 120  # from here on we speak of hours


class SendLimits(Check):
    """Defers what is too much, and says when it will not be.

    A message counts when its content was taken, with all of its recipients. A client
    that queues tries again by itself, so nothing is lost.

    Args:
        site: this server.
        allowance: counts.
    """

    def __init__(self, site: Site, allowance: Allowance) -> None:
        super().__init__(site)
        self._allowance = allowance

    async def mail(self, origin: Origin) -> Verdict:
        """450 4.7.1 for one message too many."""
        return ACCEPT if origin.account is None else self._message(origin.account)

    async def rcpt(self, origin: Origin, _address: Address, accepted: int) -> Verdict:
        """452 4.5.3 for one recipient too many."""
        if origin.account is None:
            return ACCEPT
        return self._recipients(origin.account, accepted + 1)

    async def body(self, envelope: Envelope, _content: Content) -> Accept | Refusal:
        """Count it; other sessions of the account may have been faster."""
        account = envelope.account
        if account is None:
            return ACCEPT
        count = len(envelope.recipients)
        for verdict in (self._message(account), self._recipients(account, count)):
            if not isinstance(verdict, Accept):
                return verdict
        self._allowance.spend(account, count)
        return ACCEPT

    def _message(self, account: str) -> Accept | Refusal:
        seconds = self._allowance.wait_for_message(account)
        if not seconds:
            return ACCEPT
        text = f"you have sent too many messages; try again in {spoken(seconds)}"
        return Defer(Status(7, 1, text), 450)

    def _recipients(self, account: str, count: int) -> Accept | Refusal:
        seconds = self._allowance.wait_for_recipients(account, count)
        if not seconds:
            return ACCEPT
        text = (
            f"you have written to too many recipients; try again in {spoken(seconds)}"
        )
        return Defer(Status(5, 3, text), 452)


def spoken(seconds: float) -> str:
    """A time to wait, rounded up, as people say it."""
    minutes = max(1, math.ceil(seconds / _MINUTE))
    if minutes < _MINUTES:
        return "1 minute" if minutes == 1 else f"{minutes} minutes"
    return f"{math.ceil(minutes / _MINUTE)} hours"

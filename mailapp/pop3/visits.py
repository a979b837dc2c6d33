"""Who was here a moment ago: the minimum time between two logins (RFC 2449)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from mailapp.storage.types import AccountId


class Visits:
    """The last login of each account; shared by all sessions of a process.

    RFC 2449, section 6.5: the time counts from the +OK of a login; within it "another
    authentication" is not accepted.

    Args:
        delay_seconds: between two logins of an account; 0: any time.
        now: seconds.
        observe: is told of each login, for the other processes.
    """

    def __init__(
        self,
        delay_seconds: int,
        now: Callable[[], float],
        observe: Callable[[AccountId], None] | None = None,
    ) -> None:
        self.delay_seconds: Final = delay_seconds
        self._now = now
        self._observe = observe
        self._last: dict[AccountId, float] = {}  # oldest first

    def __len__(self) -> int:
        """How many accounts are remembered: those of the last delay only."""
        return len(self._last)

    def too_soon(self, account: AccountId) -> bool:
        """May it not come in yet?"""
        last = self._last.get(account)
        return last is not None and self._now() < last + self.delay_seconds

    def came(self, account: AccountId) -> None:
        """It logged in here."""
        if self.delay_seconds:
            self.heard(account)
            if self._observe is not None:
                self._observe(account)

    def heard(self, account: AccountId) -> None:
        """It logged in, here or in another process."""
        if not self.delay_seconds:
            return
        now = self._now()
        self._last.pop(account, None)
        self._last[account] = now
        while (oldest := next(iter(self._last))) != account:
            if now < self._last[oldest] + self.delay_seconds:
                break
            del self._last[oldest]

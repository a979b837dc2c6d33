"""Keeps the day on which an app password was last used."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar, Final

from twisted.logger import Logger

from mailapp.directory.types import AppPassword
from mailapp.net.steps import nothing, run
from mailapp.net.threads import InThread
from mailapp.storage.types import AccountId

MarkUsed = Callable[[AccountId, str, float], None]

EVERY: Final = 86_400  # seconds


class LastUses:
    """Writes to the accounts file, at most once a day for each app password.

    More would tell little, and each write makes every process read its accounts again.

    Args:
        mark_used: writes account, label and time; blocks.
        in_thread: where it is written.
        now: seconds since the epoch.
    """

    log: ClassVar = Logger()

    def __init__(
        self, mark_used: MarkUsed, in_thread: InThread, now: Callable[[], float]
    ) -> None:
        self._mark_used = mark_used
        self._in_thread = in_thread
        self._now = now
        self._under_way: set[bytes] = set()

    def note(self, account: AccountId, app_password: AppPassword) -> None:
        """It was used now."""
        now = self._now()
        used_at, digest = app_password.used_at, app_password.digest
        recent = used_at is not None and 0 <= now - used_at < EVERY
        if recent or digest in self._under_way:
            return
        self._under_way.add(digest)
        run(self._write(account, app_password, now), nothing, self._failed)

    async def _write(
        self, account: AccountId, app_password: AppPassword, now: float
    ) -> None:
        try:
            await self._in_thread(self._mark_used, account, app_password.label, now)
        finally:
            self._under_way.discard(app_password.digest)

    def _failed(self, problem: BaseException) -> None:
        """The login itself is good; the day is told the next time."""
        self.log.warn(
            "last use of an app password not written: {problem!r}",
            event="auth.use.failed",
            problem=problem,
        )

"""Puts together what goes on without a client: one postman for a server.

With workers it is a process of its own, else a part of the only one.
"""

from __future__ import annotations

import time
from typing import ClassVar, Final

from twisted.internet.defer import Deferred, ensureDeferred
from twisted.internet.task import LoopingCall
from twisted.logger import Logger

from mailapp.app.parts import Parts
from mailapp.events.journal import tend

NAME: Final = "postman"
TEND_EVERY: Final = 3600.0  # seconds between two sweeps of what was left behind


class Postman:
    """Looks after the store and the journal.

    Args:
        parts: of the process; started and stopped by who made them.
    """

    log: ClassVar = Logger()

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._tending = LoopingCall(self._tend)
        self._tending.clock = parts.reactor
        self._tended: Deferred[LoopingCall] | None = None

    @property
    def connections(self) -> int:
        """Of clients: it has none."""
        return 0

    def start(self) -> None:
        """Begin to work."""
        self._tended = self._tending.start(TEND_EVERY)

    def stop(self) -> Deferred[None]:
        """Finish what is under way."""
        return ensureDeferred(self._stop())

    async def _stop(self) -> None:
        if self._tended is not None:
            self._tending.stop()
            await self._tended  # to the end of what is being done

    def _tend(self) -> Deferred[None]:
        return ensureDeferred(self._tend_all()).addErrback(
            lambda failure: self.log.failure(
                "tending the store", failure, event="store.tend.failed"
            )
        )

    async def _tend_all(self) -> None:
        parts, now = self._parts, time.time()
        await parts.store.tend(now)
        await parts.writes.run(
            tend,
            parts.configuration.journal_folder,
            now,
            parts.configuration.log.journal_keep,
        )

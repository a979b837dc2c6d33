"""Makes durable, a moment later and all together, what has left the queue."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar, Final

from twisted.internet.interfaces import IDelayedCall
from twisted.logger import Logger

from mailapp.net.steps import run
from mailapp.queue.emptying import Emptying
from mailapp.queue.places import Places
from mailapp.queue.spool import Spool

SYNC_DELAY: Final = 0.1
"""Seconds after which removals are durable, at the latest."""


class Settling:
    """What was removed, or moved out of a tray, since the last sync.

    Args:
        spool: of the queue.
        emptying: its trays.
        places: what lies in them.
    """

    log: ClassVar = Logger()

    def __init__(self, spool: Spool, emptying: Emptying, places: Places) -> None:
        self._spool = spool
        self._emptying = emptying
        self._places = places
        self._journals: list[bytes] = []
        self._timer: IDelayedCall | None = None

    def left(self, entry_id: str, *, has_journal: bool = False) -> None:
        """An entry lies where it was no more; its journal is to go after it."""
        self._places.leave(entry_id)
        if has_journal:
            self._journals.append(entry_id.encode())
        if self._timer is None:
            self._timer = self._spool.clock.callLater(SYNC_DELAY, self._settle)

    def end(self) -> None:
        """Make it durable now. Blocks."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
            problem, _ = self._work(self._journals, self._places.touched())
            self._journals = []
            self.complain(problem)

    def complain(self, problem: BaseException | None) -> None:
        """Say that something may come back."""
        if problem is not None:
            self.log.error(
                "removals from the queue may not last: {reason}",
                event="queue.removal.failed",
                reason=str(problem),
            )

    def _settle(self) -> None:
        self._timer = None
        names, self._journals = self._journals, []
        run(self._settle_in_thread(names), self.complain, self.complain)

    async def _settle_in_thread(self, names: Sequence[bytes]) -> OSError | None:
        touched = self._places.touched()
        problem: OSError | None
        problem, gone = await self._spool.in_thread(self._work, names, touched)
        self._places.ended(touched, gone)
        return problem

    def _work(
        self, names: Sequence[bytes], touched: Mapping[str, int | None]
    ) -> tuple[OSError | None, Sequence[str]]:
        problem = self._spool.shelf.finish(names)
        unsettled, gone = self._emptying.settle(touched)
        return problem or unsettled, gone

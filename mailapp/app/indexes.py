"""The indexes of a process: closed when idle, and told of when they are lost."""

from __future__ import annotations

import os
from contextlib import suppress
from typing import Any, ClassVar, Final

from attrs import define
from twisted.internet.task import LoopingCall
from twisted.logger import Logger
from twisted.python.failure import Failure

from mailapp.core.failures import TemporaryFailure
from mailapp.net.threads import InThread
from mailapp.storage.index.indexes import Indexes

LOOK_SECONDS: Final = 30
TELL_SECONDS: Final = 60
"""What is lost again in so long is counted."""


@define
class _Loss:
    """What became of one file since it was told last."""

    told_at: float
    reason: str
    times: int = 0


class IndexCare:
    """See the module.

    Args:
        reactor: the real one, or a clock with ``callFromThread``.
        in_thread: runs what blocks.

    Attributes:
        indexes: to be given to the store.
    """

    log: ClassVar = Logger()

    def __init__(self, reactor: Any, in_thread: InThread) -> None:
        self.indexes: Final = Indexes(self._lost, reactor.seconds)
        self._reactor = reactor
        self._in_thread = in_thread
        self._losses: dict[bytes, _Loss] = {}
        self._loop = LoopingCall(self._look)
        self._loop.clock = reactor

    def start(self) -> None:
        """Look after them from now on."""
        _ = self._loop.start(LOOK_SECONDS, now=False).addErrback(self._failed)

    def stop(self) -> None:
        """Look no more; the store closes them."""
        if self._loop.running:
            self._loop.stop()

    async def _look(self) -> None:
        self._tell_again()
        if self.indexes.idle:
            with suppress(TemporaryFailure):  # many threads are busy; the next time
                await self._in_thread(self.indexes.rest)

    def _failed(self, failure: Failure) -> None:
        self.log.failure("looking after indexes", failure, event="index.care.failed")

    def _lost(self, directory: bytes, why: str) -> None:
        """An index was thrown away; in any thread."""
        self._reactor.callFromThread(self._note, directory, why)

    def _note(self, directory: bytes, why: str) -> None:
        now = self._reactor.seconds()
        loss = self._losses.get(directory)
        if loss is not None:
            loss.times, loss.reason = loss.times + 1, why
            return
        self._losses[directory] = _Loss(now, why)
        self.log.warn(
            "{directory}: the index is thrown away and made anew: {reason}",
            event="index.file.discarded",
            directory=os.fsdecode(directory),
            reason=why,
            times=1,
        )

    def _tell_again(self) -> None:
        """What happened more than once; what did not is forgotten."""
        now = self._reactor.seconds()
        for directory, loss in list(self._losses.items()):
            if now - loss.told_at < TELL_SECONDS:
                continue
            if not loss.times:
                del self._losses[directory]
                continue
            self.log.warn(
                "{directory}: the index was thrown away {times} times more, at last: "
                "{reason}",
                event="index.file.discarded",
                directory=os.fsdecode(directory),
                reason=loss.reason,
                times=loss.times,
            )
            self._losses[directory] = _Loss(now, loss.reason)

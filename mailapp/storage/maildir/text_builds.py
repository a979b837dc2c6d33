"""Puts texts of mailboxes into their indexes in the background, a piece at a time.

One mailbox at a time in a process, whether or not somebody has it selected; first the
one that was searched last. After each piece there is a rest half as long as the piece
took, so that those who wait for an answer are served first.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Awaitable, Callable, Hashable
from typing import ClassVar, Final

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.logger import Logger
from twisted.python.failure import Failure

from mailapp.net.steps import nothing, run
from mailapp.storage.types import StoreError

BEGIN_SECONDS: Final = 1.0
"""Before the first piece: the search that made it wanted reads messages itself."""
REST_SECONDS: Final = 0.005
"""After each piece at least."""
ELSEWHERE_SECONDS: Final = 1.0
"""Before another look whether another process has done it."""

Step = Callable[[], Awaitable[int | None]]
"""Does a piece; how many messages are still to come. None: another process does it."""


class TextBuilds:
    """What is to be indexed, and the one that is being indexed.

    Args:
        clock: of the reactor.
    """

    log: ClassVar = Logger()

    def __init__(self, clock: IReactorTime) -> None:
        self._clock = clock
        self._wanted: OrderedDict[Hashable, Step] = OrderedDict()
        self._call: IDelayedCall | None = None
        self._working = False
        self._stopped: list[Deferred[None]] | None = None

    def want(self, key: Hashable, step: Step, *, first: bool = False) -> None:
        """Do this until nothing is left, once for each key at a time.

        Args:
            key: names it.
            step: of it.
            first: before all others: somebody searches there.
        """
        if self._stopped is not None:
            return
        self._wanted.setdefault(key, step)
        if first:
            self._wanted.move_to_end(key, last=False)
        if self._call is None and not self._working:
            self._call = self._clock.callLater(BEGIN_SECONDS, self._work)

    async def stop(self) -> None:
        """Begin nothing more; wait for the piece that is being done."""
        if self._stopped is None:
            self._stopped = []
        if self._call is not None:
            self._call.cancel()
            self._call = None
        self._wanted.clear()
        if self._working:
            done: Deferred[None] = Deferred()
            self._stopped.append(done)
            await done

    def _work(self) -> None:
        self._call = None
        self._working = True
        run(self._piece(), nothing, self._failed)

    async def _piece(self) -> None:
        key, step = next(iter(self._wanted.items()))
        began = self._clock.seconds()
        left: int | None = 0
        try:
            left = await step()
        finally:
            self._working = False
            if left == 0:
                self._wanted.pop(key, None)
            elif left is None and key in self._wanted:
                self._wanted.move_to_end(key)  # others need not wait for it
            rest = max((self._clock.seconds() - began) / 2, REST_SECONDS)
            self._go_on(ELSEWHERE_SECONDS if left is None else rest)

    def _go_on(self, rest: float) -> None:
        for each in self._stopped or ():
            each.callback(None)
        if self._wanted:
            self._call = self._clock.callLater(rest, self._work)

    def _failed(self, problem: BaseException) -> None:
        """Of that mailbox no more, until somebody wants it again."""
        if not isinstance(problem, StoreError):
            self.log.failure(
                "texts of a mailbox", Failure(problem), event="index.texts.failed"
            )

"""Names that follow the UIDs of messages while other work goes on."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Any, ClassVar, Final

from attrs import frozen
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import deferLater
from twisted.logger import Logger
from twisted.python.failure import Failure

from mailapp.net.steps import nothing, run
from mailapp.storage.columns import Columns
from mailapp.storage.interfaces import ILease
from mailapp.storage.maildir.errors import disk_errors
from mailapp.storage.maildir.given import GIVEN_LOCK
from mailapp.storage.maildir.mailbox import Mailbox
from mailapp.storage.types import FolderId, StoreError

CLAIM_SECONDS: Final = 600.0
BEGIN_SECONDS: Final = 0.5
"""First the client has its answer, and nearly always asks for something more."""
CLAIM_AGAIN_SECONDS: Final = 5.0
AGAIN_SECONDS: Final = 0.1
"""Names wait so long and again while facts of the mailbox are being computed."""

Blocking = Callable[..., Awaitable[Any]]
"""Runs a call in a thread; its errors are of the store."""


@frozen
class Work:
    """What is done for the selected mailboxes of an account.

    Attributes:
        look: finds a mailbox and looks at it. Blocks.
        build: has the texts of a mailbox indexed in the background, with ``first=True``
            before those of others.
        name_late: has the names of some tell them; how many are left. Blocks.
        complete: see :meth:`Mailbox.complete`. Blocks.
        claim: lets only one process at it.
    """

    look: Callable[[FolderId], Mailbox]
    build: Callable[..., None]
    name_late: Callable[[FolderId], int]
    complete: Callable[[FolderId, Columns, Sequence[int]], None]
    claim: Callable[[bytes, float], ILease | None]


class Following:
    """Has the names of one mailbox tell UIDs, some at a time, to the last.

    Only one process does, as long as it has a session that selected the mailbox: who
    moves or removes the files then need not fear that they get other names meanwhile.
    """

    log: ClassVar = Logger()

    def __init__(
        self, blocking: Blocking, work: Work, box: Mailbox, clock: IReactorTime
    ) -> None:
        self._clock = clock
        self._blocking = blocking
        self._work = work
        self._box = box
        self._goes_on = False

    def begin(self) -> None:
        """If there are any that do not, and it was not begun."""
        if not self._goes_on and self._box.tracked.current.late:
            self._goes_on = True
            run(self._follow(), nothing, self._failed)

    async def _follow(self) -> None:
        box, work = self._box, self._work
        claim = None
        try:
            await self._wait(BEGIN_SECONDS)
            while claim is None and box.sessions and box.tracked.current.late:
                with disk_errors():
                    path = box.found.path + b"/" + GIVEN_LOCK
                    claim = work.claim(path, CLAIM_SECONDS)
                if claim is None:  # another process does it, as long as it has sessions
                    await self._wait(CLAIM_AGAIN_SECONDS)
            if claim is not None:
                await self._name_all(claim)
        finally:
            self._goes_on = False
            if claim is not None:
                await claim.release()

    async def _name_all(self, claim: ILease) -> None:
        box, left = self._box, 0
        while box.sessions and left != (
            left := await self._blocking(self._work.name_late, box.found.id)
        ):
            await claim.renew()
            while box.asked:  # somebody waits: two threads are slower
                await self._wait(AGAIN_SECONDS)

    async def _wait(self, seconds: float) -> None:
        await deferLater(self._clock, seconds)

    def _failed(self, problem: BaseException) -> None:
        if not isinstance(problem, StoreError):
            self.log.failure(
                "names of a mailbox", Failure(problem), event="maildir.names.failed"
            )

"""IDLE (RFC 9051, section 6.3.13): what happens is told as it happens."""

from __future__ import annotations

from typing import Final

from twisted.internet.defer import Deferred
from twisted.logger import Logger
from twisted.python.failure import Failure

from mailapp.core.failures import DeliveryFailure
from mailapp.imap.commands.context import Context
from mailapp.imap.commands.sync import sync
from mailapp.imap.events import IDLING, Idling
from mailapp.imap.grammar.values.commands import Idle
from mailapp.imap.responses.status import Status, ok
from mailapp.net.steps import Run, run
from mailapp.storage.types import StoreError

_log: Final = Logger()


async def idle(context: Context, _command: Idle) -> Idling:
    """Begin: what is known already comes first."""
    await sync(context, may_expunge=True, look=True)
    context.pusher = Pusher(context)
    return IDLING


async def done(context: Context) -> Status:
    """DONE came."""
    pusher, context.pusher = context.pusher, None
    if pusher is not None:
        await pusher.stop()
    return ok("done")


class Pusher:
    """Tells a client that is in IDLE what changes, as fast as it reads.

    Hints that come while it tells something are one more round, not many.

    Args:
        context: of the session.
    """

    def __init__(self, context: Context) -> None:
        self._context = context
        self._telling = False
        self._run: Run | None = None
        self._stopped: Deferred[None] | None = None
        if context.selected is not None:
            context.selected.hints.listener = self._hint
            if context.selected.hints.stale:
                self._hint()

    async def stop(self) -> None:
        """No more hints; what is being told is told to its end."""
        self._deafen()
        if self._telling:
            self._stopped = Deferred()
            await self._stopped

    def abandon(self) -> None:
        """The client is gone."""
        self._deafen()
        current, self._run = self._run, None
        if current is not None:
            current.cancel()

    def _deafen(self) -> None:
        if self._context.selected is not None:
            self._context.selected.hints.listener = None

    def _hint(self) -> None:
        if not self._telling:
            self._telling = True
            self._run = run(self._tell(), self._told, self._failed)

    async def _tell(self) -> None:
        context = self._context
        context.outlet.begin()
        while context.selected is not None and context.selected.hints.stale:
            try:
                await sync(context, may_expunge=True)
            except (StoreError, DeliveryFailure):
                return  # the next hint, or the next command, looks again
            await context.drain()

    def _told(self, _nothing: None) -> None:
        self._telling = False
        self._run = None
        self._context.outlet.flush()
        stopped, self._stopped = self._stopped, None
        if stopped is not None:
            stopped.callback(None)

    def _failed(self, problem: BaseException) -> None:
        _log.failure(
            "bug in IDLE",
            failure=Failure(problem),
            event="imap.idle.failed",
            session=self._context.peer.session,
            account=self._context.account_id,
        )
        self._told(None)

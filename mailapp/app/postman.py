"""Puts together what goes on without a client: one postman for a server.

With workers it is a process of its own, else a part of the only one.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Awaitable, Sequence
from functools import partial
from typing import ClassVar, Final

from twisted.internet.defer import Deferred, ensureDeferred, maybeDeferred
from twisted.internet.interfaces import IDelayedCall, IListeningPort
from twisted.internet.task import LoopingCall
from twisted.logger import Logger
from zope.interface import implementer

from mailapp.app.fetching import fetch_service
from mailapp.app.outbound import make_relay_of
from mailapp.app.parts import Parts
from mailapp.core.failures import TemporaryFailure
from mailapp.events.journal import tend
from mailapp.queue import control
from mailapp.queue.administration import Administration
from mailapp.queue.carrying import Services
from mailapp.queue.custody import Custody
from mailapp.queue.dispatch import Dispatcher
from mailapp.queue.interfaces import Consignment, ICarrier
from mailapp.queue.lane import LaneLimits
from mailapp.queue.lanes import Limits
from mailapp.queue.local import LocalCarrier
from mailapp.queue.types import Attempt

NAME: Final = "postman"
TEND_EVERY: Final = 3600.0  # seconds between two sweeps of what was left behind
TAKE_EVERY: Final = 1.0
"""Seconds between two attempts to take the queue: the one before may still have it."""
DRAIN: Final = 10.0
"""Seconds for what is being carried; what is broken off is tried again."""


@implementer(ICarrier)
class Carriers:
    """To the mailboxes here, or to other servers."""

    def __init__(self, local: ICarrier, relay: ICarrier) -> None:
        self._local = local
        self._relay = relay

    def carry(self, consignment: Consignment) -> Awaitable[Sequence[Attempt]]:
        """By the one who knows the way."""
        here = consignment.destination.is_local
        carrier = self._local if here else self._relay
        attempts: Awaitable[Sequence[Attempt]] = carrier.carry(consignment)
        return attempts


class Postman:
    """Carries what waits, fetches, and looks after the store and the journal.

    Args:
        parts: of the process; started and stopped by who made them.
    """

    log: ClassVar = Logger()

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._reactor = parts.reactor
        self._custody = Custody(parts.spool, parts.journal)
        self._relay, routes = make_relay_of(parts)
        queue = parts.configuration.queue
        self._dispatcher = Dispatcher(
            self._custody,
            Services(
                Carriers(
                    LocalCarrier(parts.intake(from_queue=True), time.time), self._relay
                ),
                parts.reporter,
                parts.journal,
                routes.destination_of,
            ),
            schedule=parts.schedule,
            limits=Limits(
                LaneLimits(most=queue.connections_per_destination),
                under_way=queue.connections,
            ),
            random=secrets.SystemRandom().random,
        )
        self._fetches = fetch_service(parts)
        self._serving = False
        self._taking: IDelayedCall | None = None
        self._begun: Deferred[None] | None = None
        self._socket: IListeningPort | None = None
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
        if self._fetches is not None:
            self._fetches.startService()
        self._take()

    def stop(self) -> Deferred[None]:
        """Finish what is under way."""
        return ensureDeferred(self._stop())

    # ---- the queue

    def _take(self) -> None:
        self._taking = None
        self._begun = ensureDeferred(self._begin()).addErrback(
            lambda failure: self.log.failure(
                "taking the queue", failure, event="queue.take.failed"
            )
        )

    async def _begin(self) -> None:
        try:
            await self._custody.take()
        except TemporaryFailure as problem:
            self.log.warn(
                "the queue can't be taken, trying again: {reason}",
                event="queue.take.refused",
                reason=problem.status.text,
            )
            self._taking = self._reactor.callLater(TAKE_EVERY, self._take)
            return
        parts, dispatcher = self._parts, self._dispatcher
        self._serving = True
        if parts.alone:
            parts.spool.arrived = dispatcher.accept
        parts.facts.on_arrivals = dispatcher.arrived
        administration = Administration(self._custody, parts.journal, dispatcher)
        self._socket = control.listen(
            self._reactor, parts.configuration.queue_folder, administration
        )
        dispatcher.start()

    async def _stop(self) -> None:
        if self._tended is not None:
            self._tending.stop()
            await self._tended  # to the end of what is being done
        if self._fetches is not None:
            await maybeDeferred(self._fetches.stopService)
        if self._begun is not None:
            await self._begun
        if self._taking is not None:
            self._taking.cancel()
        if self._socket is not None:
            await maybeDeferred(self._socket.stopListening)
        if self._serving:
            drained = self._dispatcher.drain()
            patience = self._reactor.callLater(DRAIN, self._dispatcher.stop)
            await drained
            if patience.active():
                patience.cancel()
        self._relay.close()
        if self._serving:
            await self._parts.writes.run(self._custody.give_up)

    # ---- once an hour

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
            partial(
                tend,
                parts.configuration.journal_folder,
                now,
                parts.configuration.log.journal_keep,
            )
        )

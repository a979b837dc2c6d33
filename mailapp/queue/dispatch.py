"""The postman: begins, hears what arrives, looks that nothing is forgotten, ends."""

from __future__ import annotations

from collections.abc import Awaitable, Sequence
from functools import partial
from random import random
from typing import ClassVar, Final

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall
from twisted.logger import Logger
from twisted.python.failure import Failure

from mailapp.core.address import Address
from mailapp.net.steps import Run, run
from mailapp.queue.carrying import Carrying, Read, Services
from mailapp.queue.changes import Change
from mailapp.queue.custody import Custody
from mailapp.queue.lanes import Limits
from mailapp.queue.reading import Loaded, Problem
from mailapp.queue.rounds import Active
from mailapp.queue.schedule import Random, Schedule
from mailapp.queue.tray import Place, read_arrival
from mailapp.queue.types import Destination, Entry

LOOK_EVERY: Final = 300.0
"""Seconds between two looks for entries that nobody told of."""
SWEEP_EVERY: Final = 3600.0
"""Seconds between two sweeps of ``tmp``."""


class Dispatcher:
    """The postman of one queue: the only one, see :class:`Custody`.

    Args:
        custody: was taken.
        services: whom it works with.
        schedule: when things happen.
        limits: how much at once.
        random: for jitter.
    """

    log: ClassVar = Logger()

    def __init__(
        self,
        custody: Custody,
        services: Services,
        *,
        schedule: Schedule = Schedule(),  # noqa: B008 - frozen
        limits: Limits = Limits(),  # noqa: B008 - frozen
        random: Random = random,
    ) -> None:
        self.custody: Final = custody
        self.carrying: Final = Carrying(custody, services, schedule, limits, random)
        self.carrying.on_idle = self._tell_drained
        self._waiting = self.carrying.waiting
        self._clock = custody.spool.clock
        self._looking: Run | None = None
        self._look_timer: IDelayedCall | None = None
        self._swept = 0.0
        self._drained: Deferred[None] | None = None

    def start(self) -> None:
        """Begin: with what has come last, then what waits from before."""
        self.carrying.running = True
        self._look(first=True)
        self.carrying.turn()

    def drain(self) -> Deferred[None]:
        """Begin nothing more; fires when all that is under way has ended."""
        self.carrying.running = False
        self._waiting.lanes.stop()
        self._cancel_look()
        if self._looking is not None:
            self._looking.cancel()
            self._looking = None
        drained = self._drained = Deferred()
        self._tell_drained()
        return drained

    def stop(self) -> None:
        """Break off what is under way: it is tried again after the next start."""
        if self.carrying.running:
            _ = self.drain()
        self.carrying.break_off()
        self._tell_drained()

    # ---- what arrives

    def accept(self, entry: Entry, octets: bytes | None, place: Place | None) -> None:
        """An entry was committed in this process: for ``Spool.arrived``."""
        self.custody.learn(entry.id, place)
        if self.carrying.running and not self.carrying.is_known(entry.id):
            self._waiting.keep(entry, octets)
            self._waiting.admit(entry)
            self.carrying.turn()

    def arrived(self, texts: Sequence[str]) -> None:
        """Entries were committed by other processes; see :func:`arrival_text`.

        Raises:
            ValueError: a text is none.
        """
        if not self.carrying.running:
            return
        for entry_id, place in map(read_arrival, texts):
            self.custody.learn(entry_id, place)
            if not self.carrying.is_known(entry_id):
                self._waiting.announce(entry_id)
                self.custody.load(entry_id, partial(self._read, entry_id))

    def _read(self, entry_id: str, result: Read) -> None:
        if isinstance(result, Loaded):
            if result.journal_octets < 0:
                self._waiting.keep(result.entry, result.octets)
            self._waiting.admit(result.entry)
            self.carrying.turn()
            return
        self._waiting.take(entry_id)  # the next look finds it, if it is there
        if isinstance(result, Problem):
            self.custody.tell(result)

    # ---- for the administrator

    def active(self, entry_id: str) -> Active | None:
        """An entry, if something is tried or recorded for it now."""
        return self.carrying.active(entry_id)

    def read_again(self, entry_id: str) -> None:
        """Something is about to be changed of an entry that is not active."""
        self._waiting.read_again(entry_id)

    def record(self, active: Active, change: Change) -> Awaitable[None]:
        """Make a change of such an entry durable."""
        return self.carrying.record(active, change)

    def destination_of(self, address: Address) -> Destination:
        """Where mail for an address goes next."""
        return self._waiting.destination_of(address)

    def hasten(self, entry: Entry) -> None:
        """Try an entry now, whatever was planned."""
        self._waiting.hasten(entry)
        self.carrying.turn()

    def hasten_all(self, destination: Destination) -> int:
        """Try all that waits for a destination now; how many."""
        count = self._waiting.hasten_all(destination)
        self.carrying.turn()
        return count

    # ---- what nobody told of

    def look(self) -> None:
        """Look for entries that nobody told of: a process may have died before."""
        if self.carrying.running and self._looking is None:
            self._cancel_look()
            self._look(first=False)

    def _look(self, *, first: bool) -> None:
        looking = run(self._look_through(first=first), self._looked, self._look_failed)
        if looking is not None:
            self._looking = looking

    async def _look_through(self, *, first: bool) -> None:
        """Look at new entries first: what waits from before may be much.

        What was told of before we listened may lie in any tray, also in one that we
        are told of while we look.
        """
        await self.custody.tidy(everything=first)
        async for found in self.custody.all(tried=False):
            for loaded in found:
                if not self.carrying.is_known(loaded.entry.id):
                    self._waiting.admit(loaded.entry)
            self.carrying.turn()
        if first:
            async for found in self.custody.all(tried=True):
                for loaded in found:
                    if self.carrying.active(loaded.entry.id) is None:
                        self._waiting.admit_again(loaded.entry)
        now = self._clock.seconds()
        self._waiting.lanes.prune(now)
        if first or now - self._swept >= SWEEP_EVERY:
            self._swept = now
            await self.custody.sweep()

    def _looked(self, _result: object) -> None:
        self._looking = None
        if self.carrying.running:
            self._look_timer = self._clock.callLater(LOOK_EVERY, self.look)

    def _look_failed(self, problem: BaseException) -> None:
        self.log.failure(
            "looking through the queue", Failure(problem), event="queue.look.failed"
        )
        self._looked(None)

    def _cancel_look(self) -> None:
        if self._look_timer is not None and self._look_timer.active():
            self._look_timer.cancel()

    def _tell_drained(self) -> None:
        drained = self._drained
        if drained is not None and not drained.called and self.carrying.is_idle:
            drained.callback(None)

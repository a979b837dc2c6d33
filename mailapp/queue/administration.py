"""What an administrator does with entries, beside a running postman or without one."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Final

from zope.interface import implementer

from mailapp.core.address import Address
from mailapp.core.failures import TemporaryFailure
from mailapp.core.status import SYSTEM_TROUBLE
from mailapp.events.interfaces import IEvents
from mailapp.events.record import Event, Kind
from mailapp.queue.changes import Change, apply
from mailapp.queue.custody import Custody
from mailapp.queue.dispatch import Dispatcher
from mailapp.queue.interfaces import IQueueAdministration
from mailapp.queue.record import is_entry_id
from mailapp.queue.types import Entry


@implementer(IQueueAdministration)
class Administration:
    """See :class:`IQueueAdministration`.

    Args:
        custody: was taken by this process.
        events: hears of what is done.
        dispatcher: the postman of this process; None: there is none, and what is to be
            tried at once is tried when one starts.
    """

    def __init__(
        self, custody: Custody, events: IEvents, dispatcher: Dispatcher | None = None
    ) -> None:
        self._custody = custody
        self._events = events
        self._dispatcher = dispatcher
        self._clock: Final = custody.spool.clock

    async def entries(self, destination: str = "") -> AsyncIterator[Entry]:
        """See :class:`IQueueAdministration`."""
        async for some in self._custody.all():
            for loaded in some:
                if not destination or _waits_for(loaded.entry, destination):
                    yield loaded.entry

    async def entry(self, entry_id: str) -> Entry:
        """See :class:`IQueueAdministration`."""
        return (await self._found(entry_id))[0]

    async def retry(self, entry_id: str) -> None:
        """See :class:`IQueueAdministration`."""
        entry, journal_octets = await self._found(entry_id)
        await self._hasten(entry, journal_octets)

    async def flush(self, destination: str) -> int:
        """See :class:`IQueueAdministration`.

        What waits for a domain that has a destination of its own goes at once. Where
        several domains share one (a smart host), all entries have to be looked at.
        """
        dispatcher = self._dispatcher
        if dispatcher is not None:
            own = dispatcher.destination_of(Address("postmaster", destination))
            if own.key == destination:
                return dispatcher.hasten_all(own)
        count = 0
        async for some in self._custody.all():
            for loaded in some:
                if _waits_for(loaded.entry, destination) and not loaded.entry.held:
                    await self._hasten(loaded.entry, loaded.journal_octets)
                    count += 1
        return count

    async def hold(self, entry_id: str) -> None:
        """See :class:`IQueueAdministration`."""
        entry, journal_octets = await self._found(entry_id)
        if not entry.held:
            await self._record(entry, Change(held=True), journal_octets)
            self._tell(Kind.HELD, entry_id)

    async def release(self, entry_id: str) -> None:
        """See :class:`IQueueAdministration`."""
        entry, journal_octets = await self._found(entry_id)
        if entry.held:
            change = Change(held=False)
            journal_octets = await self._record(entry, change, journal_octets)
            self._tell(Kind.RELEASED, entry_id)
            entry = apply(entry, change)
        await self._hasten(entry, journal_octets)

    async def drop(self, entry_id: str) -> None:
        """See :class:`IQueueAdministration`."""
        await self._found(entry_id)
        if self._dispatcher is not None:
            active = self._dispatcher.active(entry_id)
            if active is not None:
                active.dropped = True
        try:
            await self._custody.removed(entry_id)
        except OSError as problem:
            raise TemporaryFailure(SYSTEM_TROUBLE) from problem
        self._tell(Kind.DROPPED, entry_id)

    # ---- steps

    async def _found(self, entry_id: str) -> tuple[Entry, int]:
        """An entry, and the length of its journal.

        Raises:
            KeyError: there is none.
        """
        if not is_entry_id(entry_id):
            raise KeyError(entry_id)
        if self._dispatcher is not None:
            active = self._dispatcher.active(entry_id)
            if active is not None and not active.dropped:
                return active.entry, active.journal_octets
            self._dispatcher.read_again(entry_id)
        loaded = await self._custody.found(entry_id)
        return loaded.entry, loaded.journal_octets

    async def _record(self, entry: Entry, change: Change, journal_octets: int) -> int:
        """Make a change durable; the length of the journal."""
        if self._dispatcher is not None:
            active = self._dispatcher.active(entry.id)
            if active is not None:
                await self._dispatcher.record(active, change)
                return active.journal_octets
        try:
            return await self._custody.record(
                apply(entry, change), change, journal_octets
            )
        except OSError as problem:
            raise TemporaryFailure(SYSTEM_TROUBLE) from problem

    async def _hasten(self, entry: Entry, journal_octets: int) -> None:
        """Let it be tried now, or as soon as there is a postman."""
        if self._dispatcher is not None:
            self._dispatcher.hasten(entry)
        elif entry.next_attempt > 0:
            await self._record(entry, Change(due=0.0), journal_octets)

    def _tell(self, kind: Kind, entry_id: str) -> None:
        self._events.tell(Event(kind, entry_id, self._clock.seconds()))


def _waits_for(entry: Entry, domain: str) -> bool:
    recipients = entry.envelope.recipients
    return any(recipients[p].address.domain == domain for p in entry.waiting)

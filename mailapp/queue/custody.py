"""What only the one who carries does with the queue's files: read, record, remove."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Sequence
from math import inf
from typing import ClassVar, Final

from twisted.logger import Logger

from mailapp.core.failures import TemporaryFailure
from mailapp.core.status import SYSTEM_TROUBLE, Status
from mailapp.events.interfaces import IEvents, Unheard
from mailapp.events.record import Event, Kind
from mailapp.net.trips import Told, Trips
from mailapp.queue.changes import Change, encode_change, encode_state
from mailapp.queue.emptying import Emptying, Named
from mailapp.queue.places import Places
from mailapp.queue.reading import Gone, Loaded, Problem, Reader
from mailapp.queue.settling import Settling
from mailapp.queue.shelf import Record
from mailapp.queue.spool import Spool
from mailapp.queue.tray import Place
from mailapp.queue.types import Entry

SLICE: Final = 200
"""Entries that are looked at in one trip when all are."""
_LONG: Final = 64 * 1024
"""A journal of so many octets may be written anew, if that makes it much shorter."""
_SHRINK: Final = 4

TRAY_AGE: Final = 60.0
"""Seconds after which an entry that still waits in a tray has waited long."""
IN_USE: Final = Status(3, 2, "the queue is in use by another process")


class Custody:
    """Of the queue of a spool. One process has it, see :meth:`take`.

    Args:
        spool: where its files are.
        events: hears of damaged ones.
    """

    log: ClassVar = Logger()

    def __init__(self, spool: Spool, events: IEvents | None = None) -> None:
        self.spool: Final = spool
        self._events = events or Unheard()
        self.shelf: Final = spool.shelf
        self._reader = Reader(spool.shelf)
        self._emptying = Emptying(self._reader)
        self._places = Places()
        self._lock: int | None = None
        self._settling = Settling(spool, self._emptying, self._places)
        # one trip at a time: the journal of an entry has one writer
        self._records: Trips[Record, int] = Trips(
            spool.in_thread, self._record_all, spool.clock, together=64
        )
        self._removals: Trips[Named, None] = Trips(
            spool.in_thread, self._emptying.remove, spool.clock, together=256
        )
        self._loads: Trips[Named, Loaded | Problem] = Trips(
            spool.in_thread, self._emptying.load, spool.clock, together=32, at_once=4
        )

    async def take(self) -> None:
        """Become the one who carries.

        Raises:
            TemporaryFailure: another process is, or the disk is in trouble.
        """
        try:
            lock = await self.spool.in_thread(self._take)
        except OSError as problem:
            raise TemporaryFailure(IN_USE) from problem
        if lock is None:
            raise TemporaryFailure(IN_USE)
        self._lock = lock
        await self.tidy()

    async def tidy(self, *, everything: bool = False) -> None:
        """Give files of their own to entries that are in a tray for long.

        The same for trays that we were not told of, since who filled them died.

        Args:
            everything: look into all trays. Else those are spared that we were told of
                not long ago: we know what lies in them.
        """
        emptying, in_thread = self._emptying, self.spool.in_thread
        since = inf if everything else self.spool.clock.seconds() - TRAY_AGE
        for name in await in_thread(emptying.names):
            if self._places.is_fresh(name, since):
                continue
            try:
                problems = await in_thread(emptying.take_apart, name)
            except (OSError, TemporaryFailure) as failure:
                self._settling.complain(failure)
                continue
            if problems is not None:
                self._places.forget(name)
                for problem in problems:
                    self.tell(problem)

    def give_up(self) -> None:
        """Let another process have it; nothing may be under way any more. Blocks."""
        self._settling.end()
        self.spool.close()
        lock, self._lock = self._lock, None
        if lock is not None:
            self.shelf.files.close(lock)

    @property
    def is_idle(self) -> bool:
        """Nothing is on its way to the disk."""
        return self._records.is_idle and self._removals.is_idle

    # ---- entries

    def learn(self, entry_id: str, place: Place | None) -> None:
        """An entry has come that lies in a tray."""
        if place is not None:
            self._places.learn(entry_id, place, self.spool.clock.seconds())

    def _named(self, entry_id: str) -> Named:
        return Named(entry_id.encode(), self._places.get(entry_id))

    def load(self, entry_id: str, told: Told[Loaded | Problem]) -> None:
        """Read an entry and, if it is small, its content; :class:`Gone` if it is."""
        named = self._named(entry_id)
        peeked = self._emptying.peek(named)
        if peeked is not None:
            told(peeked)
            return

        def loaded(result: Loaded | Problem | BaseException) -> None:
            if isinstance(result, Gone):
                self._places.leave(entry_id)
            told(result)

        self._loads.put(named, loaded)

    async def found(self, entry_id: str) -> Loaded:
        """Read an entry.

        Raises:
            Gone: there is none, or it is damaged.
            TemporaryFailure: the disk does not give it.
        """
        try:
            result = await self._loads.do(self._named(entry_id))
        except OSError as problem:
            raise TemporaryFailure(SYSTEM_TROUBLE) from problem
        if isinstance(result, Loaded):
            return result
        if isinstance(result, Problem):
            self.tell(result)
        raise Gone(entry_id)

    async def record(
        self, entry: Entry, change: Change, journal_octets: int, *, torn: bool = False
    ) -> int:
        """Make a change durable.

        Args:
            entry: as it is after the change.
            change: what is new.
            journal_octets: of its journal; -1: there is none yet.
            torn: a change could not be written: the journal is written anew.

        Returns:
            the length of its journal.

        Raises:
            OSError: the next call has to say ``torn``.
        """
        anew = torn or (
            journal_octets > _LONG
            and journal_octets > _SHRINK * len(encode_state(entry))
        )
        named = self._named(entry.id)
        record = Record(named.name, encode_change(change), entry, anew, named.place)
        length = await self._records.do(record)
        if named.place is not None:
            self._settling.left(entry.id)
        return length

    def remove(self, entry_id: str, told: Told[None], *, has_journal: bool) -> None:
        """Remove an entry. It stays so if the process dies when ``told`` is called.

        The folder is synced a moment later, once for all that went meanwhile.
        """

        def gone(problem: BaseException | None) -> None:
            if problem is None:
                self._settling.left(entry_id, has_journal=has_journal)
            told(problem)

        named = self._named(entry_id)
        if self._emptying.end_at_once(named):
            gone(None)
        else:
            self._removals.put(named, gone)

    async def removed(self, entry_id: str) -> None:
        """Remove an entry, with its journal if it has one.

        Raises:
            OSError: it may still be there.
        """
        await self._removals.do(self._named(entry_id))
        self._settling.left(entry_id, has_journal=True)

    # ---- all of them

    async def all(
        self, *, tried: bool | None = None
    ) -> AsyncIterator[Sequence[Loaded]]:
        """All entries, a slice at a time, without contents.

        Args:
            tried: only those with a journal, or only those without one.
        """
        if tried is None:
            young = [self._named(name) for name in self._places.names()]
            for first in range(0, len(young), SLICE):
                some = young[first : first + SLICE]
                found = await self.spool.in_thread(self._emptying.load, some)
                yield [one for one in found if isinstance(one, Loaded)]
        names: Iterator[bytes] = self._reader.names(tried=tried)
        more = True
        while more:
            found, more = await self.spool.in_thread(
                self._reader.load_some, names, SLICE
            )
            for problem in found:
                if isinstance(problem, Problem):
                    self.tell(problem)
            yield [one for one in found if isinstance(one, Loaded)]

    async def sweep(self) -> int:
        """Remove what crashes have left of entries that never were; how many."""
        now = self.spool.clock.seconds()
        count: int = await self.spool.in_thread(self._reader.sweep, now)
        return count

    def tell(self, problem: Problem) -> None:
        """Somebody should look at a file."""
        self.log.warn(
            "queue file {queue_id}: {reason}"
            + (" (moved to corrupt/)" if problem.quarantined else ""),
            event="queue.entry.quarantined"
            if problem.quarantined
            else "queue.entry.unreadable",
            queue_id=problem.name.decode(errors="replace"),
            reason=problem.reason,
        )
        if problem.quarantined:
            name = problem.name.decode(errors="replace")
            now = self.spool.clock.seconds()
            self._events.tell(Event(Kind.DAMAGED, name, now, text=problem.reason))

    # ---- in a thread

    def _take(self) -> int | None:
        self.spool.prepare()
        return self.shelf.lock()

    def _record_all(self, records: Sequence[Record]) -> list[int | OSError]:
        """An entry that is recorded of has a file of its own."""
        moved = self._emptying.move_out([Named(r.name, r.place) for r in records])
        whole = [r for r, problem in zip(records, moved, strict=True) if not problem]
        lengths = iter(self.shelf.record(whole))
        return [problem or next(lengths) for problem in moved]

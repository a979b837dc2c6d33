"""What only the one who carries does with the queue's files: read, record, remove."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Sequence
from typing import ClassVar, Final

from twisted.internet.interfaces import IDelayedCall
from twisted.logger import Logger

from mailapp.core.failures import TemporaryFailure
from mailapp.core.status import SYSTEM_TROUBLE, Status
from mailapp.events.interfaces import IEvents, Unheard
from mailapp.events.record import Event, Kind
from mailapp.net.steps import run
from mailapp.queue.changes import Change, encode_change, encode_state
from mailapp.queue.reading import Gone, Loaded, Problem, Reader
from mailapp.queue.shelf import Record
from mailapp.queue.spool import Spool
from mailapp.queue.trips import Told, Trips
from mailapp.queue.types import Entry

SLICE: Final = 200
"""Entries that are looked at in one trip when all are."""
_LONG: Final = 64 * 1024
"""A journal of so many octets may be written anew, if that makes it much shorter."""
_SHRINK: Final = 4

SYNC_DELAY: Final = 0.1
"""Seconds after which removals are durable, at the latest."""
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
        self._lock: int | None = None
        self._journals: list[bytes] = []
        self._finishing: IDelayedCall | None = None
        # one trip at a time: the journal of an entry has one writer
        self._records: Trips[Record, int | OSError] = Trips(
            spool.in_thread, self.shelf.record, spool.clock, together=64
        )
        self._removals: Trips[bytes, OSError | None] = Trips(
            spool.in_thread, self.shelf.remove, spool.clock, together=256
        )
        self._loads: Trips[bytes, Loaded | Problem | Exception] = Trips(
            spool.in_thread, self._load_all, spool.clock, together=32, at_once=4
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

    def give_up(self) -> None:
        """Let another process have it; nothing may be under way any more. Blocks."""
        if self._finishing is not None:
            self._finishing.cancel()
            self._finishing = None
            self._complain(self.shelf.finish(self._journals))
            self._journals = []
        lock, self._lock = self._lock, None
        if lock is not None:
            self.shelf.files.close(lock)

    @property
    def is_idle(self) -> bool:
        """Nothing is on its way to the disk."""
        return self._records.is_idle and self._removals.is_idle

    # ---- entries

    def load(self, entry_id: str, told: Told[Loaded | Problem | Exception]) -> None:
        """Read an entry and, if it is small, its content; :class:`Gone` if it is."""
        self._loads.put(entry_id.encode(), told)

    async def found(self, entry_id: str) -> Loaded:
        """Read an entry.

        Raises:
            Gone: there is none, or it is damaged.
            TemporaryFailure: the disk does not give it.
        """
        try:
            result = await self._loads.do(entry_id.encode())
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
        record = Record(entry.id.encode(), encode_change(change), entry, anew)
        length = await self._records.do(record)
        assert isinstance(length, int)  # noqa: S101 - an exception was raised
        return length

    def remove(
        self, entry_id: str, told: Told[OSError | None], *, has_journal: bool
    ) -> None:
        """Remove an entry. It stays so if the process dies when ``told`` is called.

        The folder is synced a moment later, once for all that went meanwhile.
        """

        def gone(problem: BaseException | None) -> None:
            if problem is None:
                self._finish_later(entry_id, has_journal=has_journal)
            told(problem)

        self._removals.put(entry_id.encode(), gone)

    async def removed(self, entry_id: str) -> None:
        """Remove an entry, with its journal if it has one.

        Raises:
            OSError: it may still be there.
        """
        _ = await self._removals.do(entry_id.encode())
        self._finish_later(entry_id, has_journal=True)

    def _finish_later(self, entry_id: str, *, has_journal: bool) -> None:
        if has_journal:
            self._journals.append(entry_id.encode())
        if self._finishing is None:
            self._finishing = self.spool.clock.callLater(SYNC_DELAY, self._finish)

    def _finish(self) -> None:
        self._finishing = None
        names, self._journals = self._journals, []
        run(self._finish_in_thread(names), self._complain, self._complain)

    async def _finish_in_thread(self, names: Sequence[bytes]) -> OSError | None:
        problem: OSError | None = await self.spool.in_thread(self.shelf.finish, names)
        return problem

    def _complain(self, problem: BaseException | None) -> None:
        if problem is not None:
            self.log.error(
                "removals from the queue may not last: {reason}",
                event="queue.removal.failed",
                reason=str(problem),
            )

    # ---- all of them

    async def all(
        self, *, tried: bool | None = None
    ) -> AsyncIterator[Sequence[Loaded]]:
        """All entries, a slice at a time, without contents.

        Args:
            tried: only those with a journal, or only those without one.
        """
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

    def _load_all(self, names: Sequence[bytes]) -> list[Loaded | Problem | Exception]:
        return [self._load_one(name) for name in names]

    def _load_one(self, name: bytes) -> Loaded | Problem | Exception:
        try:
            return self._reader.load(name)
        except (Gone, OSError) as problem:
            return problem

"""Puts messages into the queue: what every process that receives mail does."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Sequence
from itertools import count
from pathlib import Path
from typing import Final
from zlib import crc32

from attrs import define
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from zope.interface import implementer

from mailapp.core.envelope import Envelope
from mailapp.core.failures import TemporaryFailure
from mailapp.core.status import SYSTEM_FULL, SYSTEM_TROUBLE
from mailapp.net.threads import InThread
from mailapp.net.trips import Trips, now
from mailapp.queue.filling import Filling
from mailapp.queue.interfaces import IQueue, IQueuedBody
from mailapp.queue.reading import SMALL
from mailapp.queue.record import encode_trailer, is_entry_id
from mailapp.queue.shelf import Draft, Shelf
from mailapp.queue.tray import Place
from mailapp.queue.types import Entry
from mailapp.storage.files import Files

BATCH: Final = 256 * 1024
"""A large content goes to its file in pieces of about this size, a trip each."""
MEMORY: Final = 16 * 1024 * 1024
"""Octets that the contents of all entries of a process may take before their commit."""
_FULL: Final = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}

Arrived = Callable[[Entry, bytes | None, Place | None], object]
"""Told of each entry that was committed, with its content if that is in memory, and
where it lies if that is in a tray."""


def failure_of(problem: BaseException) -> BaseException:
    """What a failure of the disk is to who waits: 4.3.1 if it is full, else 4.3.0."""
    if isinstance(problem, OSError):
        full = problem.errno in _FULL
        failure = TemporaryFailure(SYSTEM_FULL if full else SYSTEM_TROUBLE)
        failure.__cause__ = problem
        return failure
    return problem


@implementer(IQueue)
class Spool:
    """See :class:`IQueue`. One for each process; any number may add to one queue.

    Args:
        directory: of the queue; made when it is first used.
        in_thread: for all work with files.
        files: the disk.
        clock: seconds since the epoch.
        soon: calls what takes entries to a thread, now, or when more may have come.

    Attributes:
        arrived: may be set, to hand over what was committed to who carries it, or to
            tell the process that does.
    """

    def __init__(
        self,
        directory: Path,
        in_thread: InThread,
        files: Files,
        clock: IReactorTime,
        soon: Callable[[Callable[[], None]], object] = now,
    ) -> None:
        self.shelf: Final = Shelf(os.fsencode(directory), files)
        self.in_thread: Final = in_thread
        self.clock: Final = clock
        self.arrived: Arrived = nobody
        self.free_memory = MEMORY
        self.commits: Final[Trips[Draft, None]] = Trips(
            in_thread, self._commit, clock, at_once=64, soon=soon
        )
        self._filling = Filling(self.shelf)
        self._prepared = False
        self._unique = f"{os.getpid()}-{os.urandom(6).hex()}".encode()
        self._numbers = count(1)

    def stage(self) -> QueuedBody:
        """See :class:`IQueue`."""
        return QueuedBody(self)

    def scratch(self) -> bytes:
        """A path in ``tmp`` that nothing else has."""
        name = b"%s-%d" % (self._unique, next(self._numbers))
        return self.shelf.folder(b"tmp/") + name

    def spill(self, draft: Draft) -> None:
        """In a thread: write what is there of a large draft."""
        self.prepare()
        self.shelf.begin(draft)

    def prepare(self) -> None:
        """In a thread: the folders are there."""
        if not self._prepared:
            self.shelf.prepare()
            self._prepared = True

    def _commit(self, drafts: Sequence[Draft]) -> list[OSError | None]:
        try:
            self.prepare()
        except OSError as problem:
            return [problem] * len(drafts)
        small = [draft for draft in drafts if self._filling.fits(draft)]
        large = [draft for draft in drafts if not self._filling.fits(draft)]
        problems = dict(zip(small, self._filling.commit(small), strict=True))
        if large:
            problems.update(zip(large, self.shelf.commit(large), strict=True))
        return [problems[draft] for draft in drafts]

    def close(self) -> None:
        """Leave the trays to who empties them; what is committed later gets others."""
        self._filling.close()


def nobody(entry: Entry, octets: bytes | None, place: Place | None) -> None:
    """Nobody carries what is committed by this process."""
    del entry, octets, place


@define(eq=False)
class _Seal:
    """What is known of a content while it is written."""

    octets: int = 0
    crc: int = 0
    eight_bit: bool = False

    def add(self, chunk: bytes) -> None:
        self.octets += len(chunk)
        self.crc = crc32(chunk, self.crc)
        if not self.eight_bit and not chunk.isascii():
            self.eight_bit = True


@implementer(IQueuedBody)
class QueuedBody:
    """See :class:`IQueuedBody`: in memory while it is small, else in a file."""

    def __init__(self, spool: Spool) -> None:
        self._spool = spool
        self._seal = _Seal()
        self._chunks: list[bytes] = []
        self._held = 0
        self._taken = 0
        self._draft: Draft | None = None
        self._usable = True
        self._lent = False

    async def write(self, octets: bytes) -> None:
        """See :class:`IQueuedBody`."""
        if not self._usable:
            raise TemporaryFailure(SYSTEM_TROUBLE)
        self._seal.add(octets)
        self._chunks.append(octets)
        self._held += len(octets)
        if self._draft is None and self._held <= SMALL:
            if self._spool.free_memory >= len(octets):
                self._spool.free_memory -= len(octets)
                self._taken += len(octets)
                return
        elif self._draft is not None and self._held < BATCH:
            return
        await self._spill()

    async def commit(self, envelope: Envelope) -> None:
        """See :class:`IQueuedBody`."""
        if not self._usable or not is_entry_id(envelope.id):
            self.abort()
            raise TemporaryFailure(SYSTEM_TROUBLE)
        self._usable = False
        spool, seal = self._spool, self._seal
        queued_at = spool.clock.seconds()
        trailer = encode_trailer(
            envelope,
            queued_at=queued_at,
            eight_bit=seal.eight_bit,
            content_octets=seal.octets,
            content_crc=seal.crc,
        )
        octets = b"".join(self._chunks)
        draft = self._draft or Draft(b"", b"", spool.scratch())
        draft.name = envelope.id.encode("ascii")
        draft.octets = octets + trailer
        content = octets if self._draft is None else None
        self._draft = None  # the shelf's now
        entry = Entry(envelope, seal.octets, seal.eight_bit, queued_at)
        told: Deferred[None] = Deferred()

        def done(problem: BaseException | None) -> None:
            """It counts also if nobody waits for it any more."""
            self._let_go()
            if problem is None:
                spool.arrived(entry, content, draft.place)
            elif not isinstance(problem, OSError):
                spool.shelf.discard(draft)
            if not told.called:
                if problem is None:
                    told.callback(None)
                else:
                    told.errback(failure_of(problem))

        spool.commits.put(draft, done)
        await told

    def abort(self) -> None:
        """See :class:`IQueuedBody`."""
        self._usable = False
        self._let_go()
        draft, self._draft = self._draft, None
        if draft is not None and not self._lent:
            self._spool.shelf.discard(draft)

    def _let_go(self) -> None:
        self._chunks.clear()
        self._spool.free_memory += self._taken
        self._taken = 0

    async def _spill(self) -> None:
        """Write what is held to the file.

        An abort meanwhile is heeded when the thread is back.
        """
        draft = self._draft
        if draft is None:
            draft = self._draft = Draft(b"", b"", self._spool.scratch())
        draft.octets = b"".join(self._chunks)
        self._let_go()
        self._held = 0
        self._lent = True
        try:
            await self._spool.in_thread(self._spool.spill, draft)
        except Exception as problem:
            self._usable = False
            raise failure_of(problem) from problem
        finally:
            self._lent = False
            if not self._usable:
                self._draft = None
                self._spool.shelf.discard(draft)

"""Takes the body of one message: in memory while it is small, else into a file."""

from __future__ import annotations

from contextlib import suppress
from typing import Final

from attrs import define, frozen
from zope.interface import implementer

from mailapp.core.failures import TemporaryFailure
from mailapp.net.threads import InThread
from mailapp.storage.files import Files
from mailapp.storage.interfaces import IBlobSink
from mailapp.storage.maildir.deliver import Body
from mailapp.storage.maildir.errors import disk_errors
from mailapp.storage.maildir.filename import UniqueNames
from mailapp.storage.maildir.wire import ToDisk
from mailapp.storage.types import BlobRef, Unavailable

SMALL: Final = 64 * 1024
"""Up to so many octets a body stays in memory, if there is room for it."""
BATCH: Final = 256 * 1024
"""A larger body goes to its file in pieces of about this size, a thread trip each."""


@define(eq=False)
class Memory:
    """What all sinks of a store may hold in memory together, in octets."""

    free: int

    def take(self, octets: int) -> bool:
        """Take room for so many, if there is."""
        if octets > self.free:
            return False
        self.free -= octets
        return True


@frozen
class SinkParts:
    """What a sink needs of its store.

    Attributes:
        directory: where a body goes that does not stay in memory: on the same file
            system as the mailboxes.
        as_lf: line ends lie on disk as LF.
    """

    files: Files
    unique: UniqueNames
    in_thread: InThread
    memory: Memory
    directory: bytes
    as_lf: bool = False


@implementer(IBlobSink)
class Sink:
    """See :class:`IBlobSink`. A failed write aborts it."""

    def __init__(self, parts: SinkParts) -> None:
        self.size_octets = 0
        self._parts = parts
        self._to_disk = ToDisk() if parts.as_lf else None
        self._chunks: list[bytes] = []
        self._held = 0
        self._on_disk = 0
        self._taken = 0
        self._fd: int | None = None
        self._path: bytes | None = None
        self._usable = True
        self._lent = False

    async def write(self, octets: bytes) -> None:
        """See :class:`IBlobSink`."""
        if not self._usable:
            raise Unavailable
        self.size_octets += len(octets)
        if self._to_disk is not None:
            octets = self._to_disk.convert(octets)
        self._chunks.append(octets)
        self._held += len(octets)
        if self._path is None and self._held <= SMALL:
            if self._parts.memory.take(len(octets)):
                self._taken += len(octets)
                return
        elif self._path is not None and self._held < BATCH:
            return
        await self._run(self._spill)

    async def done(self) -> BlobRef:
        """See :class:`IBlobSink`: for :class:`Staged`, which knows where it lies."""
        raise Unavailable

    async def ready(self) -> BlobRef:
        """See :class:`IBlobSink`."""
        return await self.done()

    @property
    def in_memory(self) -> bool:
        """All of it is."""
        return self._path is None

    def lend(self) -> None:
        """A thread works with it from now on: an abort waits until it is back."""
        self._lent = True

    def take_back(self) -> None:
        """The thread is done with it: give up what is left."""
        self._lent = False
        self.abort()

    def abort(self) -> None:
        """See :class:`IBlobSink`."""
        if self._lent:
            return
        self._usable = False
        self._chunks.clear()
        self._parts.memory.free += self._taken
        self._taken = 0
        fd, self._fd = self._fd, None
        path, self._path = self._path, None
        with suppress(OSError):
            if fd is not None:
                self._parts.files.close(fd)
            if path is not None:
                self._parts.files.unlink(path)

    def finish(self) -> Body:
        """The body, in memory or durable in a file that is the caller's now.

        Blocks: call it in a thread.

        Raises:
            OSError: nothing was kept.
            Unavailable: the sink is used up.
        """
        if not self._usable:
            raise Unavailable
        self._usable = False
        if self._to_disk is not None:
            self._add(self._to_disk.rest())
        if self._path is None:
            octets = b"".join(self._chunks)
            return Body(len(octets), self.size_octets, octets=octets)
        self._spill()
        return self._durable()

    def finish_in_file(self, path: bytes) -> Body:
        """As :meth:`finish`, but always in a file: ``path`` if there is none yet."""
        if self._usable and self._path is None:
            self._begin(path)
        return self.finish()

    def _durable(self) -> Body:
        fd, self._fd = self._fd, None
        if fd is None or self._path is None:
            raise Unavailable
        try:
            self._parts.files.fsync(fd)
        finally:
            self._parts.files.close(fd)
        path, self._path = self._path, None
        return Body(self._on_disk, self.size_octets, path=path)

    def _add(self, octets: bytes) -> None:
        if octets:
            self._chunks.append(octets)
            self._held += len(octets)

    def _begin(self, path: bytes) -> None:
        self._fd = self._parts.files.create(path)
        self._path = path

    def _spill(self) -> None:
        """Write what is held to the file; in a thread."""
        if self._fd is None:
            files = self._parts.files
            name = self._parts.unique.next(files.now())
            self._begin(self._parts.directory + b"/" + name)
        octets = b"".join(self._chunks)
        if octets and self._fd is not None:
            self._parts.files.write(self._fd, octets)
            self._on_disk += len(octets)
        self._chunks.clear()
        self._held = 0

    async def _run(self, work: object) -> None:
        try:
            with disk_errors():
                await self._parts.in_thread(work)
        except TemporaryFailure as failure:
            self.abort()
            raise Unavailable from failure
        except Exception:
            self.abort()
            raise
        self._parts.memory.free += self._taken
        self._taken = 0


class StagedSink(Sink):
    """A sink whose body lies durably in the account until a commit refers to it.

    Args:
        parts: of the store, for this account.
        held: the account's sinks whose bodies a commit will make durable.
    """

    def __init__(self, parts: SinkParts, held: dict[BlobRef, StagedSink]) -> None:
        super().__init__(parts)
        self._all = held
        self._reference: BlobRef | None = None

    async def done(self) -> BlobRef:
        """See :class:`IBlobSink`."""
        name = self._parts.unique.next(self._parts.files.now())
        try:
            with disk_errors():
                body: Body = await self._parts.in_thread(self._stage, name)
        except TemporaryFailure as failure:
            self.abort()
            raise Unavailable from failure
        except Exception:
            self.abort()
            raise
        finally:
            self._parts.memory.free += self._taken
            self._taken = 0
        assert body.path is not None  # noqa: S101 - finish_in_file says so
        return staged_reference(body)

    async def ready(self) -> BlobRef:
        """See :class:`IBlobSink`: what is in memory waits there for its commit."""
        if not (self.in_memory and self._usable):
            return await self.done()
        if self._to_disk is not None:
            self._add(self._to_disk.rest())
            self._to_disk = None
        name = self._parts.unique.next(self._parts.files.now())
        self._reference = reference(name, self._held, self.size_octets)
        self._all[self._reference] = self
        return self._reference

    def begin(self) -> None:
        """Have the disk begin with it. In a thread, while it is lent."""
        if self._usable and self._reference is not None and self.in_memory:
            self._begin(self._staged(self._reference[2:].partition(b",")[0]))
            self._spill()
            if self._fd is not None:
                self._parts.files.start_writing(self._fd)

    def settle(self) -> None:
        """Have it lie durably where its reference says. Likewise, after ``begin``."""
        if self._usable and self._reference is not None:
            self.finish()

    def abort(self) -> None:
        """See :class:`IBlobSink`."""
        if self._reference is not None and not self._lent:
            self._all.pop(self._reference, None)
        super().abort()

    def _stage(self, name: bytes) -> Body:
        return self.finish_in_file(self._staged(name))

    def _staged(self, name: bytes) -> bytes:
        return self._parts.directory + b"/" + name


def staged_reference(body: Body) -> BlobRef:
    """Names a staged body in an account."""
    name = (body.path or b"").rpartition(b"/")[2]
    return reference(name, body.size, body.wire)


def reference(name: bytes, size: int, wire: int) -> BlobRef:
    """As :func:`staged_reference`, from the name of its file."""
    return BlobRef(b"0/%b,S=%d,W=%d" % (name, size, wire))

"""The queue's files, and the order in which they change. All of it blocks.

::

    <queue>/trays/<name>       entries that have just come: see tray.py
    <queue>/entries/<id>       an entry: see record.py
    <queue>/entries/<id>.log   what became of it so far: see changes.py
    <queue>/tmp/               entries that are being written
    <queue>/corrupt/           what is damaged, for a person to look at
    <queue>/lock               locked by the one who carries
    <queue>/control            the socket where commands are taken

A file in ``entries`` is in the queue, and so is what waits in a tray;
``docs/queue.rst`` has the table of states, with what a crash at each step leaves.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Final, TypeVar

from attrs import define, frozen

from mailapp.queue.changes import encode_state
from mailapp.queue.tray import Place
from mailapp.queue.types import Entry
from mailapp.storage.files import Directory, Files

LOG: Final = b".log"
"""Ends the name of a journal."""
_T = TypeVar("_T")


@define(eq=False)
class Draft:
    """An entry that is to be committed.

    Attributes:
        name: what it will be called.
        octets: what is still to be written: content and trailer, or the rest of them.
        path: its file in ``tmp``.
        fd: of that file, or -1: there is none yet. It is the shelf's from now on.
        place: where it lies once it is committed; None: in a file of its own.
    """

    name: bytes
    octets: bytes
    path: bytes
    fd: int = -1
    place: Place | None = None


@frozen
class Record:
    """A change of an entry, to be made durable.

    Attributes:
        place: where it lies, if that is in a tray.
        line: of the journal.
        entry: as it is after the change; used to write the journal anew.
        anew: the journal is too long, or its end may be torn.
    """

    name: bytes
    line: bytes
    entry: Entry
    anew: bool = False
    place: Place | None = None


class Shelf:
    """The files of one queue. Several threads, and processes, may use it."""

    def __init__(self, directory: bytes, files: Files) -> None:
        self.directory: Final = directory
        self.files: Final = files
        self.entries: Final = directory + b"/entries"
        self._trays: Final = directory + b"/trays"
        self._held: dict[bytes, Directory] = {}

    def prepare(self) -> None:
        """Make the folders that are not there; each is durable at return."""
        files = self.files
        _make(files, self.directory)
        for name in b"entries", b"trays", b"tmp", b"corrupt":
            _make(files, self.folder(name))

    def folder(self, name: bytes) -> bytes:
        """The path of one of the folders."""
        return self.directory + b"/" + name

    def path(self, name: bytes) -> bytes:
        """Where an entry lies."""
        return self.entries + b"/" + name

    def tray(self, name: str) -> bytes:
        """The path of a tray."""
        return b"%b/%b" % (self._trays, name.encode("ascii"))

    def lock(self) -> int | None:
        """Become the one who carries; a descriptor to hold, None: another one is."""
        fd = self.files.open_scratch(self.folder(b"lock"))
        if self.files.lock(fd, wait=False):
            return fd
        self.files.close(fd)
        return None

    # ---- coming

    def commit(self, drafts: Sequence[Draft]) -> list[OSError | None]:
        """Put entries into the queue, durably; why not, for those that are not.

        Write, fsync, rename; one fsync of the folder for all. Until the rename a draft
        is nothing. If the folder can't be synced the entries are removed again. After
        an fsync that failed the file is removed and never synced again.
        """
        problems: list[OSError | None] = [_try(self._write, draft) for draft in drafts]
        if len(drafts) > 1:
            for draft in drafts:
                if draft.fd >= 0:
                    with suppress(OSError):
                        self.files.start_writing(draft.fd)
        for place, draft in enumerate(drafts):
            problems[place] = problems[place] or _try(self._settle, draft)
        named = [draft for draft, bad in zip(drafts, problems, strict=True) if not bad]
        unsynced = self.sync() if named else None
        for place, draft in enumerate(drafts):
            if problems[place] is not None:
                self.discard(draft)
            elif unsynced is not None:
                problems[place] = unsynced
                with suppress(OSError):
                    self.files.unlink(self.path(draft.name))
        return problems

    def begin(self, draft: Draft) -> None:
        """Write what is there of a draft that is too large for the memory.

        Raises:
            OSError: the caller discards it.
        """
        if draft.fd < 0:
            draft.fd = self.files.create(draft.path)
        octets, draft.octets = draft.octets, b""
        self.files.write(draft.fd, octets)

    def discard(self, draft: Draft) -> None:
        """Forget a draft."""
        if draft.fd >= 0:
            fd, draft.fd = draft.fd, -1
            with suppress(OSError):
                self.files.close(fd)
        with suppress(OSError):
            self.files.unlink(draft.path)

    def _write(self, draft: Draft) -> None:
        if self.files.exists(self.path(draft.name)):
            raise FileExistsError(draft.name)
        self.begin(draft)

    def _settle(self, draft: Draft) -> None:
        fd, draft.fd = draft.fd, -1
        try:
            self.files.fsync(fd)
        finally:
            self.files.close(fd)
        self.files.rename_into(draft.path, self._directory(self.entries), draft.name)

    # ---- changing

    def record(self, records: Sequence[Record]) -> list[int | OSError]:
        """Make changes durable; the length of each journal, or why it has not changed.

        Append and fsync. A journal that is new, or written anew (beside, fsync, rename)
        needs the folder synced too.
        """
        results: list[int | OSError] = []
        named = False
        for record in records:
            try:
                octets, new = self._append(record)
            except OSError as problem:
                results.append(problem)
            else:
                results.append(octets)
                named = named or new
        unsynced = self.sync() if named else None
        return results if unsynced is None else [unsynced] * len(records)

    def _append(self, record: Record) -> tuple[int, bool]:
        """Octets of the journal, and whether it has a new name."""
        files, path = self.files, self.path(record.name) + LOG
        if record.anew:
            fresh = self.folder(b"tmp/") + record.name + LOG
            with suppress(FileNotFoundError):
                files.unlink(fresh)
            octets = self._write_synced(files.create(fresh), encode_state(record.entry))
            files.rename(fresh, path)
            return octets, True
        try:
            fd, new = files.open_append(path), False
        except FileNotFoundError:
            fd, new = files.create(path), True
        return self._write_synced(fd, record.line), new

    def _write_synced(self, fd: int, octets: bytes) -> int:
        try:
            self.files.write(fd, octets)
            self.files.fsync(fd)
            return self.files.size(fd)
        finally:
            self.files.close(fd)

    # ---- going

    def remove(self, names: Sequence[bytes]) -> list[OSError | None]:
        """Remove entries; durable after :meth:`finish`."""
        return [_try(self._unlink, self.path(name)) for name in names]

    def finish(self, names: Sequence[bytes]) -> OSError | None:
        """Make removals durable, then remove the journals of these entries.

        A journal that were gone before its entry would let it be sent again. One that
        is left without its entry is removed by the next who looks through the queue.
        """
        problem = self.sync()
        if problem is None:
            for name in names:
                with suppress(OSError):
                    self.files.unlink(self.path(name) + LOG)
        return problem

    def _unlink(self, path: bytes) -> None:
        with suppress(FileNotFoundError):
            self.files.unlink(path)

    # ---- the folders

    def _directory(self, path: bytes) -> Directory:
        held = self._held.get(path)
        if held is None:
            held = self._held[path] = self.files.directory(path)
        return held

    def sync(self) -> OSError | None:
        """Make the names of all entries durable; why that can't be."""
        return self._sync(self.entries)

    def sync_trays(self) -> OSError | None:
        """Make the names of all trays durable; why that can't be."""
        return self._sync(self._trays)

    def _sync(self, path: bytes) -> OSError | None:
        try:
            self.files.sync(self._directory(path))
        except OSError as problem:
            self._held.pop(path, None)
            return problem
        return None


def _try(step: Callable[[_T], None], argument: _T) -> OSError | None:
    try:
        step(argument)
    except OSError as problem:
        return problem
    return None


def _make(files: Files, path: bytes) -> None:
    with suppress(FileExistsError):
        files.mkdir(path)
        files.sync_directory(path.rpartition(b"/")[0] or b"/")

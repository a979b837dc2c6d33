"""Takes entries out of trays: what only the one who carries does. All of it blocks.

An entry leaves its tray in one of two ways. Either it is done: then ``ENDED`` is put
into its head. Or it has to wait: then it gets a file of its own, durably, before the
tray answers for it no more. What is done with a section goes by its head, so that it
does not matter if the caller has not heard yet that the entry was moved.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from contextlib import suppress
from threading import Lock
from typing import Final

from attrs import frozen

from mailapp.queue.reading import Loaded, Problem, Reader, read_octets
from mailapp.queue.record import Corrupt, TooNew
from mailapp.queue.shelf import Draft, Shelf
from mailapp.queue.tray import (
    ENDED,
    HEAD,
    STATE_AT,
    Place,
    Section,
    sections,
    waits,
)
from mailapp.storage.files import Files

_HELD: Final = 16
"""Trays that are kept open, to read what comes in them."""
_TOGETHER: Final = 64
"""Entries that get their own files together."""


@frozen
class Named:
    """An entry, and the place in a tray where it was put, if it was."""

    name: bytes
    place: Place | None


class Emptying:
    """The trays of a queue. Several threads may use it, of one process."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        self._shelf = reader.shelf
        self._files = reader.files
        self._leaving = Lock()
        self._held: OrderedDict[str, _Held] = OrderedDict()

    # ---- single entries

    def peek(self, wanted: Named) -> Loaded | Problem | None:
        """Read an entry if that needs no waiting: who told of it has just written it.

        Returns:
            None: it has to be loaded.
        """
        place = wanted.place
        held = None if place is None else self._held.get(place.tray)
        if held is None or place is None:
            return None
        try:
            octets = self._files.read_cached(held.fd, place.start, HEAD + place.octets)
        except OSError:
            return None
        if octets is None or not waits(place.tray, octets):
            return None
        return self._reader.decode(wanted.name, octets[HEAD:])

    def end_at_once(self, wanted: Named) -> bool:
        """Remove an entry if that needs no waiting; False: it has to be removed.

        It stays so if the process dies: a word in the page cache, as with a thread.
        """
        place = wanted.place
        held = None if place is None else self._held.get(place.tray)
        if held is None or place is None or not self._leaving.acquire(blocking=False):
            return False
        try:
            head = self._files.read_cached(held.fd, place.start, HEAD)
            if head is None or not waits(place.tray, head):
                return False
            self._files.overwrite(held.fd, ENDED, place.start + STATE_AT)
        except OSError:
            return False
        finally:
            self._leaving.release()
        return True

    def _hold(self, name: str) -> None:
        """Keep a tray open, and not too many."""
        with suppress(OSError):
            fd = self._files.open_overwrite(self._shelf.tray(name))
            self._held[name] = _Held(self._files, fd)
        while len(self._held) > _HELD:
            self._held.popitem(last=False)

    def _let_go(self, name: str) -> None:
        """Hold a tray that goes no longer: open, it takes the disk's room."""
        self._held.pop(name, None)

    def load(self, wanted: Sequence[Named]) -> list[Loaded | Problem | Exception]:
        """Read entries, wherever they are; what keeps one from being read."""
        with self._open() as trays:
            return [self._load(trays, one) for one in wanted]

    def _load(self, trays: _Trays, one: Named) -> Loaded | Problem | Exception:
        try:
            if one.place is not None:
                octets = trays.read(one.place)
                if octets is not None:
                    if one.place.tray not in self._held:
                        self._hold(one.place.tray)
                    return self._reader.decode(one.name, octets)
            return self._reader.load(one.name)
        except (KeyError, OSError) as problem:
            return problem

    def remove(self, wanted: Sequence[Named]) -> list[OSError | None]:
        """Remove entries; durable after :meth:`settle` and :meth:`Shelf.finish`."""
        with self._open() as trays, self._leaving:
            return [self._remove(trays, one) for one in wanted]

    def _remove(self, trays: _Trays, one: Named) -> OSError | None:
        try:
            if one.place is not None and trays.waits(one.place):
                trays.end(one.place)
                return None
        except OSError as problem:
            return problem
        return self._shelf.remove([one.name])[0]

    def move_out(self, wanted: Sequence[Named]) -> list[OSError | None]:
        """Give entries files of their own, durably; why not, for those that fail."""
        with self._open() as trays, self._leaving:
            return [self._move_out(trays, one) for one in wanted]

    def _move_out(self, trays: _Trays, one: Named) -> OSError | None:
        if one.place is None:
            return None
        try:
            octets = trays.read(one.place)
            if octets is None:
                return None
            problem = self._put([(one.name, octets)])[0]
            if problem is None:
                trays.end(one.place)
                self._files.fsync(trays.fd(one.place.tray))
        except OSError as failure:
            return failure
        return problem

    def _put(self, entries: Sequence[tuple[bytes, bytes]]) -> list[OSError | None]:
        """Make files of entries, durably. One that is there was made by us before."""
        drafts = []
        for name, octets in entries:
            path = self._shelf.folder(b"tmp/") + name
            with suppress(FileNotFoundError):
                self._files.unlink(path)
            drafts.append(Draft(name, octets, path))
        problems = self._shelf.commit(drafts)
        if any(isinstance(problem, FileExistsError) for problem in problems):
            unsynced = self._shelf.sync()
            there = FileExistsError
            problems = [unsynced if isinstance(p, there) else p for p in problems]
        return problems

    # ---- whole trays

    def settle(
        self, touched: Mapping[str, int | None]
    ) -> tuple[OSError | None, Sequence[str]]:
        """Make durable what has left; remove the trays that are as long as told.

        One that is longer has entries that we were not told of, and one that is locked
        may still get some.

        Returns:
            why it may not last, and the trays that are gone.
        """
        problem: OSError | None = None
        gone: list[str] = []
        for name, octets in touched.items():
            try:
                if self._settle(name, octets):
                    gone.append(name)
            except FileNotFoundError:
                gone.append(name)
            except OSError as failure:
                problem = failure
        return (self._shelf.sync_trays() if gone else None) or problem, gone

    def _settle(self, name: str, octets: int | None) -> bool:
        files, path = self._files, self._shelf.tray(name)
        fd = files.open_overwrite(path)
        try:
            may_go = octets is not None and files.lock(fd, wait=False)
            if may_go and files.size(fd) == octets:
                files.unlink(path)
                self._let_go(name)
                return True
            files.fsync(fd)
        finally:
            files.close(fd)
        return False

    def names(self) -> list[str]:
        """All trays."""
        names = self._files.names(self._shelf.folder(b"trays"))
        return [name.decode("ascii", "replace") for name in names]

    def take_apart(self, name: str) -> Sequence[Problem] | None:
        """Give all entries of a tray files of their own, and remove it if we may.

        Returns:
            What is damaged; None: some entries are still there.

        Raises:
            OSError: likewise.
        """
        files, path = self._files, self._shelf.tray(name)
        fd = files.open_overwrite(path)
        try:
            with self._leaving:
                length = files.size(fd)
                octets = files.read(fd, 0, length)
                bad = self._empty(fd, name, octets)
                files.fsync(fd)
            if bad is None:
                return None
            if not files.lock(fd, wait=False) or files.size(fd) != length:
                return ()  # somebody fills it
            return self._discard(name, bad)
        finally:
            files.close(fd)

    def _empty(self, fd: int, name: str, octets: bytes) -> Sequence[Section] | None:
        """Move all out that waits; sections that surely were committed, and are bad.

        A bad section behind which no other batch was written is what a power cut left:
        it was never acknowledged.
        """
        found = list(sections(name, octets))
        good: list[tuple[Section, bytes, bytes]] = []
        bad: list[Section] = []
        for section in found:
            at = section.place.entry_start
            entry = octets[at : at + section.place.octets]
            if section.waits:
                try:
                    loaded, _ = read_octets(entry)
                    good.append((section, loaded.id.encode(), entry))
                except (Corrupt, TooNew):
                    bad.append(section)
        moved = True
        for first in range(0, len(good), _TOGETHER):
            some = good[first : first + _TOGETHER]
            problems = self._put([(entry_id, entry) for _, entry_id, entry in some])
            for (section, _, _), problem in zip(some, problems, strict=True):
                if problem is None:
                    self._files.overwrite(fd, ENDED, section.place.start + STATE_AT)
                moved = moved and problem is None
        synced = max((section.batch_start for section in found), default=0)
        return [s for s in bad if s.place.start < synced] if moved else None

    def _discard(self, name: str, bad: Sequence[Section]) -> Sequence[Problem]:
        files, path = self._files, self._shelf.tray(name)
        self._let_go(name)
        if not bad:
            files.unlink(path)
            _ = self._shelf.sync_trays()
            return ()
        aside = self._shelf.folder(b"corrupt/") + name.encode("ascii")
        files.rename(path, aside)
        files.sync_directory(self._shelf.folder(b"corrupt"))
        return [
            Problem(
                name.encode("ascii"),
                f"the entry at {section.place.start} is damaged",
                quarantined=self._shelf.sync_trays() is None,
            )
            for section in bad
        ]

    def _open(self) -> _Trays:
        return _Trays(self._shelf)


class _Held:
    """A tray held open, until the last who reads lets go of it."""

    __slots__ = ("_files", "fd")

    def __init__(self, files: Files, fd: int) -> None:
        self._files = files
        self.fd: Final = fd

    def __del__(self) -> None:
        self._files.close(self.fd)


class _Trays:
    """Trays that are open for one trip."""

    def __init__(self, shelf: Shelf) -> None:
        self._shelf = shelf
        self._files = shelf.files
        self._fds: dict[str, int] = {}

    def __enter__(self) -> _Trays:
        return self

    def __exit__(self, *_: object) -> None:
        for fd in self._fds.values():
            self._files.close(fd)

    def fd(self, name: str) -> int:
        """A descriptor of a tray."""
        fd = self._fds.get(name)
        if fd is None:
            fd = self._files.open_overwrite(self._shelf.tray(name))
            self._fds[name] = fd
        return fd

    def read(self, place: Place) -> bytes | None:
        """An entry; None: the tray does not answer for it."""
        octets = self._read(place, HEAD + place.octets)
        return octets[HEAD:] if waits(place.tray, octets) else None

    def waits(self, place: Place) -> bool:
        """The tray answers for an entry."""
        return waits(place.tray, self._read(place, HEAD))

    def end(self, place: Place) -> None:
        """It does not any more."""
        self._files.overwrite(self.fd(place.tray), ENDED, place.start + STATE_AT)

    def _read(self, place: Place, length: int) -> bytes:
        try:
            return self._files.read(self.fd(place.tray), place.start, length)
        except FileNotFoundError:
            return b""

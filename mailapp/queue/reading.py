"""Reads the queue's files: an entry, all entries, what crashes have left. Blocks."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from itertools import islice
from typing import Final
from zlib import crc32

from attrs import frozen

from mailapp.queue.changes import replay
from mailapp.queue.record import (
    FOOTER,
    LONGEST_TRAILER,
    Corrupt,
    Footer,
    TooNew,
    decode_footer,
    decode_trailer,
    is_entry_id,
)
from mailapp.queue.shelf import LOG, Shelf
from mailapp.queue.types import Entry
from mailapp.storage.files import read_whole

SMALL: Final = 64 * 1024
"""Up to so many octets a content is held in memory."""
LEFTOVER_AGE: Final = 36 * 3600.0
"""Seconds after which a file in ``tmp`` has no writer any more."""
_CHUNK: Final = 256 * 1024
_LONGEST_JOURNAL: Final = 256 << 20


class Gone(KeyError):
    """No entry of that name is in the queue."""


@frozen
class Loaded:
    """An entry that was read.

    Attributes:
        octets: its content, if it is small, and good.
        journal_octets: length of its journal; -1: it has none.
    """

    entry: Entry
    octets: bytes | None
    journal_octets: int


@frozen
class Problem:
    """A file that is no entry.

    Attributes:
        quarantined: it was moved to ``corrupt``.
    """

    name: bytes
    reason: str
    quarantined: bool


def read_octets(octets: bytes) -> tuple[Entry, bytes]:
    """An entry that is in memory as a whole, and its content.

    Raises:
        Corrupt: it is damaged.
        TooNew: it is of another version.
    """
    footer = decode_footer(octets)
    _check_length(footer, len(octets))
    content = octets[: footer.content_octets]
    entry = decode_trailer(footer, octets[footer.content_octets : -FOOTER])
    _check(footer, crc32(content))
    return entry, content


class Reader:
    """Reads a shelf. Several threads may use it."""

    def __init__(self, shelf: Shelf) -> None:
        self.shelf: Final = shelf
        self.files: Final = shelf.files

    def load(self, name: bytes, *, content: bool = True) -> Loaded | Problem:
        """Read an entry; one that is damaged is moved to ``corrupt``.

        Args:
            name: of the entry.
            content: check the content too, and read it if it is small.

        Raises:
            Gone: there is none.
            OSError: the disk does not give it.
        """
        path = self.shelf.path(name)
        try:
            fd = self.files.open_read(path)
        except FileNotFoundError:
            raise Gone(name.decode(errors="replace")) from None
        try:
            entry, octets = self._read(fd, content=content)
            _check_name(entry, name)
        except Corrupt as problem:
            return self._quarantine(name, str(problem))
        except TooNew as problem:
            return Problem(name, str(problem), quarantined=False)
        finally:
            self.files.close(fd)
        journal = read_whole(self.files, path + LOG, _LONGEST_JOURNAL)
        if journal is None:
            return Loaded(entry, octets, -1)
        return Loaded(replay(entry, journal), octets, len(journal))

    def decode(self, name: bytes, octets: bytes) -> Loaded | Problem:
        """Read an entry that has no file of its own; its tray stays as it is."""
        try:
            entry, content = read_octets(octets)
            _check_name(entry, name)
        except (Corrupt, TooNew) as problem:
            return Problem(name, str(problem), quarantined=False)
        return Loaded(entry, content, -1)

    def _read(self, fd: int, *, content: bool) -> tuple[Entry, bytes | None]:
        size = self.files.size(fd)
        start = max(0, size - SMALL)
        tail = self.files.read(fd, start, SMALL)
        footer = decode_footer(tail)
        _check_length(footer, size)
        at = footer.content_octets - start
        if at >= 0:
            text = tail[at:-FOOTER]
        else:
            text = self.files.read(fd, footer.content_octets, footer.trailer_octets)
        entry = decode_trailer(footer, text)
        if not content:
            return entry, None
        if start == 0:
            octets = tail[:at]
            _check(footer, crc32(octets))
            return entry, octets
        _check(footer, self._crc(fd, footer.content_octets))
        return entry, None

    def _crc(self, fd: int, length: int) -> int:
        crc = at = 0
        while chunk := self.files.read(fd, at, min(_CHUNK, length - at)):
            at += len(chunk)
            crc = crc32(chunk, crc)
        return crc

    def _quarantine(self, name: bytes, reason: str) -> Problem:
        try:
            for suffix in b"", LOG:
                with suppress(FileNotFoundError):
                    self.files.rename(
                        self.shelf.path(name) + suffix,
                        self.shelf.folder(b"corrupt/") + name + suffix,
                    )
            self.files.sync_directory(self.shelf.folder(b"corrupt"))
        except OSError:
            return Problem(name, reason, quarantined=False)
        return Problem(name, reason, quarantined=self.shelf.sync() is None)

    # ---- looking through

    def names(self, *, tried: bool | None = None) -> Iterator[bytes]:
        """The names of entries; only those with a journal, or only those without.

        A journal without its entry is what a crash left of a removal, or what a removal
        is about to take. It goes when all are looked through; see :meth:`Shelf.remove`.
        """
        exists = self.files.exists
        left: list[bytes] = []
        for name in self.files.walk(self.shelf.entries):
            if name.endswith(LOG):
                if not exists(self.shelf.path(name.removesuffix(LOG))):
                    left.append(self.shelf.path(name))
            elif is_entry_id(name.decode("ascii", "replace")) and (
                tried is None or exists(self.shelf.path(name) + LOG) == tried
            ):
                yield name
        if left and self.shelf.sync() is None:
            for path in left:
                with suppress(OSError):
                    self.files.unlink(path)

    def load_some(
        self, names: Iterator[bytes], count: int
    ) -> tuple[list[Loaded | Problem], bool]:
        """The entries of the next names, without content; and whether there are more.

        One that the disk does not give is a problem too; it stays where it is.
        """
        found: list[Loaded | Problem] = []
        chosen = list(islice(names, count))
        for name in chosen:
            try:
                found.append(self.load(name, content=False))
            except Gone:
                continue
            except OSError as problem:
                found.append(Problem(name, str(problem), quarantined=False))
        return found, len(chosen) == count

    def sweep(self, now: float) -> int:
        """Remove what crashes have left in ``tmp``; how many files."""
        count = 0
        for name in self.files.names(self.shelf.folder(b"tmp")):
            path = self.shelf.folder(b"tmp/") + name
            with suppress(OSError):
                if now - self.files.facts(path).mtime / 1e9 > LEFTOVER_AGE:
                    self.files.unlink(path)
                    count += 1
        return count


def _check_length(footer: Footer, octets: int) -> None:
    if footer.file_octets != octets or footer.trailer_octets > LONGEST_TRAILER:
        reason = "the file has another length than it says"
        raise Corrupt(reason)


def _check(footer: Footer, crc: int) -> None:
    if crc != footer.content_crc:
        reason = "the content is damaged"
        raise Corrupt(reason)


def _check_name(entry: Entry, name: bytes) -> None:
    if entry.id.encode() != name:
        reason = "it has another entry's name"
        raise Corrupt(reason)

"""Messages as their files have them. Blocks."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import repeat
from typing import Final

from mailapp.message.line_ends import ToWire
from mailapp.message.plain_structure import SIZE_LIMIT
from mailapp.message.ranges import Read
from mailapp.storage.columns import Columns
from mailapp.storage.files import Directory, Files
from mailapp.storage.interfaces import T
from mailapp.storage.maildir.body import Body
from mailapp.storage.maildir.gather import names_of
from mailapp.storage.maildir.reading import raw_octets
from mailapp.storage.types import BlobRef

_TO_THE_END: Final = 1 << 62
"""More octets than any message has."""


class Computing:
    """Computes something from each of some messages of a mailbox.

    Args:
        files: the disk.
        path: of the mailbox.
        columns: its messages.
        open_body: a descriptor of a body, wherever it lies now; FileNotFoundError: it
            is gone.
    """

    def __init__(
        self,
        files: Files,
        path: bytes,
        columns: Columns,
        open_body: Callable[[BlobRef], int],
    ) -> None:
        self._files = files
        self._path = path
        self._columns = columns
        self._names = names_of(columns)
        self._open = open_body
        self._directory: Directory | None = None

    def of(self, place: int, tell: Callable[[Read, int], T]) -> T | None:
        """What is told of the message in a place; None: it is gone.

        Args:
            place: in the columns.
            tell: takes what reads the message, and its size.
        """
        [(_, found)] = self.each([place], tell)
        return found

    def each(
        self, places: Sequence[int], tell: Callable[[Read, int], T]
    ) -> Iterator[tuple[int, T | None]]:
        """The same of the messages in some places. Hot."""
        small = self._small(places)
        beginnings = self._beginnings(list(small.values()))
        for place in places:
            whole = None
            if place in small:
                whole = _whole(next(beginnings), self._columns.sizes[place])
            if whole is None:
                yield place, self._long(place, tell)
            else:
                yield place, tell(partial(_cut, whole), len(whole))

    def _long(self, place: int, tell: Callable[[Read, int], T]) -> T | None:
        blob = self._columns.blob(place)
        raw = raw_octets(blob) is not None
        size = self._columns.sizes[place] or _TO_THE_END
        try:
            with Body(self._files, self._open(blob), raw=raw) as body:
                return tell(body.read, size)
        except FileNotFoundError:
            return None

    def _small(self, places: Sequence[int]) -> dict[int, tuple[bytes, int]]:
        """By place, names of messages of one chunk, and one octet more than they have.

        Those whose names do not tell their sizes yet, too, and need not for this.
        """
        sizes, small = self._columns.sizes, {}
        for place in places:
            size, name = sizes[place], self._names.name(self._columns, place)
            if not size or (size <= SIZE_LIMIT and raw_octets(BlobRef(name)) == size):
                small[place] = name, (size or SIZE_LIMIT) + 1
        return small

    def _beginnings(
        self, wanted: Sequence[tuple[bytes, int]]
    ) -> Iterator[bytes | None]:
        """Of files that lie where they should; None of all if the mailbox is gone."""
        if not wanted:
            return iter(())
        try:
            if self._directory is None:
                self._directory = self._files.directory(self._path + b"/cur")
        except FileNotFoundError:
            return repeat(None)
        return self._files.beginnings(self._directory, wanted)


def _whole(octets: bytes | None, size: int) -> bytes | None:
    """A message as it travels, if that is all of it."""
    if octets is None:
        return None
    if size:
        return octets if len(octets) == size else None
    return ToWire().convert(octets) if len(octets) <= SIZE_LIMIT else None


def _cut(octets: bytes, start: int, end: int) -> bytes:
    return octets[start:end]

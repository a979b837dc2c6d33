"""Messages as their files have them. Blocks."""

from __future__ import annotations

from collections.abc import Callable
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
        """What is told of the message in a place; None: it is gone. Hot.

        Args:
            place: in the columns.
            tell: takes what reads the message, and its size.
        """
        octets = self._small(place)
        if octets is not None:
            whole = octets
            return tell(lambda start, end: whole[start:end], len(whole))
        blob = self._columns.blob(place)
        raw = raw_octets(blob) is not None
        size = self._columns.sizes[place] or _TO_THE_END
        try:
            with Body(self._files, self._open(blob), raw=raw) as body:
                return tell(body.read, size)
        except FileNotFoundError:
            return None

    def _small(self, place: int) -> bytes | None:
        """A message of one chunk, if it lies where it should.

        One whose name does not tell its size yet, too, and need not for this.
        """
        size = self._columns.sizes[place]
        name = self._names.name(self._columns, place)
        if size > SIZE_LIMIT or (size and raw_octets(BlobRef(name)) != size):
            return None
        try:
            if self._directory is None:
                self._directory = self._files.directory(self._path + b"/cur")
            most = (size or SIZE_LIMIT) + 1
            octets = self._files.beginning(self._directory, name, most)
        except FileNotFoundError:
            return None
        if size:
            return octets if len(octets) == size else None
        return ToWire().convert(octets) if len(octets) < most else None

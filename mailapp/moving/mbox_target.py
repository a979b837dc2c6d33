"""Writes mailboxes as mbox files: one for each, in folders as the levels of its name.

A file has another name until it is whole and durable.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Sequence
from contextlib import suppress
from typing import Final

from attrs import define, field, frozen

from mailapp.message.dates import DAYS, MONTHS, civil_from_days
from mailapp.moving.mbox_lines import added_by_us, in_lines, quoted
from mailapp.moving.names import MBOX, file_name
from mailapp.moving.outlet import Taken
from mailapp.storage.files import Files

UNFINISHED: Final = b".unfinished"
_BLOCK: Final = 256 * 1024
_LINE_MOST: Final = 64 * 1024
_THURSDAY: Final = 3  # the first of January 1970


@frozen
class MboxTarget:
    """A folder of mbox files.

    Attributes:
        files: the disk.
        path: of the folder, which is there.
    """

    files: Files
    path: bytes

    def box(self, name: tuple[str, ...], keywords: Sequence[str]) -> MboxBox:
        """See :class:`mailapp.moving.outlet.Target`."""
        del keywords
        directory = self.path
        for level in name[:-1]:
            directory += b"/" + os.fsencode(file_name(level))
            with suppress(FileExistsError):
                self.files.mkdir(directory)
        return MboxBox(self.files, directory, os.fsencode(file_name(name[-1]) + MBOX))

    def close(self, subscribed: Collection[tuple[str, ...]]) -> None:
        """See :class:`mailapp.moving.outlet.Target`: an mbox file knows of none."""


@define(eq=False)
class MboxBox:
    """One file. See :class:`mailapp.moving.outlet.Box`."""

    _files: Files
    _directory: bytes
    _name: bytes
    _fd: int = field(default=-1, init=False)
    _waiting: list[bytes] = field(factory=list, init=False)
    _held: int = field(default=0, init=False)

    def __attrs_post_init__(self) -> None:
        self._fd = self._files.create(self._unfinished)

    async def add(self, message: Taken) -> None:
        """See :class:`mailapp.moving.outlet.Box`."""
        lines = Lines()
        begun = False
        async for octets in message.chunks:
            if not begun:
                # it is there: from now on reading it can only fail for all
                self._put(_before(message))
                begun = True
            self._put(lines.convert(octets))
        if not begun:
            self._put(_before(message))
        self._put(lines.rest() + (b"\n" if message.whole else b"\n\n"))

    def close(self) -> None:
        """See :class:`mailapp.moving.outlet.Box`."""
        self._flush()
        fd, self._fd = self._fd, -1
        try:
            self._files.fsync(fd)
        finally:
            self._files.close(fd)
        self._files.rename(self._unfinished, self._directory + b"/" + self._name)
        self._files.sync_directory(self._directory)

    def abort(self) -> None:
        """See :class:`mailapp.moving.outlet.Box`: what there is, stays unfinished."""
        fd, self._fd = self._fd, -1
        if fd >= 0:
            self._files.close(fd)

    @property
    def _unfinished(self) -> bytes:
        return self._directory + b"/" + self._name + UNFINISHED

    def _put(self, octets: bytes) -> None:
        self._waiting.append(octets)
        self._held += len(octets)
        if self._held >= _BLOCK:
            self._flush()

    def _flush(self) -> None:
        octets = b"".join(self._waiting)
        self._waiting.clear()
        self._held = 0
        if octets:
            self._files.write(self._fd, octets)


class Lines:
    """Lines of the wire as an mbox file has them. Chunks may be cut anywhere."""

    def __init__(self) -> None:
        self._held = b""
        self._begins = True

    def convert(self, chunk: bytes) -> bytes:
        """The next chunk; a line that has not ended waits, unless it is long."""
        text = self._held + chunk
        cut = text.rfind(b"\n") + 1
        if not cut and len(text) >= _LINE_MOST:
            cut = len(text) - text.endswith(b"\r")
        piece, self._held = text[:cut], text[cut:]
        return self._converted(piece)

    def rest(self) -> bytes:
        """What waited, at the end."""
        return self._converted(self._held)

    def _converted(self, piece: bytes) -> bytes:
        if not piece:
            return piece
        begins, self._begins = self._begins, piece.endswith(b"\n")
        return in_lines(quoted, piece.replace(b"\r\n", b"\n"), begins=begins)


def from_line(received: int) -> bytes:
    """The line before a message (RFC 4155, appendix A)."""
    days, seconds = divmod(received, 86400)
    year, month, day = civil_from_days(days)
    hour, minute, second = seconds // 3600, seconds // 60 % 60, seconds % 60
    return b"From MAILER-DAEMON %b %b %2d %02d:%02d:%02d %04d\n" % (
        DAYS[(days + _THURSDAY) % 7],
        MONTHS[month - 1],
        day,
        hour,
        minute,
        second,
        year,
    )


def _before(message: Taken) -> bytes:
    added = added_by_us(message.flags, message.received, whole=message.whole)
    return from_line(message.received) + added

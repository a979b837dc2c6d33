"""Reading the body of a message, as it goes over the wire."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Awaitable, Callable
from mmap import PAGESIZE
from typing import Any, Final

from attrs import frozen

from mailapp.message.line_ends import ToWire
from mailapp.storage.files import Files
from mailapp.storage.maildir.errors import disk_errors
from mailapp.storage.maildir.filename import parse
from mailapp.storage.types import BlobRef, FolderId, NoSuch

CHUNK: Final = 64 * 1024
_RAW: Final = re.compile(rb",S=([0-9]+),W=\1(?![0-9])")
_SMALL: Final = re.compile(
    rb"1(/(?:new|cur)/[^/.,:][^/,:]*,S=([0-9]{1,5}),W=\2(?:[,:][^/]*)?)\Z"
)
_INBOX: Final = re.compile(rb"1/(?:new|cur)/[^/.][^/]*\Z")


def folder_of(blob: BlobRef) -> FolderId:
    """The mailbox that a reference names.

    Raises:
        NoSuch: it is none of a message in a mailbox.
    """
    folder, _, place = blob.partition(b"/")
    if not folder.isdigit() or parse(place[4:]) is None:
        raise NoSuch
    return FolderId(int(folder))


def raw_octets(blob: BlobRef) -> int | None:
    """The size of a file that holds what goes over the wire, octet for octet.

    So its name says; None: it has to be converted.
    """
    match = _RAW.search(blob)
    return None if match is None else int(match[1])


def open_inbox(files: Files, account: bytes, blob: BlobRef) -> int | None:
    """A descriptor, if it is in INBOX and still has the name that it had."""
    if not _INBOX.match(blob):
        return None
    try:
        return files.open_read(account + blob[1:])
    except FileNotFoundError:
        return None


def at_hand(files: Files, account: bytes, blob: BlobRef) -> bytes | None:
    """A message in INBOX of one chunk at most, if the system has it in memory. Hot.

    One look is enough: it asks for an octet more than there should be. That one would
    lie in the same page as the last octet, so that it was not in memory is no reason
    for its absence.
    """
    match = _SMALL.match(blob)
    if match is None:
        return None
    path, digits = match.groups()
    size = int(digits)
    if size > CHUNK or not size % PAGESIZE:
        return None
    try:
        fd = files.open_read(account + path)
    except OSError:
        return None
    try:
        octets = files.read_cached(fd, 0, size + 1)
    except OSError:
        return None
    finally:
        files.close(fd)
    return octets if octets is not None and len(octets) == size else None


@frozen
class Reader:
    """Reads one open file.

    Attributes:
        blocking: runs a call in a thread.
    """

    files: Files
    blocking: Callable[..., Awaitable[Any]]
    fd: int

    async def chunks(
        self, start: int, end: int | None, *, raw: int | None
    ) -> AsyncIterator[bytes]:
        """Octets from ``start`` to before ``end``, as they go over the wire.

        ``raw`` is of :func:`raw_octets`. How much is asked for at once follows it, how
        much is given does not: the file may be longer than its name says.
        """
        if raw is not None:
            async for chunk in self._raw(start, end, min(CHUNK, raw + 1)):
                yield chunk
            return
        wire = ToWire()
        at = 0
        async for chunk in self._raw(0, None, CHUNK // 2):
            octets = wire.convert(chunk)
            first = max(0, start - at)
            last = len(octets) if end is None else max(0, end - at)
            if octets[first:last]:
                yield octets[first:last]
            at += len(octets)
            if end is not None and at >= end:
                return

    async def _raw(
        self, start: int, end: int | None, most: int
    ) -> AsyncIterator[bytes]:
        """What the system has in memory is read here, the rest in a thread."""
        at = start
        while end is None or at < end:
            want = most if end is None else min(most, end - at)
            with disk_errors():
                chunk = self.files.read_cached(self.fd, at, want)
            if chunk is None:
                chunk = await self.blocking(self.files.read, self.fd, at, want)
            if not chunk:
                return
            yield chunk
            at += len(chunk)

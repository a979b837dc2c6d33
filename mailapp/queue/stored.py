"""The content of an entry, read from its file, or from memory while it is there."""

from __future__ import annotations

from contextlib import suppress
from typing import Final

from zope.interface import implementer

from mailapp.core.failures import TemporaryFailure
from mailapp.core.status import SYSTEM_TROUBLE
from mailapp.net.threads import InThread
from mailapp.queue.interfaces import IContent
from mailapp.storage.files import Files


@implementer(IContent)
class StoredContent:
    """See :class:`IContent`. Closed by the one who made it.

    Args:
        path: of the entry's file, which begins with the content.
        size_octets: of the content.
        octets: the content, if it is in memory.
    """

    def __init__(
        self,
        path: bytes,
        size_octets: int,
        octets: bytes | None,
        files: Files,
        in_thread: InThread,
    ) -> None:
        self.size_octets: Final = size_octets
        self._path = path
        self._octets = octets
        self._files = files
        self._in_thread = in_thread
        self._fd = -1
        self._reading = 0
        self._closed = False

    async def read(self, start: int, length: int) -> bytes:
        """See :class:`IContent`."""
        if self._octets is not None:
            return self._octets[start : start + length]
        length = min(length, self.size_octets - start)
        if length <= 0:
            return b""
        if self._closed:
            raise TemporaryFailure(SYSTEM_TROUBLE)
        self._reading += 1
        try:
            return await self._read(start, length)
        except OSError as problem:
            raise TemporaryFailure(SYSTEM_TROUBLE) from problem
        finally:
            self._reading -= 1
            self._close_unread()

    async def _read(self, start: int, length: int) -> bytes:
        if self._fd >= 0:
            octets = self._files.read_cached(self._fd, start, length)
            if octets is not None:
                return octets
        else:
            fd: int = await self._in_thread(self._files.open_read, self._path)
            self._keep(fd)
        read: bytes = await self._in_thread(self._files.read, self._fd, start, length)
        return read

    def _keep(self, fd: int) -> None:
        """Two readers may have opened it."""
        if self._fd >= 0:
            self._files.close(fd)
        else:
            self._fd = fd

    def close(self) -> None:
        """Let go of the file, as soon as nobody reads any more."""
        self._closed = True
        self._close_unread()

    def _close_unread(self) -> None:
        if self._closed and self._fd >= 0 and not self._reading:
            fd, self._fd = self._fd, -1
            with suppress(OSError):
                self._files.close(fd)

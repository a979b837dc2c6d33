"""The body of a message for work in a thread: any part, as it goes on the wire."""

from __future__ import annotations

from types import TracebackType

from mailapp.message.line_ends import ToWire
from mailapp.storage.files import Files

_CHUNK = 256 * 1024


class Body:
    """An open file; used with ``with``, which closes it.

    Args:
        files: the disk.
        fd: of the file.
        raw: it holds what goes over the wire, octet for octet. A file that does not is
            converted whole when it is first read.
    """

    def __init__(self, files: Files, fd: int, *, raw: bool) -> None:
        self._files = files
        self._fd = fd
        self._raw = raw
        self._octets: bytes | None = None

    def __enter__(self) -> Body:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        problem: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._files.close(self._fd)

    def read(self, start: int, end: int) -> bytes:
        """Octets from ``start`` to before ``end``; fewer where the message ends."""
        if self._raw:
            return self._files.read(self._fd, start, end - start)
        if self._octets is None:
            self._octets = self._converted()
        return self._octets[start:end]

    def _converted(self) -> bytes:
        wire, chunks, at = ToWire(), [], 0
        while chunk := self._files.read(self._fd, at, _CHUNK):
            chunks.append(wire.convert(chunk))
            at += len(chunk)
        return b"".join(chunks)

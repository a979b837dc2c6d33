"""Line endings: how a message lies on a disk that wants LF."""

from __future__ import annotations


class ToDisk:
    """Makes every CRLF a LF. Chunks may be cut anywhere."""

    def __init__(self) -> None:
        self._held = b""

    def convert(self, chunk: bytes) -> bytes:
        """The next chunk as it lies on disk; a CR at the end waits for the next."""
        chunk = self._held + chunk
        self._held = b"\r" if chunk.endswith(b"\r") else b""
        if self._held:
            chunk = chunk[:-1]
        return chunk.replace(b"\r\n", b"\n")

    def rest(self) -> bytes:
        """What waited, at the end."""
        return self._held

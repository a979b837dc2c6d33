"""Sizes of messages whose names do not tell them: each has to be read."""

from __future__ import annotations

from typing import Final

from mailapp.message.line_ends import line_feeds
from mailapp.storage.files import Directory, Files

_FIRST_CHUNK: Final = 16 * 1024
_CHUNK: Final = 256 * 1024

Measured = tuple[bytes, int, int]
"""``new/NAME`` or ``cur/NAME``, the octets of the file, and those on the wire."""


def measured(files: Files, base: Directory, place: bytes) -> tuple[int, int]:
    """The octets of a file below a directory, and what they will be on the wire.

    Raises:
        OSError: it can't be read.
    """
    octets = files.beginning(base, place, _FIRST_CHUNK)
    size = len(octets)
    if size == _FIRST_CHUNK:
        return _measured_large(files, base.path + b"/" + place)
    return size, size + _bare(octets)


def _measured_large(files: Files, path: bytes) -> tuple[int, int]:
    fd = files.open_read(path)
    try:
        size = bare = 0
        before = b""
        while chunk := files.read(fd, size, _CHUNK):
            size += len(chunk)
            bare += _bare(before + chunk)
            before = chunk[-1:] if chunk.endswith(b"\r") else b""
    finally:
        files.close(fd)
    return size, size + bare


def _bare(octets: bytes) -> int:
    """LFs without a CR before them."""
    return line_feeds(octets) - octets.count(b"\r\n")

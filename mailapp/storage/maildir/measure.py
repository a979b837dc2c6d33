"""Sizes of messages whose names do not tell them: each has to be read."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from mailapp.message.line_ends import line_feeds
from mailapp.storage.files import Directory, Files

_FIRST_CHUNK: Final = 16 * 1024
_CHUNK: Final = 256 * 1024

Measured = tuple[bytes, int, int]
"""``new/NAME`` or ``cur/NAME``, the octets of the file, and those on the wire."""


def measured(
    files: Files, base: Directory, places: Sequence[bytes]
) -> Iterator[tuple[int, int] | None]:
    """Of files below a directory, the octets, and what they will be on the wire.

    None: it can't be read.
    """
    wanted = [(place, _FIRST_CHUNK) for place in places]
    for place, octets in zip(places, files.beginnings(base, wanted), strict=True):
        if octets is None:
            yield None
        elif len(octets) < _FIRST_CHUNK:
            yield len(octets), len(octets) + _bare(octets)
        else:
            yield _measured_large(files, base.path + b"/" + place)


def _measured_large(files: Files, path: bytes) -> tuple[int, int] | None:
    try:
        fd = files.open_read(path)
    except OSError:
        return None
    try:
        size = bare = 0
        before = b""
        while chunk := files.read(fd, size, _CHUNK):
            size += len(chunk)
            bare += _bare(before + chunk)
            before = chunk[-1:] if chunk.endswith(b"\r") else b""
    except OSError:
        return None
    finally:
        files.close(fd)
    return size, size + bare


def _bare(octets: bytes) -> int:
    """LFs without a CR before them."""
    return line_feeds(octets) - octets.count(b"\r\n")

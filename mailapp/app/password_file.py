"""Passwords for other servers, which lie in files of their own."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from mailapp.core.secret import Secret

_MOST: Final = 1024
"""Octets that are read."""


def first_line(path: Path) -> Secret:
    """The password, which is all of the file or its first line.

    Raises:
        OSError: it can't be read.
    """
    with path.open("rb") as file:
        return Secret(file.readline(_MOST).rstrip(b"\r\n"))

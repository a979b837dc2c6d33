"""Dovecot's lock of a mailbox: a file that is there or not.

Dovecot holds it while it gives UIDs and letters of keywords, and whoever else writes
``dovecot-keywords`` has to. UIDs of ours are not in its files.

Source: lib/file-dotlock.c of Dovecot 2.3: the file tells ``<pid>:<host>``; one that was
not touched for two minutes was left behind.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Final

from mailapp.storage.files import Files
from mailapp.storage.types import Unavailable

UIDLIST: Final = b"dovecot-uidlist"
LOCK: Final = b"dovecot-uidlist.lock"
_STALE: Final = 120_000_000_000
_PATIENCE: Final = 3_000_000_000
_PAUSE: Final = 0.01


@contextmanager
def dotlock(files: Files, path: bytes) -> Iterator[None]:
    """Hold it, where Dovecot serves the mailbox too.

    Raises:
        Unavailable: Dovecot has held it for three seconds.
    """
    if not files.exists(path + b"/" + UIDLIST):
        yield
        return
    lock = path + b"/" + LOCK
    _take(files, lock)
    try:
        yield
    finally:
        with suppress(FileNotFoundError):
            files.unlink(lock)


def _take(files: Files, lock: bytes) -> None:
    deadline = files.now() + _PATIENCE
    while True:
        try:
            fd = files.create(lock)
        except FileExistsError:
            if not _left_behind(files, lock):
                if files.now() > deadline:
                    raise Unavailable from None
                files.pause(_PAUSE)
            continue
        try:
            files.write(fd, f"{os.getpid()}:{socket.gethostname()}".encode())
        finally:
            files.close(fd)
        return


def _left_behind(files: Files, lock: bytes) -> bool:
    """Whether it has gone, or goes now."""
    try:
        if files.now() - files.facts(lock).mtime < _STALE:
            return False
        files.unlink(lock)
    except FileNotFoundError:
        pass
    return True

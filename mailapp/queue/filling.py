"""Puts entries into trays: what every process that receives mail does. Blocks."""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import suppress
from typing import Final

from attrs import define

from mailapp.queue.shelf import Draft, Shelf
from mailapp.queue.tray import MOST, Place, encode_section

LARGEST: Final = 1 << 20
"""Octets after which a tray is full."""
LIFE: Final = 30.0
"""Seconds after which nothing is put into a tray any more."""


@define(eq=False)
class _Tray:
    """A tray that is being filled, locked by its descriptor until that is closed."""

    name: str
    fd: int
    opened_at: float
    octets: int = 0


class Filling:
    """The trays that a process fills. Several threads may use it, each its own tray.

    The lock of a tray tells the postman that something may still be put into it; the
    kernel drops it when the process dies.
    """

    def __init__(self, shelf: Shelf) -> None:
        self._shelf = shelf
        self._files = shelf.files
        self._idle: list[_Tray] = []

    def fits(self, draft: Draft) -> bool:
        """It can lie in a tray."""
        return draft.fd < 0 and len(draft.octets) <= MOST

    def commit(self, drafts: Sequence[Draft]) -> list[OSError | None]:
        """Put entries into a tray, durably; why not, for those that are not.

        One write and one fsync for all, and none of them is there if either fails: the
        tray is given up then, and never synced again.
        """
        shelf, files = self._shelf, self._files
        new = [not files.exists(shelf.path(draft.name)) for draft in drafts]
        fresh = [draft for draft, is_new in zip(drafts, new, strict=True) if is_new]
        try:
            if fresh:
                self._put(fresh)
        except OSError as problem:
            return [problem] * len(drafts)
        return [None if is_new else FileExistsError() for is_new in new]

    def close(self) -> None:
        """Put nothing more into the trays that there are."""
        while self._idle:
            self._files.close(self._idle.pop().fd)

    def _put(self, drafts: Sequence[Draft]) -> None:
        now = self._files.now() / 1e9
        tray = self._take(now)
        start = end = tray.octets
        octets = []
        for draft in drafts:
            place = draft.place = Place(tray.name, end, len(draft.octets))
            octets.append(encode_section(place, start, draft.octets))
            end = place.end
        try:
            self._files.write(tray.fd, b"".join(octets))
            self._files.fsync(tray.fd)
        except OSError:
            self._give_up(tray)
            raise
        tray.octets = end
        if end < LARGEST:
            self._idle.append(tray)
        else:
            self._files.close(tray.fd)

    def _take(self, now: float) -> _Tray:
        """A tray that nobody else fills just now."""
        with suppress(IndexError):
            while True:
                tray = self._idle.pop()
                if 0 <= now - tray.opened_at < LIFE:
                    return tray
                self._files.close(tray.fd)
        name = os.urandom(8).hex()
        path = self._shelf.folder(b"tmp/") + name.encode("ascii")
        tray = _Tray(name, self._files.create(path), now)
        try:
            self._files.lock(tray.fd, wait=False)  # before anybody sees it
            self._files.rename(path, self._shelf.tray(name))
            problem = self._shelf.sync_trays()
            if problem is not None:
                raise problem
        except OSError:
            with suppress(OSError):
                self._files.unlink(path)
            self._give_up(tray)
            raise
        return tray

    def _give_up(self, tray: _Tray) -> None:
        """Leave nothing of a batch that failed, nor of its length.

        A tray that is longer than told would stay, on a disk that may be full.
        """
        with suppress(OSError):
            if not tray.octets:
                self._files.unlink(self._shelf.tray(tray.name))
            self._files.truncate(tray.fd, tray.octets)
        with suppress(OSError):
            self._files.close(tray.fd)

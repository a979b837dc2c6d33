"""Where deliveries put files: looked up once, held open for a moment."""

from __future__ import annotations

from collections import OrderedDict
from threading import Lock
from typing import Final

from attrs import frozen

from mailapp.storage.files import Directory, Files
from mailapp.storage.maildir.quota import Quota

PLACES_KEPT: Final = 200
PLACE_NANOSECONDS: Final = 1_000_000_000
"""So long mail still follows a mailbox that was moved away, and a first quota waits."""


@frozen
class Target:
    """A mailbox to put the message in.

    Attributes:
        account: path of the account.
        folder: path of the mailbox.
        place: ``new``, or ``cur`` for a message that has flags.
        letters: its flags.
    """

    account: bytes
    folder: bytes
    place: bytes = b"new"
    letters: bytes = b""


@frozen
class Place:
    """What was looked up about a target, and holds for a moment.

    Attributes:
        directory: where the names go. Put there and synced through one descriptor: a
            directory that another took the place of can't get the one without the
            other.
        limited: the account has a quota.
        looked_at: when, in nanoseconds.
    """

    directory: Directory
    limited: bool
    looked_at: int


class Places:
    """The places that deliveries went to last."""

    def __init__(self, files: Files) -> None:
        self._files = files
        self._kept: OrderedDict[bytes, Place] = OrderedDict()
        self._lock = Lock()

    def get(self, target: Target) -> Place:
        """The place of a target.

        Raises:
            FileNotFoundError: it is not there.
        """
        path = target.folder + b"/" + target.place
        now = self._files.now()
        place = self._kept.get(path)
        if place is not None and 0 <= now - place.looked_at < PLACE_NANOSECONDS:
            return place
        directory = self._files.directory(path)
        limited = Quota(self._files, target.account).limited()
        place = Place(directory, limited, now)
        with self._lock:
            self._kept[path] = place
            self._kept.move_to_end(path)
            if len(self._kept) > PLACES_KEPT:
                self._kept.popitem(last=False)
        return place

    def forget(self, target: Target) -> None:
        """It is not there any more."""
        with self._lock:
            self._kept.pop(target.folder + b"/" + target.place, None)

    def clear(self) -> None:
        """Let go of all."""
        with self._lock:
            self._kept.clear()

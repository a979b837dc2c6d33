"""From octets to durable message files: the one order of operations of every writer.

1. make a file in ``tmp``, write all of it, fsync it, close it;
2. rename it to ``new`` (further mailboxes: a link);
3. fsync every ``new`` that got a name;
4. only then say that it is delivered.

One rule for each way it can fail: until step 2 the file in ``tmp`` is removed and
nothing was visible. When step 3 fails, the name may or may not be durable: the message
is removed and reported as not delivered. After a failed fsync the file is removed and
never synced again. So a sender's retry may deliver a message twice; none is lost.
"""

from __future__ import annotations

import errno
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from threading import Lock
from typing import Final

from attrs import define, frozen

from mailapp.storage.maildir.errors import storage_error
from mailapp.storage.maildir.filename import UniqueNames
from mailapp.storage.maildir.files import Directory, Files
from mailapp.storage.maildir.quota import Quota, Reservation
from mailapp.storage.types import StoreError

_NO_LINK: Final = {errno.EXDEV, errno.EMLINK, errno.EPERM, errno.EOPNOTSUPP}
_CHUNK: Final = 256 * 1024
PLACES_KEPT: Final = 200
PLACE_NANOSECONDS: Final = 1_000_000_000
"""So long mail still follows a mailbox that was moved away, and a first quota waits."""


@define(eq=False)
class Body:
    """A message on its way into mailboxes: in memory, or in a file of ours.

    Attributes:
        size: octets on disk.
        wire: octets with every line ending in CRLF.
        octets: the content, if it is in memory.
        path: the durable file where it lies, if it is in one.
    """

    size: int
    wire: int
    octets: bytes | None = None
    path: bytes | None = None


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


@define(eq=False)
class _Copy:
    """How far one mailbox has come."""

    target: Target
    place: Place | None = None
    limited: bool = False
    reservation: Reservation | None = None
    path: bytes | None = None
    failure: StoreError | None = None


@frozen
class Writer:
    """Puts messages into mailboxes. Its methods block: call them in a thread.

    Attributes:
        make_missing: makes the mailbox of a target that is not there, or raises NoSuch.
    """

    files: Files
    unique: UniqueNames
    places: Places
    make_missing: Callable[[Target], None]

    def deliver(self, body: Body, targets: Sequence[Target]) -> list[StoreError | None]:
        """Put the message into all mailboxes; why not, for each that did not get it.

        The body is used up whatever happened.
        """
        copies = [_Copy(target) for target in targets]
        for copy in copies:
            self._look(body, copy)
        for copy in copies:
            if copy.failure is None:
                self._put(body, copy, alone=len(copies) == 1)
        for copy in copies:
            if copy.path is not None:
                self._sync(copy, copy.path)
        self.forget(body)
        for copy in copies:
            settle(copy.reservation, kept=copy.failure is None)
        return [copy.failure for copy in copies]

    def forget(self, body: Body) -> None:
        """Remove the file of a body, if it still has one of its own."""
        if body.path is not None:
            with suppress(OSError):
                self.files.unlink(body.path)
            body.path = None

    def _look(self, body: Body, copy: _Copy) -> None:
        """Find the place, and room in it, before anything is reserved: Quota.room."""
        try:
            try:
                copy.place = self.places.get(copy.target)
            except FileNotFoundError:
                self.make_missing(copy.target)
                copy.place = self.places.get(copy.target)
            if copy.place.limited:
                quota = Quota(self.files, copy.target.account)
                copy.limited = quota.room(body.size)
        except OSError as failure:
            copy.failure = storage_error(failure)
        except StoreError as failure:
            copy.failure = failure

    def _put(self, body: Body, copy: _Copy, *, alone: bool) -> None:
        try:
            if copy.limited:
                quota = Quota(self.files, copy.target.account)
                copy.reservation = quota.reserve(body.size)
            try:
                copy.path = self._place(body, copy, alone=alone)
            except FileNotFoundError:
                self.places.forget(copy.target)
                self.make_missing(copy.target)
                copy.place = self.places.get(copy.target)
                copy.path = self._place(body, copy, alone=alone)
        except OSError as failure:
            copy.failure = storage_error(failure)
        except StoreError as failure:
            copy.failure = failure

    def _sync(self, copy: _Copy, path: bytes) -> None:
        assert copy.place is not None  # noqa: S101 - it has a path, so it has a place
        try:
            self.files.sync(copy.place.directory)
        except OSError as failure:
            copy.failure = storage_error(failure)
            self.places.forget(copy.target)
            with suppress(OSError):
                self.files.unlink(path)

    def _place(self, body: Body, copy: _Copy, *, alone: bool) -> bytes:
        """Give the message its name in a mailbox; the path."""
        target = copy.target
        assert copy.place is not None  # noqa: S101 - _look found it
        unique = self.unique.next(self.files.now())
        name = b"%s,S=%d,W=%d" % (unique, body.size, body.wire)
        if target.place == b"cur":
            name += b":2," + target.letters
        spare = target.folder + b"/tmp/" + unique
        staged = self._staged(body, spare)
        directory = copy.place.directory
        if alone:
            self.files.rename_into(staged, directory, name)
            body.path = None
        else:
            link_or_copy(self.files, staged, spare + b"c", (directory, name))
        return b"%s/%s/%s" % (target.folder, target.place, name)

    def _staged(self, body: Body, path: bytes) -> bytes:
        """The durable file of the body; made at ``path`` if there is none yet."""
        if body.path is None:
            write_durable(self.files, path, [body.octets or b""])
            body.path = path
        return body.path


def write_durable(files: Files, path: bytes, chunks: Iterable[bytes]) -> None:
    """Make a file whose content is durable, or none."""
    fd = files.create(path)
    try:
        try:
            for chunk in chunks:
                files.write(fd, chunk)
            files.fsync(fd)
        finally:
            files.close(fd)
    except OSError:
        with suppress(OSError):
            files.unlink(path)
        raise


def link_or_copy(
    files: Files, source: bytes, spare: bytes, final: tuple[Directory, bytes]
) -> None:
    """Give a durable file a second name; where that can't be, make a second file.

    That is on another file system, or with too many links. The copy is made at
    ``spare``, in a ``tmp``, and then renamed.
    """
    try:
        files.link_into(source, *final)
    except OSError as failure:
        if failure.errno not in _NO_LINK:
            raise
    else:
        return
    fd = files.open_read(source)
    try:
        write_durable(files, spare, _chunks(files, fd))
    finally:
        files.close(fd)
    try:
        files.rename_into(spare, *final)
    except OSError:
        with suppress(OSError):
            files.unlink(spare)
        raise


def settle(reservation: Reservation | None, *, kept: bool) -> None:
    """Keep a reservation or give it back; a failure waits for the next recount."""
    if reservation is not None:
        with suppress(OSError):
            if kept:
                reservation.keep()
            else:
                reservation.give_back()


def _chunks(files: Files, fd: int) -> Iterator[bytes]:
    at = 0
    while chunk := files.read(fd, at, _CHUNK):
        at += len(chunk)
        yield chunk

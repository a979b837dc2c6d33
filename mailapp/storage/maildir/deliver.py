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
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from typing import Final

from attrs import define, frozen

from mailapp.storage.maildir.errors import storage_error
from mailapp.storage.maildir.filename import UniqueNames
from mailapp.storage.maildir.files import Files
from mailapp.storage.maildir.quota import Quota, Reservation
from mailapp.storage.types import StoreError

_NO_LINK: Final = {errno.EXDEV, errno.EMLINK, errno.EPERM, errno.EOPNOTSUPP}
_CHUNK: Final = 256 * 1024


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


@define(eq=False)
class _Copy:
    """How far one mailbox has come."""

    target: Target
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
    make_missing: Callable[[Target], None]

    def deliver(self, body: Body, targets: Sequence[Target]) -> list[StoreError | None]:
        """Put the message into all mailboxes; why not, for each that did not get it.

        The body is used up whatever happened.
        """
        copies = [_Copy(target) for target in targets]
        limited = [self._has_limit(body, copy) for copy in copies]
        for copy, has_limit in zip(copies, limited, strict=True):
            if copy.failure is None:
                self._put(body, copy, reserve=has_limit, alone=len(copies) == 1)
        for copy in copies:
            if copy.path is not None:
                self._sync(copy, copy.path)
        self.forget(body)
        for copy in copies:
            self._settle(copy)
        return [copy.failure for copy in copies]

    def forget(self, body: Body) -> None:
        """Remove the file of a body, if it still has one of its own."""
        if body.path is not None:
            with suppress(OSError):
                self.files.unlink(body.path)
            body.path = None

    def _has_limit(self, body: Body, copy: _Copy) -> bool:
        """Ask for all mailboxes before anything is reserved: see Quota.room."""
        try:
            return Quota(self.files, copy.target.account).room(body.size)
        except OSError as failure:
            copy.failure = storage_error(failure)
        except StoreError as failure:
            copy.failure = failure
        return False

    def _put(self, body: Body, copy: _Copy, *, reserve: bool, alone: bool) -> None:
        target = copy.target
        try:
            if reserve:
                quota = Quota(self.files, target.account)
                copy.reservation = quota.reserve(body.size)
            try:
                copy.path = self._place(body, target, alone=alone)
            except FileNotFoundError:
                self.make_missing(target)
                copy.path = self._place(body, target, alone=alone)
        except OSError as failure:
            copy.failure = storage_error(failure)
        except StoreError as failure:
            copy.failure = failure

    def _sync(self, copy: _Copy, path: bytes) -> None:
        try:
            self.files.sync_directory(copy.target.folder + b"/" + copy.target.place)
        except OSError as failure:
            copy.failure = storage_error(failure)
            with suppress(OSError):
                self.files.unlink(path)

    def _settle(self, copy: _Copy) -> None:
        if copy.reservation is not None:
            with suppress(OSError):
                if copy.failure is None:
                    copy.reservation.keep()
                else:
                    copy.reservation.give_back()

    def _place(self, body: Body, target: Target, *, alone: bool) -> bytes:
        """Give the message its name in a mailbox; the path."""
        unique = self.unique.next(self.files.now())
        name = b"%s,S=%d,W=%d" % (unique, body.size, body.wire)
        if target.place == b"cur":
            name += b":2," + target.letters
        path = b"%s/%s/%s" % (target.folder, target.place, name)
        staged = self._staged(body, target.folder + b"/tmp/" + unique)
        if alone:
            self.files.rename(staged, path)
            body.path = None
            return path
        link_or_copy(self.files, staged, target.folder + b"/tmp/" + unique, path)
        return path

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


def link_or_copy(files: Files, source: bytes, spare: bytes, final: bytes) -> None:
    """Give a durable file a second name; where that can't be, make a second file.

    That is on another file system, or with too many links. The copy is made at
    ``spare``, in a ``tmp``, and then renamed.
    """
    try:
        files.link(source, final)
    except OSError as failure:
        if failure.errno not in _NO_LINK:
            raise
    else:
        return
    fd = files.open_read(source)
    try:
        write_durable(files, spare + b"c", _chunks(files, fd))
    finally:
        files.close(fd)
    try:
        files.rename(spare + b"c", final)
    except OSError:
        with suppress(OSError):
            files.unlink(spare + b"c")
        raise


def _chunks(files: Files, fd: int) -> Iterator[bytes]:
    at = 0
    while chunk := files.read(fd, at, _CHUNK):
        at += len(chunk)
        yield chunk

"""From octets to durable message files: the one order of operations of every writer.

1. make a file in the store's staging directory, write all of it, fsync it, close it;
2. rename it to ``new`` (further mailboxes: a link);
3. fsync every ``new`` that got a name;
4. only then say that it is delivered.

All messages are made in one directory and not each in the ``tmp`` of its mailbox: a
file system without a journal writes the directory with the file, and what lies next to
each other in it, and among the inodes, it writes together. On ext4 that is one write
in seven less. A mailbox on another file system gets a copy by way of its ``tmp``.

One rule for each way it can fail: until step 2 the file of step 1 is removed and
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

from mailapp.storage.files import Directory, Files
from mailapp.storage.maildir.errors import storage_error
from mailapp.storage.maildir.filename import UniqueNames
from mailapp.storage.maildir.places import Place, Places, Target
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


NOWHERE: Final = Target(b"", b"")
NOTHING: Final = Body(0, 0)


@define(eq=False)
class Copy:
    """How far one mailbox has come.

    Attributes:
        target: the mailbox.
        unique: of the name that the message gets there.
        path: where it lies now.
        failure: why it does not get the message.
    """

    target: Target
    failure: StoreError | None = None
    place: Place | None = None
    limited: bool = False
    reservation: Reservation | None = None
    unique: bytes = b""
    path: bytes | None = None

    @property
    def held(self) -> Place:
        """The place, which was found before."""
        assert self.place is not None  # noqa: S101 - Writer finds it first
        return self.place


@define(eq=False)
class Message:
    """A body and the mailboxes it goes to.

    Attributes:
        maker: the copy that the file of the body was made for, while it is not durable.
        fd: of that file.
    """

    body: Body
    copies: Sequence[Copy]
    maker: Copy | None = None
    fd: int = -1

    def fail(self, failure: StoreError) -> None:
        """No mailbox gets it."""
        for copy in self.copies:
            copy.failure = failure


@frozen
class Writer:
    """Puts messages into mailboxes. Its methods block: call them in a thread.

    Several messages go through each step together: a disk that has to write them all
    does that in one turn, and a mailbox that gets several is synced once.

    Attributes:
        make_missing: makes the mailbox of a target that is not there, or raises NoSuch.
        staging: the directory that bodies are made in.
    """

    files: Files
    unique: UniqueNames
    places: Places
    make_missing: Callable[[Target], None]
    staging: bytes

    def deliver(self, messages: Sequence[Message]) -> None:
        """Put each message into all of its mailboxes, or note why one does not get it.

        The bodies are used up whatever happened.
        """
        for message in messages:
            self._each(message, self._look)
        try:
            self._make_durable(messages)
        finally:
            for message in messages:
                if message.maker is not None:
                    self.files.close(message.fd)
        for message in messages:
            self._each(message, self._name)
        self._sync([copy for message in messages for copy in message.copies])
        for message in messages:
            if message.body.path is not None:
                self._forget(message.body)
            for copy in message.copies:
                if copy.reservation is not None:
                    settle(copy.reservation, kept=copy.failure is None)

    def _make_durable(self, messages: Sequence[Message]) -> None:
        """Every body lies in a file that a power cut does not touch."""
        for message in messages:
            for copy in message.copies:
                if copy.limited and copy.failure is None:
                    _try(self._reserve, message, copy)
            self._make(message)
        if len(messages) > 1:
            self._start(messages)
        for message in messages:
            self._harden(message)

    def _each(self, message: Message, step: Callable[[Message, Copy], None]) -> None:
        """Take a step for each mailbox that has not failed."""
        for copy in message.copies:
            if copy.failure is None:
                _try(step, message, copy)

    def _look(self, message: Message, copy: Copy) -> None:
        """Find the place, and room in it, before anything is reserved: Quota.room."""
        copy.unique = self.unique.next(self.files.now())
        try:
            copy.place = self.places.get(copy.target)
        except FileNotFoundError:
            self.make_missing(copy.target)
            copy.place = self.places.get(copy.target)
        if copy.place.limited:
            copy.limited = Quota(self.files, copy.target.account).room(
                message.body.size
            )

    def _reserve(self, message: Message, copy: Copy) -> None:
        quota = Quota(self.files, copy.target.account)
        copy.reservation = quota.reserve(message.body.size)

    def _make(self, message: Message) -> None:
        """Write the body to a file, for the first mailbox that can have it."""
        if message.body.path is not None:
            return
        for copy in message.copies:
            if copy.failure is None and _try(self._write, message, copy):
                return

    def _write(self, message: Message, copy: Copy) -> None:
        path = self.staging + b"/" + copy.unique
        chunks = [message.body.octets or b""]
        try:
            message.fd = write_new(self.files, path, chunks)
        except FileNotFoundError:  # it was there when the server started
            with suppress(FileExistsError):
                self.files.mkdir(self.staging)
            message.fd = write_new(self.files, path, chunks)
        message.body.path = path
        message.maker = copy

    def _start(self, messages: Sequence[Message]) -> None:
        for message in messages:
            if message.maker is not None:
                with suppress(OSError):
                    self.files.start_writing(message.fd)

    def _harden(self, message: Message) -> None:
        """Make the file durable; if that can't be, another for the next mailbox."""
        body = message.body
        while message.maker is not None:
            maker, message.maker = message.maker, None
            fd, message.fd = message.fd, -1
            try:
                close_durable(self.files, fd)
            except OSError as failure:
                maker.failure = storage_error(failure)
                self._forget(body)
                self._make(message)

    def _name(self, message: Message, copy: Copy) -> None:
        """Give the message its name in a mailbox."""
        try:
            self._place(message, copy)
        except FileNotFoundError:
            self._make_place(copy)
            self._place(message, copy)

    def _place(self, message: Message, copy: Copy) -> None:
        body, target, directory = message.body, copy.target, copy.held.directory
        assert body.path is not None  # noqa: S101 - _harden saw to it
        name = b"%s,S=%d,W=%d" % (copy.unique, body.size, body.wire)
        if target.place == b"cur":
            name += b":2," + target.letters
        if len(message.copies) == 1 and self._move(body.path, directory, name):
            body.path = None
        else:
            spare = target.folder + b"/tmp/" + copy.unique + b"c"
            link_or_copy(self.files, body.path, spare, (directory, name))
        copy.path = b"%s/%s/%s" % (target.folder, target.place, name)

    def _move(self, path: bytes, directory: Directory, name: bytes) -> bool:
        """Move a file into a directory; False if that is on another file system."""
        try:
            self.files.rename_into(path, directory, name)
        except OSError as failure:
            if failure.errno != errno.EXDEV:
                raise
            return False
        return True

    def _make_place(self, copy: Copy) -> None:
        """It was there a moment ago."""
        self.places.forget(copy.target)
        self.make_missing(copy.target)
        copy.place = self.places.get(copy.target)

    def _sync(self, copies: Iterable[Copy]) -> None:
        """Make the names durable, each directory once."""
        asked: dict[Directory, OSError | None] = {}
        for copy in copies:
            if copy.path is None:
                continue
            directory = copy.held.directory
            if directory not in asked:
                asked[directory] = self._problem_of_sync(directory)
            failure = asked[directory]
            if failure is not None:
                copy.failure = storage_error(failure)
                self.places.forget(copy.target)
                with suppress(OSError):
                    self.files.unlink(copy.path)

    def _problem_of_sync(self, directory: Directory) -> OSError | None:
        try:
            self.files.sync(directory)
        except OSError as failure:
            return failure
        return None

    def _forget(self, body: Body) -> None:
        """Remove the file of a body, if it still has one of its own."""
        if body.path is not None:
            with suppress(OSError):
                self.files.unlink(body.path)
            body.path = None


def _try(step: Callable[[Message, Copy], None], message: Message, copy: Copy) -> bool:
    """Take a step; what goes wrong is noted at the copy, and the others go on."""
    try:
        step(message, copy)
    except OSError as failure:
        copy.failure = storage_error(failure)
    except StoreError as failure:
        copy.failure = failure
    return copy.failure is None


def write_new(files: Files, path: bytes, chunks: Iterable[bytes]) -> int:
    """Make a file, not durable yet; a descriptor of it.

    Raises:
        OSError: there is no file.
    """
    fd = files.create(path)
    try:
        for chunk in chunks:
            files.write(fd, chunk)
    except OSError:
        with suppress(OSError):
            files.close(fd)
        with suppress(OSError):
            files.unlink(path)
        raise
    return fd


def close_durable(files: Files, fd: int) -> None:
    """Make the content of a file durable, and close it whatever comes of that."""
    try:
        files.fsync(fd)
    finally:
        files.close(fd)


def write_durable(files: Files, path: bytes, chunks: Iterable[bytes]) -> None:
    """Make a file whose content is durable, or none."""
    fd = write_new(files, path, chunks)
    try:
        close_durable(files, fd)
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

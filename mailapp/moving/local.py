"""Mailboxes in files: mbox files and Maildirs, alone or in trees of folders.

A folder with ``cur`` and ``new`` is a Maildir; its subfolders ``.A.B`` are those of
Maildir++. Other folders are looked through for Maildirs and mbox files. No symbolic
link in a tree is followed: the tree may belong to somebody who must not read what the
server can.
"""

from __future__ import annotations

import gzip
import os
import shutil
import tempfile
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Final

from attrs import field, frozen

from mailapp.moving.mbox import is_mbox, messages
from mailapp.moving.names import level_of_directory, level_of_file, levels_of_plus
from mailapp.moving.types import MoveProblem, Offered, Run, Shelf, streamed
from mailapp.moving.window import BLOCK_OCTETS, Window
from mailapp.storage.files import Files, read_whole
from mailapp.storage.maildir import keywords
from mailapp.storage.maildir.filename import (
    MessageName,
    arrival,
    parse,
    received,
    unique_part,
)
from mailapp.storage.maildir.marks import SUBSCRIPTIONS, parse_subscriptions
from mailapp.storage.types import INBOX

_GZIP: Final = b"\x1f\x8b"
_LOOK_OCTETS: Final = 1000
_DEEPEST: Final = 20
_TRIES: Final = 5


@frozen
class _Found:
    """A mailbox in the files."""

    path: bytes
    maildir: bool


@frozen
class LocalSource:
    """Mailboxes at a path.

    Attributes:
        files: the disk.
        path: of a file or a folder; absolute.
        into: what it comes into. An mbox file and the INBOX of a Maildir come right
            there, all others below it.
        user: of the account: a file of this name, as in ``/var/mail``, is an INBOX.
    """

    files: Files
    path: bytes
    into: tuple[str, ...] = ()
    user: str = ""
    _found: dict[bytes, _Found] = field(factory=dict, init=False)

    @property
    def key(self) -> bytes:
        """Names the source."""
        return b"file:" + self.path

    async def shelves(self) -> Sequence[Shelf]:
        """All mailboxes, INBOX first."""
        facts = self.files.facts(self.path)
        if facts.directory:
            shelves = list(self._directory(self.path, (), 0))
        elif facts.regular:
            shelves = list(self._file(self.path, ()))
        else:
            shelves = []
        if not shelves:
            msg = "there is neither a Maildir nor an mbox file"
            raise MoveProblem(msg)
        return sorted(shelves, key=lambda shelf: (shelf.name != INBOX, shelf.name))

    async def messages(self, shelf: Shelf, run: Run) -> AsyncIterator[Offered]:
        """The messages of a mailbox."""
        found = self._found[shelf.key]
        if found.maildir:
            for offered in self._maildir(found.path, run):
                yield offered
            return
        with opened(self.files, found.path) as file:
            run.watch.expect(file.size())
            for message in messages(Window(file)):
                step = message.end - message.start
                if message.left_out:
                    run.tally.left_out += 1
                    run.watch.advance(step)
                    continue
                chunks = streamed(message.chunks)
                yield Offered(None, message.flags, message.received, chunks, step)

    # ---- finding mailboxes

    def _directory(
        self, path: bytes, name: tuple[str, ...], depth: int
    ) -> Iterator[Shelf]:
        if depth > _DEEPEST:
            return
        below = sorted(self.files.directories(path))
        if {b"cur", b"new"} <= set(below):
            below = [each for each in below if each not in {b"cur", b"new", b"tmp"}]
            yield from self._plus(path, name, below)
            below = [each for each in below if not each.startswith(b".")]
        else:
            for file in sorted(self.files.names(path)):
                yield from self._file(path + b"/" + file, name)
        for each in below:
            if not each.startswith(b"."):
                level = level_of_directory(each)
                yield from self._directory(
                    path + b"/" + each, (*name, level), depth + 1
                )

    def _plus(
        self, path: bytes, name: tuple[str, ...], below: Sequence[bytes]
    ) -> Iterator[Shelf]:
        """A Maildir and its subfolders."""
        listed = read_whole(self.files, path + b"/" + SUBSCRIPTIONS)
        names = None if listed is None else parse_subscriptions(listed)[0]
        yield self._shelf(path, name or INBOX, names, maildir=True)
        for each in below:
            own = path + b"/" + each
            if each.startswith(b".") and self.files.exists(own + b"/cur"):
                levels = (*name, *levels_of_plus(each))
                yield self._shelf(own, levels, names, maildir=True)

    def _file(self, path: bytes, name: tuple[str, ...]) -> Iterator[Shelf]:
        """An mbox file; an empty one is none, and neither are other files."""
        base = path.rpartition(b"/")[2]
        with suppress(OSError, EOFError), opened(self.files, path) as file:
            if is_mbox(file.read(0, _LOOK_OCTETS).lstrip(b"\r\n")):
                level = level_of_file(base)
                if base == b"mbox" and name:
                    own = name  # Apple Mail: Name.mbox/mbox
                elif not name and self._is_inbox(base, level):
                    own = INBOX
                else:
                    own = (*name, level)
                if path == self.path and self.into:
                    own = INBOX
                yield self._shelf(path, own, None, maildir=False)

    def _is_inbox(self, base: bytes, level: str) -> bool:
        """INBOX in any case, ``~/mbox``, or ``/var/mail/alice``."""
        return level.upper() == INBOX[0] or base in {b"mbox", self.user.encode()}

    def _shelf(
        self,
        path: bytes,
        name: tuple[str, ...],
        subscriptions: frozenset[tuple[str, ...]] | None,
        *,
        maildir: bool,
    ) -> Shelf:
        key = path[len(self.path) :]
        self._found[key] = _Found(path, maildir)
        subscribed = None if subscriptions is None else name in subscriptions
        if self.into:
            name = self.into if name == INBOX else (*self.into, *name)
        return Shelf(name, key, subscribed)

    # ---- a Maildir

    def _maildir(self, path: bytes, run: Run) -> Iterator[Offered]:
        words = keywords.read(self.files, path)
        every = []
        for part, name in _names(self.files, path):
            parsed = parse(name)
            if parsed is not None:
                every.append((arrival(parsed.unique), part + name))
        every.sort()
        run.watch.expect(len(every))
        for (*_, unique), place in every:
            if run.known(unique):
                continue
            found = self._open(path, place, unique)
            if found is None:
                run.tally.left_out += 1
                run.watch.advance(1)
                continue
            parsed, when, fd = found
            try:
                flags = words.flags(parsed.flags)
                yield Offered(unique, flags, when, streamed(_octets(self.files, fd)))
            finally:
                self.files.close(fd)

    def _open(
        self, path: bytes, place: bytes, unique: bytes
    ) -> tuple[MessageName, int, int] | None:
        """Name, time and descriptor of a message; None: it is gone.

        A program that reads the mail just now may have given it another name.
        """
        own: bytes | None = path + place
        for _ in range(_TRIES):
            if own is None:
                break
            try:
                return self._opened(own)
            except FileNotFoundError:
                names = _names(self.files, path)
                again = (b + n for b, n in names if unique_part(n) == unique)
                own = next((path + other for other in again), None)
        return None

    def _opened(self, path: bytes) -> tuple[MessageName, int, int] | None:
        parsed = parse(path.rpartition(b"/")[2])
        if parsed is None:
            return None
        when = received(parsed)
        if when is None:
            when = self.files.facts(path).mtime // 10**9
        return parsed, when, self.files.open_read(path)


def _names(files: Files, path: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Messages of a Maildir: part and name."""
    for part in (b"/new/", b"/cur/"):
        with suppress(FileNotFoundError):
            for name in files.walk(path + part):
                yield part, name


def _octets(files: Files, fd: int) -> Iterator[bytes]:
    """The octets of a message; Dovecot's zlib plugin may have compressed them."""
    at = 0
    chunk = files.read(fd, 0, BLOCK_OCTETS)
    if chunk.startswith(_GZIP):
        with gzip.open(os.fdopen(os.dup(fd), "rb")) as packed:
            while chunk := packed.read(BLOCK_OCTETS):
                yield chunk
        return
    while chunk:
        yield chunk
        at += len(chunk)
        chunk = files.read(fd, at, BLOCK_OCTETS)


@frozen
class _Open:
    """An open file that can be read anywhere."""

    files: Files
    fd: int

    def size(self) -> int:
        """Octets in it."""
        return self.files.size(self.fd)

    def read(self, start: int, length: int) -> bytes:
        """Up to ``length`` octets from ``start``; none at the end."""
        return self.files.read(self.fd, max(0, start), length)


@contextmanager
def opened(files: Files, path: bytes) -> Iterator[_Open]:
    """An mbox file; one that gzip made is unpacked into a file without name."""
    fd = files.open_read(path)
    try:
        if files.read(fd, 0, 2) != _GZIP:
            yield _Open(files, fd)
            return
        with tempfile.TemporaryFile() as plain:
            with gzip.open(os.fdopen(os.dup(fd), "rb")) as packed:
                shutil.copyfileobj(packed, plain, BLOCK_OCTETS)
            plain.flush()
            yield _Open(files, plain.fileno())
    finally:
        files.close(fd)

"""The durable record of what was fetched from one source.

A file of records (:mod:`mailapp.fetch.book`) to which is only appended while a run
lasts, and a lock beside it that one process at a time holds. The order that makes a
message come exactly once:

1. the message is complete, in a file that no mailbox shows yet;
2. ``intend``: the intent is on disk;
3. the delivery; the message is in the mailbox, durably;
4. ``deliver``, then ``sync``: that it was is on disk;
5. only then is the server told to delete it.

After a crash an intent without a delivery is looked for in the mailbox, by the id in
the Received field that our delivery wrote (:mod:`mailapp.fetch.traces`). It is there:
then it was delivered. It is not: then the server still has it, and it comes again.

Step 4 of one message goes to the disk with step 2 of the next; what a crash loses of it
is found in the mailbox. All methods block: call them in a thread.
"""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from typing import Final, Self

from mailapp.fetch.book import Book, Intent, join, read_book
from mailapp.storage.files import Files, replace

MOST_OCTETS: Final = 2**30
"""A ledger is never larger; one of 1,000,000 messages has some 150 MiB."""


class Busy(Exception):
    """Another process is fetching from this source."""


class BadLedger(Exception):
    """The file is no ledger that this version can read; the text names it."""


class Ledger:
    """The ledger of one source, locked.

    Attributes:
        book: what it says; change it by the methods below only.
    """

    def __init__(self, files: Files, directory: bytes, name: bytes, lock: int) -> None:
        self.book = Book()
        self._files: Final = files
        self._directory: Final = directory
        self._name: Final = name
        self._lock = lock
        self._fd = -1
        self._unwritten: list[bytes] = []
        self._stale = False

    @classmethod
    def open(cls, files: Files, directory: bytes, name: str) -> Self:
        """Lock and read it; it is made if it is not there, and so is its folder.

        What it says is durable when this returns, whatever a crash or a failed write
        has left of it: it is written anew.

        Raises:
            Busy: another process has it.
            BadLedger: it can't be read.
            OSError: the disk.
        """
        _make_directory(files, directory)
        path = directory + b"/" + name.encode("ascii")
        lock = files.open_scratch(path + b".lock")
        try:
            _lock(files, lock)
            ledger = cls(files, directory, name.encode("ascii"), lock)
            ledger._read()
            ledger._rewrite()
        except BaseException:
            files.close(lock)
            raise
        return ledger

    def close(self) -> None:
        """Let others have it. Closing twice is no error."""
        lock, self._lock = self._lock, -1
        if lock < 0:
            return
        try:
            if self._unwritten or self._stale:
                self._rewrite()
        finally:
            self._close_file()
            self._files.close(lock)

    def intend(self, intent: Intent) -> None:
        """A delivery begins; durable when this returns."""
        self._note(self.book.intend(intent))
        self.sync()

    def deliver(self, key: bytes, digest: bytes, at: float) -> None:
        """It was delivered. Durable at the next :meth:`intend` or :meth:`sync`."""
        self._note(self.book.deliver(key, digest, int(at)))

    def leave(self, key: bytes, octets: int) -> None:
        """It is too large; as durable as a delivery."""
        self._note(self.book.leave(key, octets))

    def doubt(self, key: bytes) -> None:
        """Its unique-id is ambiguous; as durable as a delivery."""
        self._note(self.book.doubt(key))

    def forget(self, key: bytes) -> None:
        """Know nothing of it any more; as durable as a delivery."""
        self._note(self.book.forget(key))

    def forget_deleted(self, keys: Iterable[bytes]) -> None:
        """The server has removed these messages; as durable as a delivery."""
        for key in self.book.without(keys):
            self.forget(key)

    def note_offered(
        self, offered: frozenset[bytes], now: float, *, whole: bool
    ) -> None:
        """See :meth:`Book.note_offered`; durable when the ledger is closed."""
        if self.book.note_offered(offered, int(now), whole=whole):
            self._stale = True

    def sync(self) -> None:
        """All that was noted is durable when this returns.

        Raises:
            OSError: the ledger is of no use any more; open it anew.
        """
        if not self._unwritten:
            return
        octets, self._unwritten = join(self._unwritten), []
        if self._fd < 0:
            self._fd = self._files.open_append(self._path)
        try:
            self._files.write(self._fd, octets)
            self._files.fsync(self._fd)
        except OSError:
            # What is on disk now is not known: nothing is ever appended behind it.
            self._stale = True
            self._close_file()
            raise

    @property
    def _path(self) -> bytes:
        return self._directory + b"/" + self._name

    def _note(self, record: bytes) -> None:
        self._unwritten.append(record)

    def _read(self) -> None:
        try:
            fd = self._files.open_read(self._path)
        except FileNotFoundError:
            return
        try:
            octets = self._files.read(fd, 0, MOST_OCTETS)
        finally:
            self._files.close(fd)
        try:
            self.book, _ = read_book(octets)
        except ValueError as problem:
            path = self._path.decode("utf-8", "replace")
            raise BadLedger(f"{path}: {problem}") from None

    def _rewrite(self) -> None:
        """Put a file in its place that says what the book says, and no more."""
        self._close_file()
        replace(self._files, self._directory, self._name, join(self.book.records()))
        self._unwritten.clear()
        self._stale = False

    def _close_file(self) -> None:
        fd, self._fd = self._fd, -1
        if fd >= 0:
            with suppress(OSError):
                self._files.close(fd)


def _lock(files: Files, fd: int) -> None:
    if not files.lock(fd, wait=False):
        raise Busy


def _make_directory(files: Files, directory: bytes) -> None:
    """Make it, durably; the one above it is there."""
    if not files.exists(directory):
        with suppress(FileExistsError):
            files.mkdir(directory)
        files.sync_directory(directory.rpartition(b"/")[0] or b"/")

"""UIDs of one mailbox, and the numbers of an account: given once, never again.

``mailapp-uids`` is the truth: the mailbox's id, its UIDVALIDITY, and a *ceiling* that
is above every UID ever given. It is replaced by rename and durable before a UID below
its ceiling is used. ``mailapp-uids.lock`` is locked while UIDs are given and notes the
next one without making it durable: when the machine was restarted since, or the note is
damaged, the next UID is the ceiling. A killed process loses nothing by that, a power
cut skips at most one block, and no UID comes twice (RFC 9051, section 2.3.1.1).

UIDVALIDITY comes from a counter of the account, which starts at the clock of its first
day and then only counts: a clock that jumps back makes no value come again.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

from attrs import define, frozen

from mailapp.storage.files import Files, read_whole, replace
from mailapp.storage.maildir.filename import MAX_UID
from mailapp.storage.maildir.layout import COUNTER, COUNTER_LOCK, UIDS, UIDS_LOCK
from mailapp.storage.types import TooMany

BLOCK: Final = 128
"""UIDs reserved at once; so many may be skipped by a power cut."""
_MOST: Final = 64
"""More octets than ``mailapp-uids`` has: each is room that has to be found."""
_TRUTH: Final = re.compile(rb"1 ([0-9]{1,10}) ([0-9]{1,10}) ([0-9]{1,10})\n")
_NOTE: Final = re.compile(rb"([0-9A-Za-z]{1,40}) ([0-9]{10}) ([0-9]{10})\n")
_COUNT: Final = re.compile(rb"1 ([0-9]{1,10})\n")


@frozen
class Numbers:
    """What ``mailapp-uids`` says.

    Attributes:
        folder: id of the mailbox.
        ceiling: above every UID ever given.
    """

    folder: int
    validity: int
    ceiling: int


def read_numbers(files: Files, path: bytes) -> Numbers | None:
    """The numbers of a mailbox; None when it has none yet, or they are damaged."""
    match = _TRUTH.fullmatch(read_whole(files, path + b"/" + UIDS, _MOST) or b"")
    return Numbers(int(match[1]), int(match[2]), int(match[3])) if match else None


def write_numbers(files: Files, path: bytes, numbers: Numbers) -> None:
    """Make them the durable ones."""
    text = b"1 %d %d %d\n" % (numbers.folder, numbers.validity, numbers.ceiling)
    replace(files, path, UIDS, text)


@contextmanager
def locked(files: Files, path: bytes, *, shared: bool = False) -> Iterator[int]:
    """Hold the lock of a file, made if it is not there; yields its descriptor."""
    fd = files.open_scratch(path)
    try:
        files.lock(fd, wait=True, shared=shared)
        yield fd
    finally:
        files.close(fd)


@define(eq=False)
class Turn:
    """The right to give UIDs in a mailbox, while its lock is held.

    Attributes:
        next: the UID that is given next: UIDNEXT.
    """

    _files: Files
    _path: bytes
    _fd: int
    numbers: Numbers
    next: int

    def take(self, count: int) -> int:
        """Give out so many, rising by one; the first of them.

        Raises:
            TooMany: the mailbox has no more UIDs.
        """
        first, after = self.next, self.next + count
        if after > MAX_UID:
            raise TooMany
        if after > self.numbers.ceiling:
            ceiling = min(after + BLOCK, MAX_UID)
            raised = Numbers(self.numbers.folder, self.numbers.validity, ceiling)
            write_numbers(self._files, self._path, raised)
            self.numbers = raised
        self.next = after
        note = b"%s %010d %010d\n" % (self._files.boot(), self.numbers.validity, after)
        self._files.overwrite(self._fd, note)
        return first


@contextmanager
def turn(
    files: Files, path: bytes, begin: Callable[[], tuple[int, int]]
) -> Iterator[Turn]:
    """Take one's turn to give UIDs; others wait, also in other processes.

    Args:
        files: the disk.
        path: of the mailbox.
        begin: id and UIDVALIDITY for a mailbox that has none.
    """
    with locked(files, path + b"/" + UIDS_LOCK) as fd:
        numbers = read_numbers(files, path)
        if numbers is None:
            numbers = Numbers(*begin(), 1)
            write_numbers(files, path, numbers)
        yield Turn(files, path, fd, numbers, _next(files, fd, numbers))


def _next(files: Files, fd: int, numbers: Numbers) -> int:
    """The noted UID if the note is of this run of the machine, else the ceiling."""
    match = _NOTE.match(files.read(fd, 0, 100))
    if match is None or match[1] != files.boot() or int(match[2]) != numbers.validity:
        return numbers.ceiling
    return min(int(match[3]), numbers.ceiling)


def next_number(files: Files, account: bytes, above: Callable[[], int]) -> int:
    """A number that the account never had, for a mailbox id or a UIDVALIDITY.

    Args:
        files: the disk.
        account: its path.
        above: the highest number seen in its mailboxes; asked when the counter is
            missing or damaged.
    """
    with locked(files, account + b"/" + COUNTER_LOCK):
        match = _COUNT.fullmatch(read_whole(files, account + b"/" + COUNTER) or b"")
        today = files.now() // 1_000_000_000
        number = int(match[1]) if match else max(above() + 1, today)
        if number > MAX_UID:
            raise TooMany
        replace(files, account, COUNTER, b"1 %d\n" % (number + 1))
        return number

"""What the commands of the TRANSACTION state do to a maildrop (RFC 1939, section 5)."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from typing import Final, assert_never

from attrs import define

from mailapp.pop3 import replies
from mailapp.pop3.grammar import (
    Dele,
    List,
    MaildropCommand,
    Noop,
    Retr,
    Rset,
    Stat,
    Top,
    Uidl,
)
from mailapp.pop3.multiline import TopCutter, TopRest, close_chunks
from mailapp.pop3.replies import Answer, Block, Reply
from mailapp.storage.maildrop import Absence, Maildrop
from mailapp.storage.types import Item

SCAN_ROWS: Final = 4000  # of about 16 octets: some 64 KiB and one millisecond at a time
UNIQUE_ID_ROWS: Final = 1000  # of at most 81 octets
Rows = Callable[[Iterable[tuple[int, Item]]], bytes]


@define
class Counts:
    """What a session did, for the log."""

    retrieved: int = 0
    topped: int = 0
    removed: int = 0
    octets: int = 0


async def perform(command: MaildropCommand, drop: Maildrop, counts: Counts) -> Answer:
    """Do one command of the TRANSACTION state.

    Raises:
        StoreError: answered -ERR [SYS/TEMP].
    """
    answer: Answer
    match command:
        case Retr():
            answer = await _retr(command.number, drop, counts)
        case Dele():
            answer = _dele(command.number, drop)
        case List():
            answer = _listing(command.number, drop, _scan_line, _scan_rows, SCAN_ROWS)
        case Uidl():
            answer = _listing(
                command.number, drop, _unique_id_line, _unique_id_rows, UNIQUE_ID_ROWS
            )
        case Stat():
            answer = replies.ok(f"{drop.messages} {drop.octets}")
        case Top():
            answer = await _top(command, drop, counts)
        case Noop():
            answer = replies.NOOP
        case Rset():
            drop.unmark_all()
            answer = replies.maildrop(drop.messages, drop.octets)
        case _:
            assert_never(command)
    return answer


def _absent(number: int, drop: Maildrop) -> Reply:
    if drop.is_marked(number):
        return replies.ALREADY_DELETED
    return replies.NO_SUCH_MESSAGE


async def _retr(number: int, drop: Maildrop, counts: Counts) -> Answer:
    item = drop.find(number)
    if item is None:
        return _absent(number, drop)
    content = await drop.read(item)
    if isinstance(content, Absence):
        return replies.VANISHED
    counts.retrieved += 1
    counts.octets += item.size_octets
    status = b"+OK %d octets\r\n" % item.size_octets
    return Block(status, content.first, content.rest)


async def _top(command: Top, drop: Maildrop, counts: Counts) -> Answer:
    item = drop.find(command.number)
    if item is None:
        return _absent(command.number, drop)
    content = await drop.read(item)
    if isinstance(content, Absence):
        return replies.VANISHED
    counts.topped += 1
    cutter = TopCutter(command.lines)
    first = cutter.cut(content.first)
    rest = content.rest
    if rest is not None:
        if cutter.done:
            await close_chunks(rest)
            rest = None
        else:
            rest = TopRest(cutter, rest)
    return Block(b"+OK top of message follows\r\n", first, rest)


def _dele(number: int, drop: Maildrop) -> Reply:
    if drop.mark(number):
        return replies.ok(f"message {number} deleted")
    return _absent(number, drop)


def _listing(
    number: int | None,
    drop: Maildrop,
    line: Callable[[int, Item], str],
    rows: Rows,
    count: int,
) -> Answer:
    """LIST and UIDL: one line, or all of them in pieces of some 64 KiB."""
    if number is not None:
        item = drop.find(number)
        return _absent(number, drop) if item is None else replies.ok(line(number, item))
    batches = drop.batches(count)
    first = rows(next(batches, ()))
    rest = None if len(drop) <= count else _pieces(batches, rows)
    status = f"+OK {drop.messages} messages ({drop.octets} octets)\r\n"
    return Block(status.encode("ascii"), first, rest)


async def _pieces(
    batches: Iterator[Iterable[tuple[int, Item]]], rows: Rows
) -> AsyncIterator[bytes]:
    for batch in batches:
        yield rows(batch)


def _scan_line(number: int, item: Item) -> str:
    return f"{number} {item.size_octets}"


def _scan_rows(batch: Iterable[tuple[int, Item]]) -> bytes:
    lines = [f"{number} {item.size_octets}\r\n" for number, item in batch]
    return "".join(lines).encode("ascii")


def _unique_id_line(number: int, item: Item) -> str:
    return f"{number} {item.guid.decode('ascii')}"


def _unique_id_rows(batch: Iterable[tuple[int, Item]]) -> bytes:
    return b"".join([b"%d %b\r\n" % (number, item.guid) for number, item in batch])

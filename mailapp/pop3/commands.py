"""What the commands of the TRANSACTION state do to a maildrop (RFC 1939, section 5)."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping
from itertools import chain
from typing import Final, assert_never

from attrs import define, field, frozen

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
from mailapp.pop3.surrogate import View
from mailapp.storage.maildrop import Content, Maildrop

SCAN_ROWS: Final = 4000  # of about 16 octets: some 64 KiB and one millisecond at a time
UNIQUE_ID_ROWS: Final = 1000  # of at most 81 octets
ScanRows = Callable[[Iterable[tuple[int, int]]], bytes]


@define
class Counts:
    """What a session did, for the log."""

    retrieved: int = 0
    topped: int = 0
    removed: int = 0
    octets: int = 0


@frozen
class Visit:
    """A maildrop that a session has.

    Attributes:
        drop: the maildrop.
        view: how the client sees messages.
        counts: for the log.
        retrieved: numbers of the messages that RETR was asked for.
    """

    drop: Maildrop
    view: View
    counts: Counts
    retrieved: set[int] = field(factory=set)


async def perform(command: MaildropCommand, visit: Visit) -> Answer:
    """Do one command of the TRANSACTION state.

    Raises:
        StoreError: answered -ERR [SYS/TEMP].
    """
    answer: Answer
    drop = visit.drop
    match command:
        case Retr():
            answer = await _retr(command.number, visit)
        case Dele():
            answer = _dele(command.number, drop)
        case List():
            answer = await _list(command.number, visit)
        case Uidl():
            answer = _uidl(command.number, drop)
        case Stat():
            answer = replies.facts(f"{drop.messages} {drop.octets}")
        case Top():
            answer = await _top(command, visit)
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


def retrieve(number: int, visit: Visit) -> Block | None:
    """RETR, where nobody has to wait and nothing is odd; else None. Hot."""
    drop = visit.drop
    item = drop.find(number)
    if item is None:
        return None
    octets = drop.at_hand(item)
    if octets is None or not visit.view.shows(octets):
        return None
    return _retrieved(number, len(octets), Content(octets), visit)


async def _retr(number: int, visit: Visit) -> Answer:
    item = visit.drop.find(number)
    if item is None:
        return _absent(number, visit.drop)
    content = await visit.view.read(number, item, visit.drop)
    if isinstance(content, Reply):
        return content
    # what is at hand is counted; else the store's word is taken
    octets = len(content.first) if content.rest is None else item.size_octets
    return _retrieved(number, octets, content, visit)


def _retrieved(number: int, octets: int, content: Content, visit: Visit) -> Block:
    visit.retrieved.add(number)
    counts = visit.counts
    counts.retrieved += 1
    counts.octets += octets
    return Block(replies.message(octets), content.first, content.rest)


async def _top(command: Top, visit: Visit) -> Answer:
    item = visit.drop.find(command.number)
    if item is None:
        return _absent(command.number, visit.drop)
    content = await visit.view.read(command.number, item, visit.drop)
    if isinstance(content, Reply):
        return content
    visit.counts.topped += 1
    cutter = TopCutter(command.lines)
    first = cutter.cut(content.first)
    rest = content.rest
    if rest is not None:
        if cutter.done:
            await close_chunks(rest)
            rest = None
        else:
            rest = TopRest(cutter, rest)
    return Block(replies.TOP, first, rest)


def _dele(number: int, drop: Maildrop) -> Reply:
    if drop.mark(number):
        return replies.deleted(number)
    return _absent(number, drop)


async def _list(number: int | None, visit: Visit) -> Answer:
    drop, view = visit.drop, visit.view
    if number is None:
        rows = _scan_rows if view.utf8 else _scan_rows_with(view.sizes)
        return _lines(drop, map(rows, drop.sizes(SCAN_ROWS)))
    item = drop.find(number)
    if item is None:
        return _absent(number, drop)
    size = await view.size(number, item, drop)
    return size if isinstance(size, Reply) else replies.facts(f"{number} {size}")


def _uidl(number: int | None, drop: Maildrop) -> Answer:
    if number is None:
        return _lines(drop, map(_unique_id_rows, drop.guids(UNIQUE_ID_ROWS)))
    item = drop.find(number)
    if item is None:
        return _absent(number, drop)
    return replies.facts(f"{number} {item.guid.decode('ascii')}")


def _lines(drop: Maildrop, pieces: Iterator[bytes]) -> Block:
    """All of LIST and UIDL, in pieces of some 64 KiB."""
    first, second = next(pieces, b""), next(pieces, None)
    rest = None if second is None else _pieces(chain([second], pieces))
    return Block(replies.listing(drop.messages, drop.octets), first, rest)


async def _pieces(pieces: Iterator[bytes]) -> AsyncIterator[bytes]:
    for piece in pieces:
        yield piece


def _scan_rows(batch: Iterable[tuple[int, int]]) -> bytes:
    return b"".join([b"%d %d\r\n" % row for row in batch])


def _scan_rows_with(sizes: Mapping[int, int]) -> ScanRows:
    """With the sizes of the surrogates that were made so far.

    # deviates: RFC 6856, section 2.1 wants all of them ("SHOULD"); that would be to
    read every message of the maildrop.
    """
    if not sizes:
        return _scan_rows

    def scan_rows(batch: Iterable[tuple[int, int]]) -> bytes:
        return _scan_rows((number, sizes.get(number, size)) for number, size in batch)

    return scan_rows


def _unique_id_rows(batch: Iterable[tuple[int, bytes]]) -> bytes:
    return b"".join([b"%d %b\r\n" % row for row in batch])

"""SEARCH, SORT and ESEARCH (RFC 3501, section 7.2.5; RFC 9051, section 7.3.4).

A response is one line, and as long as a mailbox is large; so it is made in pieces.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from mailapp.imap.responses.mailbox import ranges_of, set_octets
from mailapp.message.quoting import string

Numbers = Iterable[Sequence[int]]
"""Sequence numbers or UIDs, a few thousand at a time."""


def listing(verb: bytes, numbers: Numbers, modseq: int | None) -> Iterator[bytes]:
    """``* SEARCH 2 84 882``; RFC 7162, section 3.1.6: with the highest MODSEQ."""
    yield b"* " + verb
    for some in numbers:
        if some:
            yield (" " + " ".join(map(str, some))).encode("ascii")
    yield b"\r\n" if modseq is None else b" (MODSEQ %d)\r\n" % modseq


def extended(
    tag: bytes,
    *,
    by_uid: bool,
    items: Sequence[bytes],
    numbers: Numbers | None,
    modseq: int | None,
) -> Iterator[bytes]:
    """``* ESEARCH (TAG "A1") UID COUNT 2 ALL 4,7``.

    Args:
        tag: of the command.
        by_uid: numbers are UIDs.
        items: MIN, MAX and COUNT with their numbers.
        numbers: for ALL; None: it was not asked for, or nothing was found.
        modseq: RFC 4731, section 3.2.
    """
    words = [b"* ESEARCH (TAG %b)" % string(tag)]
    if by_uid:
        words.append(b"UID")
    words += items
    yield b" ".join(words)
    if numbers is not None:
        yield b" ALL "
        yield from in_sets(numbers)
    yield b"\r\n" if modseq is None else b" MODSEQ %d\r\n" % modseq


def in_sets(numbers: Numbers) -> Iterator[bytes]:
    """``sequence-set`` in pieces; runs of rising numbers are ranges, also in SORT.

    RFC 5267, section 3.2: a range is read upwards, whatever the order is.
    """
    last: tuple[int, int] | None = None
    first = True
    for some in numbers:
        ranges = ranges_of(some)
        if last is not None and ranges and ranges[0][0] == last[1] + 1:
            ranges[0] = (last[0], ranges[0][1])
        elif last is not None:
            ranges.insert(0, last)
        if not ranges:
            continue
        last = ranges.pop()
        if ranges:
            yield (b"" if first else b",") + set_octets(ranges)
            first = False
    if last is not None:
        yield (b"" if first else b",") + set_octets([last])

"""Untagged responses about mailboxes (RFC 9051, section 7.3)."""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Sequence

from mailapp.imap.grammar.mailbox import encode
from mailapp.imap.grammar.values.sets import Ranges
from mailapp.message.quoting import astring, string
from mailapp.storage.types import FolderId


def name_octets(name: str, *, utf8: bool) -> bytes:
    """A mailbox name for a client: ``astring``."""
    return astring(encode(name, utf8=utf8), utf8=utf8)


def list_line(
    attributes: Sequence[bytes],
    separator: str,
    name: str,
    *,
    utf8: bool,
    verb: bytes = b"LIST",
    extended: bytes = b"",
) -> bytes:
    """``LIST`` and ``LSUB`` (RFC 9051, section 7.3.1).

    Args:
        attributes: with their backslashes.
        separator: of the levels of names.
        name: Unicode.
        utf8: the client wants names in UTF-8.
        verb: LIST or LSUB.
        extended: what stands in parentheses behind the name, without them.
    """
    more = b" (%b)" % extended if extended else b""
    return b"* %b (%b) %b %b%b\r\n" % (
        verb,
        b" ".join(attributes),
        string(separator.encode("ascii")),
        name_octets(name, utf8=utf8),
        more,
    )


def flags_lines(flags: Sequence[str], *, read_only: bool) -> bytes:
    r"""``FLAGS`` and ``PERMANENTFLAGS`` (RFC 9051, sections 7.3.5 and 7.1).

    ``\*``: keywords can be made. Where nothing can be changed the list is empty, but it
    is sent: without it a client may take every flag for permanent.
    """
    known = " ".join(flags).encode("ascii")
    first = b"* FLAGS (%b)\r\n* OK [PERMANENTFLAGS " % known
    if read_only:
        return first + b"()] no flag can be changed\r\n"
    return first + b"(%b \\*)] these can be changed\r\n" % known


def set_octets(ranges: Iterable[tuple[int, int]]) -> bytes:
    """``sequence-set`` (RFC 9051, section 9)."""
    return ",".join(
        f"{low}" if low == high else f"{low}:{high}" for low, high in ranges
    ).encode("ascii")


def ranges_of(numbers: Iterable[int]) -> list[tuple[int, int]]:
    """Numbers that rise, as ranges."""
    if isinstance(numbers, array) and numbers:
        # many messages without a gap cost no more than one
        low, high = numbers[0], numbers[-1]
        if high - low == len(numbers) - 1:
            return [(low, high)]
    found: list[tuple[int, int]] = []
    low = high = 0
    for number in numbers:
        if number == high + 1 and low:
            high = number
            continue
        if low:
            found.append((low, high))
        low = high = number
    if low:
        found.append((low, high))
    return found


def within(ranges: Ranges, other: Ranges) -> Ranges:
    """What is in both; both rise."""
    found: list[tuple[int, int]] = []
    at = 0
    for low, high in ranges:
        while at < len(other) and other[at][1] < low:
            at += 1
        here = at
        while here < len(other) and other[here][0] <= high:
            found.append((max(low, other[here][0]), min(high, other[here][1])))
            here += 1
    return tuple(found)


def mailbox_id(folder: FolderId, uid_validity: int) -> bytes:
    """``objectid`` of a mailbox: it stays when it is renamed.

    RFC 8474, section 4: it is another one when UIDVALIDITY is.
    """
    return b"F%d-%d" % (folder, uid_validity)

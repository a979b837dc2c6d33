"""All that IMAP tells of a message and a cache may keep, in one pass over its octets.

::

    found = facts(read, size_octets, {Item.ENVELOPE, Item.BODYSTRUCTURE})

``read(start, end)`` gives octets of the message as it goes over the wire (CRLF), for
example of a file with ``os.pread``; as little of it is read as the facts need: of a
message whose structure nobody asks for only the header. It is plain blocking work for
a thread; for a message that is at hand there is ``facts_of``.

What a fact says never changes for one message and one ``FACTS_VERSION``.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from enum import Enum
from functools import partial
from typing import Final

from attrs import field, frozen

from mailapp.message.bodystructure import structures
from mailapp.message.envelope import envelope
from mailapp.message.fields import (
    HEADER_LIMIT,
    Header,
    HeaderDefect,
    HeaderScanner,
    parse_header,
)
from mailapp.message.part import Part, header_only
from mailapp.message.plain_fields import plain_fields
from mailapp.message.plain_header import plain_header
from mailapp.message.plain_structure import SIZE_LIMIT, plain_structure
from mailapp.message.preview import preview
from mailapp.message.quoting import string
from mailapp.message.ranges import Read, chunks
from mailapp.message.section import Section, SectionText, locate
from mailapp.message.sorting import sort_keys
from mailapp.message.structure import StructureScanner
from mailapp.message.thread_id import thread_id

FACTS_VERSION: Final = 2
"""To be kept beside cached facts; facts of another version are computed again."""
_FIRST_OCTETS: Final = 16384


class Item(Enum):
    """Facts without arguments; the values are good names for columns of a cache."""

    ENVELOPE = "envelope"  # as FETCH sends it
    BODY = "body"  # as FETCH sends it
    BODYSTRUCTURE = "bodystructure"  # as FETCH sends it
    PREVIEW = "preview"  # a string as FETCH sends it (RFC 8970)
    SORT_KEYS = "sort_keys"  # ``sorting.SortKeys.decode`` reads it
    THREAD_ID = "thread_id"  # with parentheses, as FETCH sends it (RFC 8474)

    __hash__ = object.__hash__  # there is one object of each: no need to hash names


def _in_order(names: Iterable[bytes]) -> tuple[bytes, ...]:
    return tuple(sorted({name.upper() for name in names}))


@frozen
class HeaderFields:
    """The fact BODY[HEADER.FIELDS (names)]: the octets themselves, no literal.

    Attributes:
        names: in upper case, each once, in order, so that equal questions are equal.
    """

    names: tuple[bytes, ...] = field(converter=_in_order)

    def __attrs_post_init__(self) -> None:
        """Refuse an empty list."""
        if not self.names:
            reason = "no field names"
            raise ValueError(reason)


Kind = Item | HeaderFields
_ENVELOPE: Final = Item.ENVELOPE
_BODYSTRUCTURE: Final = Item.BODYSTRUCTURE
_OF_STRUCTURE: Final = frozenset({Item.BODY, Item.BODYSTRUCTURE, Item.PREVIEW})


def facts_of(octets: bytes, kinds: Collection[Kind]) -> dict[Kind, bytes]:
    """The facts of a message that is at hand."""
    return facts(lambda start, end: octets[start:end], len(octets), kinds)


def facts(read: Read, size_octets: int, kinds: Collection[Kind]) -> dict[Kind, bytes]:
    """Compute what is asked for; never raises but what ``read`` raises."""
    if len(kinds) == 1:
        (kind,) = kinds
        if isinstance(kind, HeaderFields):
            some = plain_fields(read(0, min(size_octets, _FIRST_OCTETS)), kind.names)
            if some is not None:  # as nearly always
                return {kind: some}
    if _OF_STRUCTURE.isdisjoint(kinds):
        listed = any(kind is not _ENVELOPE for kind in kinds)
        root = read_header(read, size_octets, listed=listed)
    else:
        root = read_structure(read, size_octets)
    return {kind: _fact(kind, read, root) for kind in kinds}


def _fact(kind: Kind, read: Read, root: Part) -> bytes:  # noqa: PLR0911 - one for each
    """One fact of a message whose header or structure was read."""
    if kind is _ENVELOPE:  # the hot ones first: to match a name takes longer
        return envelope(root.header)
    if kind is _BODYSTRUCTURE:
        return structures(root).bodystructure
    match kind:
        case Item.BODY:
            return structures(root).body
        case Item.PREVIEW:
            return string(preview(read, root).encode())
        case Item.SORT_KEYS:
            return sort_keys(root.header).encode()
        case Item.THREAD_ID:
            header = partial(chunks, read, 0, root.body_start)
            return b"(%b)" % thread_id(root.header, header)
        case HeaderFields(names):
            return _fields(names, read, root)


def _fields(names: tuple[bytes, ...], read: Read, root: Part) -> bytes:
    piece = locate(Section((), SectionText.HEADER_FIELDS, names), root)
    ranges = piece.ranges if piece is not None else ()
    return b"".join(
        [chunk for start, end in ranges for chunk in chunks(read, start, end)]
    )


def read_structure(read: Read, size_octets: int) -> Part:
    """The tree of a message's parts."""
    octets = b""
    if size_octets <= SIZE_LIMIT:
        octets = read(0, size_octets)
        if len(octets) == size_octets:
            root = plain_structure(octets)
            if root is not None:  # as nearly always
                return root
    scanner = StructureScanner()
    scanner.feed(octets)
    for chunk in chunks(read, len(octets), size_octets):
        scanner.feed(chunk)
    return scanner.finish()


def read_header(read: Read, size_octets: int, *, listed: bool = True) -> Part:
    """A message of which only the header is looked at, ``header_only``.

    Without ``listed`` its fields may be listed when somebody asks for them, which takes
    less time if nobody does, else more.
    """
    first = read(0, min(size_octets, _FIRST_OCTETS))
    plain = None if listed else _plain_header(first)
    if plain is not None:
        return header_only(plain, plain.body_start, size_octets)
    header = parse_header(first)
    if HeaderDefect.NO_END not in header.defects:  # as nearly always
        return header_only(header, header.body_start, size_octets)
    scanner = HeaderScanner(HEADER_LIMIT + 1)
    for chunk in chunks(read, 0, size_octets):
        scanner.feed(chunk)
        if scanner.complete:
            break
    header = parse_header(bytes(scanner.header))
    body_start = scanner.body_start
    return header_only(
        header, size_octets if body_start is None else body_start, size_octets
    )


def _plain_header(octets: bytes) -> Header | None:
    """The header at the beginning of these octets, if it is as nearly always."""
    blank = octets.find(b"\r\n\r\n")
    if blank < 0 or octets.startswith(b"\r\n"):
        return None
    known = plain_header(octets[:blank])
    return None if known is None else Header.plain(octets[: blank + 4], known)

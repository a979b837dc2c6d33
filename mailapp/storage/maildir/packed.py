"""The messages of a Maildir in the memory of their names.

A maildrop of a million messages is a million names, held as one octet string with two
numbers for each: about 80 octets a message, where objects would take 300.
"""

from __future__ import annotations

import re
from array import array
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import accumulate
from typing import Final, Literal

from mailapp.storage.items import Items
from mailapp.storage.types import BlobRef, Item

MARK: Final = 2  # octets behind a name: a slash, and the directory's first letter
_PLACES: Final = {ord("c"): b"cur/", ord("n"): b"new/"}
_GUIDS: Final = re.compile(rb"([^,:/]+)[^/]*/[cn]")
_MARKS: Final = frozenset([b"/c", b"/n"])
_ENDS: Final = frozenset([b",", b":", b"/"])
_FOUR_OCTETS: Final = 2**32


def entry(place: bytes) -> bytes:
    """How ``new/NAME`` and ``cur/NAME`` are kept: ``NAME/n`` and ``NAME/c``.

    A name first, so that sorting gives the order of arrival.
    """
    return place[4:] + b"/" + place[:1]


def place_of(kept: bytes) -> bytes:
    """``new/NAME`` or ``cur/NAME`` of an entry."""
    return _PLACES[kept[-1]] + kept[:-MARK]


class Packed(Items):
    """See :class:`Items`.

    Args:
        prefix: of the references: the mailbox's id and a slash.
        entries: of :func:`entry`, in order of arrival.
        sizes: on the wire, in the same order.
        guids: by index, where they are not the unique part of the name.
    """

    __slots__ = ("_guids", "_names", "_prefix", "_sizes", "_starts", "octets")

    def __init__(
        self,
        prefix: bytes,
        entries: Sequence[bytes],
        sizes: Sequence[int],
        guids: Mapping[int, bytes],
    ) -> None:
        self._prefix = prefix
        self._names = b"".join(entries)
        starts = accumulate(map(len, entries), initial=0)
        self._starts = array(_code(len(self._names)), starts)
        self._sizes = array(_code(max(sizes, default=0)), sizes)
        self._guids = guids
        self.octets = sum(sizes)

    def __len__(self) -> int:
        return len(self._sizes)

    def item(self, index: int) -> Item:
        """See :class:`Items`."""
        size = self._sizes[index]  # raises IndexError
        if index < 0:
            index += len(self)
        starts = self._starts
        kept = self._names[starts[index] : starts[index + 1]]
        place = _PLACES[kept[-1]] + kept[:-MARK]
        found = self._guids.get(index) if self._guids else None
        return Item(found or unique_of(kept), size, BlobRef(self._prefix + place))

    def __iter__(self) -> Iterator[Item]:
        return map(self.item, range(len(self)))

    def sizes(self, start: int, end: int) -> Iterable[int]:
        """See :class:`Items`."""
        return self._sizes[start:end]

    def guids(self, start: int, end: int) -> Iterable[bytes]:
        """See :class:`Items`."""
        end = min(end, len(self))
        if start >= end:
            return []
        found = _GUIDS.findall(self._names, self._starts[start], self._starts[end])
        for index, guid in self._guids.items():
            if start <= index < end:
                found[index - start] = guid
        return found

    def places(self, unique: bytes) -> Iterator[bytes]:
        """``new/NAME`` or ``cur/NAME`` of what has this unique part."""
        names = self._names
        at = names.find(unique)
        while at >= 0:
            end = at + len(unique)
            ends = names[end : end + 1] in _ENDS
            if ends and (not at or names[at - MARK : at] in _MARKS):
                yield place_of(names[at : names.index(b"/", end) + MARK])
            at = names.find(unique, at + 1)  # it may begin with a letter of a mark


def unique_of(kept: bytes) -> bytes:
    """The unique part of an entry: all before the first comma, colon or slash."""
    at = kept.find(b",")
    head = kept[:at] if at >= 0 else kept[:-MARK]
    return head.partition(b":")[0] if b":" in head else head


def _code(largest: int) -> Literal["I", "Q"]:
    """Of an array that can hold it."""
    return "I" if largest < _FOUR_OCTETS else "Q"

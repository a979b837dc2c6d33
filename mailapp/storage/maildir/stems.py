"""Names, or the parts of them that never change, in one string of octets.

Each has a slash behind it, which no name of a file has in it. 100,000 of 40 octets are
4 MB, and as objects 8 MB that lie all over the memory.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator, Sequence
from itertools import accumulate, chain
from operator import eq
from typing import Final

from mailapp.storage.columns import compact, extended

_PART: Final = 128 * 1024
"""Octets that one call of C looks at: other threads wait so long, about 1 ms."""
_MOST: Final = 256
"""Octets of a name with the slash."""


def slashed(stems: Sequence[bytes]) -> bytes:
    """Each with a slash behind it."""
    return b"/".join(stems) + b"/" if stems else b""


def in_parts(octets: bytes | bytearray) -> Iterator[bytes]:
    """Some of them at a time."""
    begin = 0
    while begin < len(octets):
        end = octets.find(b"/", begin + _PART) + 1 or len(octets)
        yield bytes(octets[begin:end])
        begin = end


def apart(part: bytes) -> list[bytes]:
    """Each without its slash."""
    found = part.split(b"/")
    found.pop()
    return found


class Stems:
    """A list of them.

    Attributes:
        octets: of all.
    """

    __slots__ = ("_count", "octets")

    def __init__(self, stems: Sequence[bytes] = ()) -> None:
        self.octets = bytearray(slashed(stems))
        self._count = len(stems)

    def __len__(self) -> int:
        return self._count

    def __iter__(self) -> Iterator[bytes]:
        return chain.from_iterable(self.parts())

    def parts(self) -> Iterator[list[bytes]]:
        """Some of them at a time."""
        return map(apart, in_parts(self.octets))

    def add(self, octets: bytes | bytearray, count: int) -> None:
        """So many more."""
        self.octets += octets
        self._count += count

    def starts(self) -> array[int]:
        """Where each begins."""
        starts, begin = compact(), 0
        for part in self.parts():
            found = _starts(part, begin)
            begin = found.pop()
            starts = extended(starts, found)
        return starts


class Heap:
    """Stems of names, one after the other; columns that follow one another share it.

    A stem is what never changes of a name: all before its UID. Only ever appended to,
    so what columns refer to stays where it is.
    """

    __slots__ = ("octets",)

    def __init__(self, octets: bytearray | None = None) -> None:
        self.octets = bytearray() if octets is None else octets

    def add(self, stems: Iterable[bytes]) -> list[int]:
        """Append; where each of them begins."""
        some = list(stems)
        starts = _starts(some, len(self.octets))
        self.octets += slashed(some)
        return starts[:-1]

    def stem(self, start: int) -> bytes:
        """The one that begins there."""
        octets = self.octets
        return bytes(octets[start : octets.index(b"/", start)])

    def stems(self, starts: Sequence[int]) -> list[bytes]:
        """Those that begin there: at once, where they follow one another."""
        if not starts:
            return []
        octets = self.octets
        end = octets.index(b"/", starts[-1]) + 1
        if 0 < end - starts[0] <= _MOST * len(starts):
            found = apart(bytes(octets[starts[0] : end]))
            if len(found) == len(starts) and all(
                map(eq, starts, _starts(found, starts[0]))
            ):
                return found
        return [self.stem(start) for start in starts]


def _starts(stems: Sequence[bytes], first: int) -> list[int]:
    """Where each begins, and the end."""
    with_slash = [len(stem) + 1 for stem in stems]
    return list(accumulate(with_slash, initial=first))

"""Sets of messages, as ranges: ``1:*`` costs no more than ``1``."""

from __future__ import annotations

from enum import Enum
from typing import Final

from attrs import frozen

STAR: Final = 0
"""Stands in a range for ``*``, the largest number in use; no number is 0."""
NUMBER_MOST: Final = 2**32 - 1

Ranges = tuple[tuple[int, int], ...]
"""Ascending, disjoint, not adjacent; each with first <= last."""


@frozen
class SequenceSet:
    """RFC 9051, section 9: ``sequence-set``, of sequence numbers or of UIDs.

    Attributes:
        ranges: as written: (first, last) of 1 to 2**32-1 or STAR, and either one may be
            the larger; a single number stands as both.
    """

    ranges: tuple[tuple[int, int], ...]

    @property
    def has_star(self) -> bool:
        """What it means depends on the largest number in use."""
        return any(STAR in pair for pair in self.ranges)

    def resolve(self, largest: int) -> Ranges:
        """The numbers meant, when ``largest`` is the largest in use.

        RFC 9051, section 9: ``3:1`` is ``1:3``, and ``99:*`` always holds the largest
        number in use. In an empty mailbox (0) ``*`` alone means nothing.
        """
        pairs = []
        for first, last in self.ranges:
            low, high = first or largest, last or largest
            if low > high:
                low, high = high, low
            if low:
                pairs.append((low, high))
        return merged(pairs)


class Saved(Enum):
    """RFC 5182: ``$``, what the last SEARCH with SAVE has found."""

    SAVED = "$"


SAVED: Final = Saved.SAVED

Messages = SequenceSet | Saved
"""What a command names: a set, or the result that was saved."""


def merged(pairs: list[tuple[int, int]]) -> Ranges:
    """In order, without overlaps and gaps of nothing."""
    result: list[tuple[int, int]] = []
    for low, high in sorted(pairs):
        if result and low <= result[-1][1] + 1:
            result[-1] = (result[-1][0], max(high, result[-1][1]))
        else:
            result.append((low, high))
    return tuple(result)

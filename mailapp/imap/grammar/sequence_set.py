"""``sequence-set`` (RFC 9051, section 9)."""

from __future__ import annotations

import re
from typing import Final

from mailapp.core.failures import SyntaxProblem
from mailapp.imap.grammar.reader import Reader
from mailapp.imap.grammar.values.sets import (
    NUMBER_MOST,
    SAVED,
    STAR,
    Messages,
    Ranges,
    SequenceSet,
)

STARTS: Final = frozenset(b"0123456789*$")
"""What a set begins with, and no keyword of SEARCH does."""
_SET: Final = re.compile(rb"[0-9:*,]*+")
# 10 digits are more than any number has; nz-number begins with no 0
_RANGE: Final = re.compile(rb"([1-9][0-9]{0,9}|\*)(?::([1-9][0-9]{0,9}|\*))?").fullmatch


def messages(reader: Reader) -> Messages:
    """A set, or ``$`` (RFC 9051, section 6.4.4.1)."""
    if reader.skip(b"$"):
        return SAVED
    return sequence_set(reader)


def sequence_set(reader: Reader) -> SequenceSet:
    """A set of numbers; ``*`` is the largest in use."""
    octets = reader.take_run(_SET, "a set of messages is missing")
    return SequenceSet(tuple(map(_range, octets.split(b","))))


def known_set(reader: Reader) -> Ranges:
    """A set in which ``*`` is not allowed (RFC 7162, section 7)."""
    found = sequence_set(reader)
    if found.has_star:
        reason = "* is not allowed in this set"
        raise SyntaxProblem(reason)
    return found.resolve(0)


def encode(ranges: Ranges) -> bytes:
    """Ranges as the server writes them; empty for none."""
    return b",".join(
        b"%d" % low if low == high else b"%d:%d" % (low, high) for low, high in ranges
    )


def _range(octets: bytes) -> tuple[int, int]:
    match = _RANGE(octets)
    if match is None:
        reason = "a set of messages is malformed"
        raise SyntaxProblem(reason)
    first = _one(match[1])
    return first, first if match[2] is None else _one(match[2])


def _one(octets: bytes) -> int:
    if octets == b"*":
        return STAR
    number = int(octets)
    if number > NUMBER_MOST:
        reason = "a message number is too large"
        raise SyntaxProblem(reason)
    return number

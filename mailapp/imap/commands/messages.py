"""Which messages a command means."""

from __future__ import annotations

from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from typing import Final

from mailapp.imap.commands.context import Selected
from mailapp.imap.grammar.values.sets import Messages, Ranges, Saved
from mailapp.imap.responses.status import bad
from mailapp.storage.columns import Columns
from mailapp.storage.view import View

NO_SUCH_NUMBER: Final = bad("no message has this number")


def numbers(selected: Selected, messages: Messages, *, by_uid: bool) -> Ranges | None:
    """The sequence numbers of the messages that are meant, as far as the client knows.

    UIDs that no message has are left out (RFC 9051, section 6.4.9).

    Returns:
        None: there is no such sequence number, which is answered BAD (RFC 9051,
        section 9, ``seq-number``): see :data:`NO_SUCH_NUMBER`.
    """
    view = selected.view
    if isinstance(messages, Saved):
        return _numbers(view, selected.saved)
    if by_uid:
        largest = view.uids[-1] if view.uids else 0
        return _numbers(view, messages.resolve(largest))
    ranges = messages.resolve(len(view))
    if ranges and ranges[-1][1] > len(view):
        return None
    return ranges


def uids(selected: Selected, ranges: Ranges) -> array[int]:
    """The UIDs of sequence numbers, rising; not to be changed by the caller."""
    known: array[int] = selected.view.uids
    if ranges == ((1, len(known)),):
        return known
    found = array(known.typecode)
    for low, high in ranges:
        found += known[low - 1 : high]
    return found


def places(selected: Selected, columns: Columns, ranges: Ranges) -> Iterator[range]:
    """Where messages stand in columns that the view has not gone on to yet.

    Those that are gone have no place there; none that the client does not know is among
    them, as what is new comes last.
    """
    known = selected.view.uids
    for low, high in ranges:
        yield columns.places(known[low - 1], known[high - 1])


def _numbers(view: View, wanted: Ranges) -> Ranges:
    """Sequence numbers of the UIDs in these ranges."""
    known = view.uids
    found: list[tuple[int, int]] = []
    for low, high in wanted:
        first = bisect_left(known, low) + 1
        last = bisect_right(known, high)
        if first > last:
            continue
        if found and found[-1][1] == first - 1:
            found[-1] = (found[-1][0], last)
        else:
            found.append((first, last))
    return tuple(found)

"""A mailbox at one moment, as columns: what every session of a process looks at.

A mailbox of 100,000 messages is six arrays and the text that file names share, under
100 octets a message, where an object for each would take 1,000. Rows stand by rising
UID. Nothing in it ever changes: what happens to a mailbox makes other columns, which
share with these every array that is the same.
"""

from __future__ import annotations

import re
import sys
from abc import ABC, abstractmethod
from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Mapping, Sequence
from itertools import chain
from operator import itemgetter
from typing import Final

from attrs import evolve, field, frozen

from mailapp.storage.types import UID, BlobRef, ModSeq, Row

SYSTEM_FLAGS: Final = ("\\Seen", "\\Answered", "\\Flagged", "\\Deleted", "\\Draft")
"""Bits 0 to 4 of every mask (RFC 9051, section 2.3.2)."""
_KEYWORD: Final = re.compile(r"[!#$&'+,\-./0-9:;<=>?@A-Z\[^_`a-z|}~]{1,64}").fullmatch
SEEN: Final = 1
AT_ONCE: Final = 4096
"""Rows that one call of C looks at: other threads wait so long, about 1 ms."""
_FOUR_OCTETS: Final = 2**32
_REMEMBERED: Final = 4
_SPARSE: Final = 4
_LOWEST: Final = 0 if sys.byteorder == "little" else -1
_UNSEEN: Final = bytes(octet for octet in range(256) if not octet & SEEN)
_SEEN_ONLY: Final = bytes(octet & SEEN for octet in range(256))


def is_keyword(flag: str) -> bool:
    """Can messages have it as a keyword (RFC 9051, section 9, flag-keyword)?"""
    return _KEYWORD(flag) is not None


class Origin(ABC):
    """Where the messages of some columns come from: the store's half of a row."""

    @abstractmethod
    def blob(self, columns: Columns, place: int) -> BlobRef:
        """Refers to the body of the message in that place."""

    @abstractmethod
    def guid(self, columns: Columns, place: int) -> bytes:
        """1 to 70 octets of 0x21 to 0x7E, unique for ever in the account."""

    @abstractmethod
    def email(self, columns: Columns, place: int) -> bytes:
        """As ``guid``, but the same for all copies of a message (RFC 8474)."""

    @abstractmethod
    def saved(self, columns: Columns, place: int) -> int | None:
        """When it came to this mailbox, in seconds since the epoch (RFC 8514).

        None: nobody knows.
        """


@frozen(eq=False)
class Columns:
    r"""See the module. Places count from 0; hot loops index the arrays themselves.

    Attributes:
        uids: rising.
        modseqs: of each message; none is above ``highest_modseq``.
        masks: bit n is set: the message has ``flags[n]``. Bits above the flags belong
            to the store and mean nothing to a client.
        flags: :data:`SYSTEM_FLAGS`, then the keywords that the mailbox knows.
        sizes: octets as transferred.
        received: seconds since the epoch (INTERNALDATE), 0 to 2**32-1.
        origin: of the store.
    """

    uid_validity: int
    uid_next: int
    highest_modseq: int
    uids: array[int]
    modseqs: array[int]
    masks: array[int]
    flags: tuple[str, ...]
    sizes: array[int]
    received: array[int]
    origin: Origin
    _bits: dict[str, int] = field(factory=dict, init=False)
    _since: dict[int, Sequence[int]] = field(factory=dict, init=False)
    _sums: list[int] = field(factory=list, init=False)

    def __len__(self) -> int:
        return len(self.uids)

    def place(self, uid: int) -> int | None:
        """Where a message stands; None: it is not there."""
        at = bisect_left(self.uids, uid)
        return at if at < len(self.uids) and self.uids[at] == uid else None

    def places_of(self, uids: Sequence[int]) -> Sequence[int | None]:
        """Where messages stand; None for those that are not there."""
        if uids == self.uids:
            return range(len(self))
        return [self.place(uid) for uid in uids]

    def places(self, low: int, high: int) -> range:
        """Where the messages from one UID to another stand, both included."""
        return range(bisect_left(self.uids, low), bisect_right(self.uids, high))

    def mask_of(self, names: Iterable[str]) -> int:
        """The bits of these flags, in any case; no bit for one that is not known."""
        bits = self._bits
        if not bits:
            bits |= {name.lower(): 1 << at for at, name in enumerate(self.flags)}
        mask = 0
        for name in names:
            mask |= bits.get(name.lower(), 0)
        return mask

    def flags_of(self, mask: int) -> tuple[str, ...]:
        """The flags of a mask, in the order of their bits."""
        return tuple(name for at, name in enumerate(self.flags) if mask >> at & 1)

    def blob(self, place: int) -> BlobRef:
        """Refers to a body; reading it works after the flags have changed, too."""
        return self.origin.blob(self, place)

    def guid(self, place: int) -> bytes:
        """See :meth:`Origin.guid`."""
        return self.origin.guid(self, place)

    def email(self, place: int) -> bytes:
        """See :meth:`Origin.email`."""
        return self.origin.email(self, place)

    def saved(self, place: int) -> int | None:
        """See :meth:`Origin.saved`."""
        return self.origin.saved(self, place)

    def row(self, place: int) -> Row:
        """One message as a value: for where there are few."""
        return Row(
            uid=UID(self.uids[place]),
            modseq=ModSeq(self.modseqs[place]),
            flags=frozenset(self.flags_of(self.masks[place])),
            size_octets=self.sizes[place],
            received=self.received[place],
            guid=self.guid(place),
            blob=self.blob(place),
        )

    @property
    def unseen(self) -> int:
        r"""How many messages are without ``\Seen``."""
        return self._counted()[0]

    @property
    def octets(self) -> int:
        """The size of all messages."""
        return self._counted()[1]

    def first_unseen(self) -> int | None:
        r"""The place of the first message without ``\Seen`` (RFC 3501, section 7.1)."""
        for at in range(0, len(self), AT_ONCE):
            lowest = _lowest_octets(self.masks[at : at + AT_ONCE])
            found = lowest.translate(_SEEN_ONLY).find(0)
            if found >= 0:
                return at + found
        return None

    def changed_since(self, modseq: int) -> Sequence[int]:
        """Places of the messages with a higher MODSEQ, rising. Looked for once."""
        if modseq >= self.highest_modseq:
            return ()
        known = self._since.get(modseq)
        if known is None:
            found: list[int] = []
            for at in range(0, len(self), AT_ONCE):
                some = self.modseqs[at : at + AT_ONCE]
                if max(some) > modseq:
                    found += [n for n, own in enumerate(some, at) if own > modseq]
            self.note_since(modseq, found)
            known = found
        return known

    def note_since(self, modseq: int, changed: Sequence[int]) -> None:
        """Note what :meth:`changed_since` has to find."""
        if len(self._since) >= _REMEMBERED:
            self._since.clear()
        self._since[modseq] = changed

    def _counted(self) -> list[int]:
        if not self._sums:
            unseen = octets = 0
            for at in range(0, len(self), AT_ONCE):
                lowest = _lowest_octets(self.masks[at : at + AT_ONCE])
                unseen += len(lowest) - len(lowest.translate(None, _UNSEEN))
                octets += sum(self.sizes[at : at + AT_ONCE])
            self._sums[:] = (unseen, octets)
        return self._sums

    # ---- other columns, made from these

    def with_masks(self, masks: Mapping[int, int], modseq: int) -> Columns:
        """Other flags in some places."""
        new_masks = fitting(self.masks, masks.values())
        modseqs = self.modseqs[:]
        for place, mask in masks.items():
            new_masks[place] = mask
            modseqs[place] = modseq
        new = evolve(self, masks=new_masks, modseqs=modseqs, highest_modseq=modseq)
        new.remember(self, sorted(masks))
        return new

    def with_uid_next(self, uid_next: int) -> Columns:
        """The same, but for UIDNEXT."""
        if uid_next == self.uid_next:
            return self
        new = evolve(self, uid_next=uid_next)
        new._since.update(self._since)  # noqa: SLF001 - of this class
        return new

    def remember(self, before: Columns, changed: Sequence[int]) -> None:
        """Note what changed since other columns, in which places mean the same.

        Args:
            before: from which these were made; none of its messages went.
            changed: places, rising.
        """
        for modseq, places in list(before._since.items())[-_REMEMBERED:]:
            if len(places) < AT_ONCE:
                self._since[modseq] = sorted({*places, *changed})
        self._since[before.highest_modseq] = changed


def _lowest_octets(masks: array[int]) -> bytes:
    """The lowest octet of each."""
    at = _LOWEST % masks.itemsize
    return masks.tobytes()[at :: masks.itemsize]


def compact(numbers: Iterable[int] = (), largest: int = 0) -> array[int]:
    """An array of four or eight octets for each, as the largest needs."""
    return array("I" if largest < _FOUR_OCTETS else "Q", numbers)


def fitting(column: array[int], more: Iterable[int]) -> array[int]:
    """A copy that can also take these."""
    if max(more, default=0) < 1 << 8 * column.itemsize:
        return column[:]
    return array("Q", column)


def joined(column: array[int], more: Sequence[int]) -> array[int]:
    """A column and what comes after it."""
    fresh = fitting(column, more)
    fresh.fromlist(list(more))  # of any width
    return fresh


def extended(column: array[int], more: list[int]) -> array[int]:
    """The same column with these behind, or a wider one if they need it."""
    try:
        column.fromlist(more)  # all of them or none
    except OverflowError:
        column = array("Q", column)
        column.fromlist(more)
    return column


def without(column: array[int], places: Sequence[int]) -> array[int]:
    """A column without what stands in these places, which rise."""
    left = column[: places[0]] if places else column[:]
    for place, after in zip(places, chain(places[1:], [len(column)]), strict=False):
        left.extend(column[place + 1 : after])
    return left


def missing(old: array[int], new: array[int]) -> list[int]:
    """Places of the old UIDs that are not among the new ones. See :func:`apart`."""
    return [] if old is new else apart(old, new)[0]


def apart(old: array[int], new: array[int]) -> tuple[list[int], list[int]]:
    """Places of what is in the one only, and of what is in the other only.

    Both rise. 100,000 that are the same take 0.1 ms.
    """
    gone: list[int] = []
    came: list[int] = []
    begin = 0
    for at in range(0, len(new), AT_ONCE):
        some = new[at : at + AT_ONCE]
        end = bisect_right(old, some[-1], begin)
        other = old[begin:end]
        if some.tobytes() != other.tobytes():
            left, right = set(some), set(other)
            gone += [p for p, uid in enumerate(other, begin) if uid not in left]
            came += [p for p, uid in enumerate(some, at) if uid not in right]
        begin = end
    gone += range(begin, len(old))
    return gone, came


def order_of(keys: array[int]) -> list[int]:
    """Indexes in the order of their keys, sorted by parts to let other threads run."""
    if not keys:
        return []
    lowest = min(keys)
    span = max(keys) - lowest + 1
    if span <= _SPARSE * len(keys):
        order = _dense_order(keys, lowest, span)
        if len(order) == len(keys):
            return order  # no key came twice
    width = (span - 1) * AT_ONCE // len(keys) + 1
    parts: dict[int, list[int]] = {}
    for index, key in enumerate(keys):
        parts.setdefault((key - lowest) // width, []).append(index)
    for part in parts.values():
        part.sort(key=keys.__getitem__)
    return list(
        chain.from_iterable(
            part for _, part in sorted(parts.items(), key=itemgetter(0))
        )
    )


def _dense_order(keys: array[int], lowest: int, span: int) -> list[int]:
    """The same for keys that lie close together; of equal ones the last index only."""
    slots = array("q", [-1]) * span
    for index, key in enumerate(keys):
        slots[key - lowest] = index
    return [index for index in slots if index >= 0]


def permuted(column: array[int], order: Sequence[int]) -> array[int]:
    """What stood at those indexes, in that order."""
    fresh = array(column.typecode)
    for at in range(0, len(order), AT_ONCE):
        fresh.extend(map(column.__getitem__, order[at : at + AT_ONCE]))
    return fresh

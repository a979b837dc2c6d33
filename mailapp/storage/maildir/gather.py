"""Names of messages that have UIDs, read into columns: 100,000 in 0.3 seconds.

What is as we name it is taken in large steps. The rest, few or none, is handed back as
*bare*: it gets a UID, and by that a name that is as we name it.
"""

from __future__ import annotations

import re
from array import array
from collections.abc import Collection, Sequence
from contextlib import suppress
from functools import lru_cache
from itertools import accumulate, islice
from operator import eq, lt
from typing import Final

from attrs import define, field, frozen

from mailapp.storage.columns import (
    AT_ONCE,
    Columns,
    Origin,
    compact,
    order_of,
    permuted,
)
from mailapp.storage.maildir import filename
from mailapp.storage.maildir.filename import (
    MAX_UID,
    guid,
    letters,
    parse,
    received,
    unique_part,
    whole_stem,
)
from mailapp.storage.maildir.letters import Letters
from mailapp.storage.types import BlobRef

_BEFORE: Final = b"/"
_PATTERN: Final = (
    rb"(?<=/)"
    rb"((?:([0-9]{10})\.M[0-9]{6}P[0-9]+R[0-9a-f]{12}Q|(?!\.))[^,:/]+"
    rb",S=(?:0|[1-9][0-9]{0,14}),W=(0|[1-9][0-9]{0,14})"
    rb"(?:,D=([0-9]{1,10}))?(?:,T=[0-9]{1,10})?(?:,E=[!-+\-.0-9;-~]{1,70})?)"
    rb",U=([1-9][0-9]{0,9}),V=%d:2,([A-Za-z]*)/"
)
_S_FIELD: Final = re.compile(rb",S=([0-9]+)")
_LATEST: Final = 2**32 - 1


@lru_cache(maxsize=1024)
def _pattern(validity: int) -> re.Pattern[bytes]:
    return re.compile(_PATTERN % validity)


class Heap:
    """Stems of names, one after the other; columns that follow one another share it.

    A stem is what never changes of a name: all before its UID. Only ever appended to,
    so what columns refer to stays where it is.
    """

    __slots__ = ("octets",)

    def __init__(self, octets: bytes = b"") -> None:
        self.octets = bytearray(octets)

    def add(self, stems: Sequence[bytes]) -> list[int]:
        """Append; where each of them begins."""
        parts = [stem + b"/" for stem in stems]
        starts = list(accumulate(map(len, parts), initial=len(self.octets)))
        self.octets += b"".join(parts)
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
        end = octets.index(b"/", starts[-1])
        found = bytes(octets[starts[0] : end]).split(b"/")
        ends = accumulate((len(stem) + 1 for stem in found), initial=starts[0])
        if len(found) == len(starts) and all(map(eq, starts, ends)):
            return found
        return [self.stem(start) for start in starts]


@frozen(eq=False)
class Names(Origin):
    """The names of the files of some columns, all in ``cur``.

    Attributes:
        folder: id of the mailbox.
        starts: of the stems in the heap.
        letters: what the bits of the masks are in a name.
        odd: by UID, the names that are not as we make them.
        late: UIDs of messages whose names do not tell them yet, and how often it was
            tried in vain that they do. Their stems are whole names, and their sizes
            and dates are 0.
    """

    folder: int
    heap: Heap
    starts: array[int]
    letters: Letters
    odd: dict[int, bytes] = field(factory=dict)
    late: dict[int, int] = field(factory=dict)

    def name(self, columns: Columns, place: int) -> bytes:
        """The name of a file."""
        uid = columns.uids[place]
        if uid in self.odd:
            return self.odd[uid]
        stem = self.heap.stem(self.starts[place])
        if uid in self.late:
            return stem
        letters = self.letters.of(columns.masks[place])
        return named(stem, uid, columns.uid_validity, letters)

    def stems(self, columns: Columns, places: Sequence[int]) -> list[bytes]:
        """What never changes of the names that we make: all but the letters."""
        stems = self.heap.stems([self.starts[place] for place in places])
        form = b"%%b,U=%%d,V=%d:2," % columns.uid_validity
        uids = columns.uids
        return [
            form % (stem, uids[place])
            for stem, place in zip(stems, places, strict=True)
        ]

    def blob(self, columns: Columns, place: int) -> BlobRef:
        """See :class:`Origin`."""
        return BlobRef(b"%d/cur/%b" % (self.folder, self.name(columns, place)))

    def guid(self, columns: Columns, place: int) -> bytes:
        """See :class:`Origin`: what POP calls the UIDL."""
        del columns
        return guid(self.unique(place))

    def email(self, columns: Columns, place: int) -> bytes:
        """See :class:`Origin`."""
        return filename.email(self._telling(columns, place))

    def saved(self, columns: Columns, place: int) -> int | None:
        """See :class:`Origin`."""
        return filename.saved(self._telling(columns, place))

    def _telling(self, columns: Columns, place: int) -> bytes:
        """All that a name tells: the stem of one that is not ours is shortened."""
        odd = self.odd.get(columns.uids[place]) if self.odd else None
        return odd or self.heap.stem(self.starts[place])

    def octets(self, place: int) -> int:
        """What the file takes on disk."""
        size = _S_FIELD.search(self.heap.stem(self.starts[place]))
        return int(size[1]) if size else 0

    def place(self, unique: bytes) -> int | None:
        """Where the message with this unique part stands."""
        octets, begin = self.heap.octets, 0
        while (at := octets.find(unique, begin)) >= 0:
            begin = at + 1
            end = at + len(unique)
            whole = octets.startswith((b",", b":", b"/"), end)
            if whole and (not at or octets.startswith(b"/", at - 1)):
                with suppress(ValueError):
                    return self.starts.index(at)
        return None

    def same(self, other: Names) -> bool:
        """Are they the same names, for the same masks?"""
        return (
            self.starts == other.starts
            and self.heap.octets == other.heap.octets
            and self.odd == other.odd
        )

    def unique(self, place: int) -> bytes:
        """The part of the name that nobody changes."""
        return unique_part(self.heap.stem(self.starts[place]))


def names_of(columns: Columns) -> Names:
    """Of columns that come from a Maildir."""
    origin = columns.origin
    assert isinstance(origin, Names)  # noqa: S101 - columns of a Maildir
    return origin


def uid_of(columns: Columns | None, unique: bytes) -> int:
    """Of the message whose name has this unique part; 0: there is none."""
    place = None if columns is None else names_of(columns).place(unique)
    return 0 if columns is None or place is None else columns.uids[place]


def named(stem: bytes, uid: int, validity: int, letters: bytes) -> bytes:
    """A whole name, as :meth:`MessageName.format` makes it."""
    return b"%b,U=%d,V=%d:2,%b" % (stem, uid, validity, letters)


def in_parts_sorted(names: Sequence[bytes]) -> list[bytes]:
    """Sorted, with room for other threads."""
    rising: list[bytes] = []
    for at in range(0, len(names), AT_ONCE):
        rising += sorted(names[at : at + AT_ONCE])
    rising.sort()  # of sorted parts: that is quick
    return rising


@define(eq=False)
class Gathered:
    """Messages that have UIDs, in any order.

    Attributes:
        stems: of the names.
        received: 0: only the file tells.
        odd: by UID, the names that are not as we make them.
        bare: names in ``cur`` that have no UID here.
        late: UIDs that only :mod:`mailapp.storage.maildir.given` tells.
    """

    letters: Letters
    uids: array[int] = field(factory=compact)
    masks: array[int] = field(factory=lambda: array("Q"))
    sizes: array[int] = field(factory=lambda: array("Q"))
    received: array[int] = field(factory=lambda: array("Q"))
    stems: list[bytes] = field(factory=list)
    odd: dict[int, bytes] = field(factory=dict)
    bare: list[bytes] = field(factory=list)
    late: dict[int, int] = field(factory=dict)

    def take(self, names: Sequence[bytes], validity: int) -> None:
        """Add the names of ``cur``."""
        pattern = _pattern(validity)
        for at in range(0, len(names), AT_ONCE):
            some = names[at : at + AT_ONCE]
            joined = _BEFORE + b"/".join(some) + b"/"
            if b",U=" not in joined:
                self.bare += some
                continue
            found = pattern.findall(joined)
            if len(found) < len(some):
                found, some = self._separate(some, pattern, validity)
            if found:
                self._add(some, found)

    def _separate(
        self, names: Sequence[bytes], pattern: re.Pattern[bytes], validity: int
    ) -> tuple[list[tuple[bytes, ...]], list[bytes]]:
        found, usual = [], []
        for name in names:
            if b",U=" not in name:
                self.bare.append(name)
                continue
            match = pattern.fullmatch(b"/%b/" % name, 1)
            groups = match.groups(b"") if match else self._unusual(name, validity)
            if groups is None:
                self.bare.append(name)
            else:
                found.append(groups)
                usual.append(name)
        return found, usual

    def _unusual(self, name: bytes, validity: int) -> tuple[bytes, ...] | None:
        """A name with a UID that is not as we make them, as if it were."""
        parsed = parse(name)
        if parsed is None or parsed.validity != validity or parsed.wire is None:
            return None
        uid = parsed.uid or 0
        self.odd[uid] = name
        stem = whole_stem(parsed)
        date = received(parsed)
        numbers = [b"%d" % n for n in (parsed.wire, date or 0, uid)]
        return (stem, b"", *numbers, parsed.flags)

    def _add(self, names: Sequence[bytes], found: Sequence[tuple[bytes, ...]]) -> None:
        stems, made, wires, dates, uids, infos = zip(*found, strict=True)
        numbers = list(map(int, uids))
        if max(numbers) > MAX_UID:
            kept = [i for i, number in enumerate(numbers) if number <= MAX_UID]
            self.bare += [n for n, u in zip(names, numbers, strict=True) if u > MAX_UID]
            if kept:
                self._add([names[i] for i in kept], [found[i] for i in kept])
            return
        table = self.letters.table(set(infos))
        for uid, name, info in zip(numbers, names, infos, strict=True):
            if not table[info][1]:
                self.odd[uid] = name
        self.stems += stems
        self.uids.extend(numbers)
        self.masks.extend([table[info][0] for info in infos])
        self.sizes.extend(map(int, wires))
        self.received.extend(
            [min(int(d or m or 0), _LATEST) for d, m in zip(dates, made, strict=True)]
        )

    def take_late(self, names: Sequence[bytes], uids: Sequence[int]) -> None:
        """Add messages of ``cur`` that were given UIDs that their names do not tell."""
        for at in range(0, len(names), AT_ONCE):
            self.masks.extend(self._masks(names[at : at + AT_ONCE]))
        zeros = bytes(8 * len(names))
        self.stems += names
        self.uids.extend(uids)
        self.sizes.frombytes(zeros)
        self.received.frombytes(zeros)
        self.late.update(dict.fromkeys(uids, 0))

    def _masks(self, names: Sequence[bytes]) -> Sequence[int]:
        """Of names of any kind."""
        info = names[0].partition(b":")[2]
        if (b"/".join(names) + b"/").count(b":%b/" % info) == len(names):
            return [self.letters.mask(letters(info))] * len(names)
        infos = [name.partition(b":")[2] for name in names]
        masks = {info: self.letters.mask(letters(info)) for info in set(infos)}
        return [masks[info] for info in infos]

    def exclude(self, uids: Collection[int], validity: int) -> None:
        """Take these for messages without a UID; of those with one UID, all but one."""
        kept = []
        seen: set[int] = set()
        for index, uid in enumerate(self.uids):
            if uid in uids or uid in seen:
                name = self.stems[index]
                if self.late.pop(uid, None) is None:
                    letters = self.letters.of(self.masks[index])
                    name = self.odd.get(uid) or named(name, uid, validity, letters)
                self.bare.append(name)
            else:
                seen.add(uid)
                kept.append(index)
        self.stems = [self.stems[index] for index in kept]
        self.uids, self.masks, self.sizes, self.received = (
            permuted(column, kept)
            for column in (self.uids, self.masks, self.sizes, self.received)
        )

    def names(self, folder: int, heap: Heap, starts: array[int]) -> Names:
        """Of columns that are made of these."""
        return Names(folder, heap, starts, self.letters, self.odd, self.late)

    def rise(self) -> bool:
        """The UIDs do."""
        return all(map(lt, self.uids, islice(self.uids, 1, None)))

    def has_twins(self) -> bool:
        """Two of one UID, or of one name."""
        return len(set(self.uids)) < len(self.uids) or len(
            {stem.partition(b",")[0] for stem in self.stems}
        ) < len(self.stems)


@frozen(eq=False)
class Found:
    """Gathered messages, by rising UID."""

    uids: array[int]
    masks: array[int]
    sizes: array[int]
    received: array[int]
    names: Names


def in_order(gathered: Gathered, folder: int) -> Found:
    """By rising UID, as small as can be."""
    heap, starts = Heap(), array("Q")
    if gathered.rise():
        for at in range(0, len(gathered.stems), AT_ONCE):
            starts.extend(heap.add(gathered.stems[at : at + AT_ONCE]))
        gathered.stems.clear()
        return Found(
            uids=gathered.uids,
            masks=small(gathered.masks),
            sizes=small(gathered.sizes),
            received=small(gathered.received),
            names=gathered.names(folder, heap, small(starts)),
        )
    order = order_of(gathered.uids)
    for at in range(0, len(order), AT_ONCE):
        stems = [gathered.stems[i] for i in order[at : at + AT_ONCE]]
        starts.extend(heap.add(stems))
    gathered.stems.clear()
    return Found(
        uids=permuted(gathered.uids, order),
        masks=small(permuted(gathered.masks, order)),
        sizes=small(permuted(gathered.sizes, order)),
        received=small(permuted(gathered.received, order)),
        names=gathered.names(folder, heap, small(starts)),
    )


def small(column: array[int]) -> array[int]:
    """The same numbers in four octets each, if they fit."""
    return compact(column, max(column, default=0))

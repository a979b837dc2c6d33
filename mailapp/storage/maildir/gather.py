"""Names of messages that have UIDs, read into columns: 100,000 in 0.3 seconds.

What is as we name it is taken in large steps. The rest, few or none, is handed back as
*bare*: it gets a UID, and by that a name that is as we name it.
"""

from __future__ import annotations

import re
from array import array
from collections.abc import Collection, Iterable, Sequence
from contextlib import suppress
from functools import lru_cache
from itertools import chain
from typing import Final

from attrs import define, field, frozen

from mailapp.storage.columns import (
    Columns,
    Origin,
    compact,
    extended,
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
from mailapp.storage.maildir.stems import Heap, Stems, apart, slashed
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
        """What does not change of the names when flags do: all but the letters."""
        stems = self.heap.stems([self.starts[place] for place in places])
        form = b"%%b,U=%%d,V=%d:2," % columns.uid_validity
        uids, late = columns.uids, self.late
        return [
            form % (stem, uids[place])
            if uids[place] not in late
            else stem.partition(b":")[0] + b":2,"
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
    masks: array[int] = field(factory=compact)
    sizes: array[int] = field(factory=compact)
    received: array[int] = field(factory=compact)
    stems: Stems = field(factory=Stems)
    odd: dict[int, bytes] = field(factory=dict)
    bare: Stems = field(factory=Stems)
    late: dict[int, int] = field(factory=dict)

    def take(self, parts: Iterable[bytes], validity: int) -> None:
        """Add the names of ``cur``, in parts with a slash behind each name."""
        pattern, own = _pattern(validity), b",V=%d" % validity
        for part in parts:
            count = part.count(b"/")
            if own not in part:
                self.bare.add(part, count)
                continue
            found = pattern.findall(_BEFORE + part)
            if len(found) == count:
                self._add(part, found)
            else:
                self._separate(apart(part), pattern, validity)

    def _separate(
        self, names: Sequence[bytes], pattern: re.Pattern[bytes], validity: int
    ) -> None:
        found, usual, bare = [], [], []
        for name in names:
            groups = None
            if b",U=" in name:
                match = pattern.fullmatch(b"/%b/" % name, 1)
                groups = match.groups(b"") if match else self._unusual(name, validity)
            if groups is None:
                bare.append(name)
            else:
                found.append(groups)
                usual.append(name)
        self.bare.add(slashed(bare), len(bare))
        if found:
            self._add(slashed(usual), found)

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

    def _add(self, names: bytes, found: Sequence[tuple[bytes, ...]]) -> None:
        stems, made, wires, dates, uids, infos = zip(*found, strict=True)
        numbers = list(map(int, uids))
        if max(numbers) > MAX_UID:
            rows = list(zip(apart(names), found, numbers, strict=True))
            over = [name for name, _, uid in rows if uid > MAX_UID]
            self.bare.add(slashed(over), len(over))
            kept = [row for row in rows if row[2] <= MAX_UID]
            if kept:
                some, found, _ = zip(*kept, strict=True)
                self._add(slashed(some), found)
            return
        kinds = set(infos)
        table = self.letters.table(kinds)
        if not all(table[info][1] for info in kinds):
            for uid, name, info in zip(numbers, apart(names), infos, strict=True):
                if not table[info][1]:
                    self.odd[uid] = name
        self.stems.add(slashed(stems), len(stems))
        self.uids.fromlist(numbers)
        self.masks = extended(self.masks, [table[info][0] for info in infos])
        self.sizes = extended(self.sizes, list(map(int, wires)))
        self.received.fromlist(
            [min(int(d or m or 0), _LATEST) for d, m in zip(dates, made, strict=True)]
        )

    def take_late(self, names: Stems, uids: Sequence[int]) -> None:
        """Add messages of ``cur`` that were given UIDs that their names do not tell."""
        self.masks = extended(self.masks, self._masks(names))
        if self.stems:
            self.stems.add(names.octets, len(names))
        else:
            self.stems = names
        self.uids.extend(uids)
        # what nobody has looked at may be as large as can be
        self.sizes = array("Q", self.sizes) + array("Q", [0]) * len(uids)
        self.received += array(self.received.typecode, [0]) * len(uids)
        self.late = dict.fromkeys(chain(self.late, uids), 0)

    def _masks(self, names: Stems) -> list[int]:
        """Of names of any kind."""
        first = next(iter(names), b"").partition(b":")[2]
        if names.octets.count(b":%b/" % first) == len(names):
            return [self.letters.mask(letters(first))] * len(names)
        infos = [name.partition(b":")[2] for name in names]
        masks = {info: self.letters.mask(letters(info)) for info in set(infos)}
        return [masks[info] for info in infos]

    def exclude(self, uids: Collection[int], validity: int) -> None:
        """Take these for messages without a UID; of those with one UID, all but one."""
        kept, stems, bare = [], [], []
        seen: set[int] = set()
        for index, (uid, stem) in enumerate(zip(self.uids, self.stems, strict=True)):
            if uid in uids or uid in seen:
                name = stem
                if self.late.pop(uid, None) is None:
                    letters = self.letters.of(self.masks[index])
                    name = self.odd.get(uid) or named(stem, uid, validity, letters)
                bare.append(name)
            else:
                seen.add(uid)
                kept.append(index)
                stems.append(stem)
        self.bare.add(slashed(bare), len(bare))
        self.stems = Stems(stems)
        self.uids, self.masks, self.sizes, self.received = (
            permuted(column, kept)
            for column in (self.uids, self.masks, self.sizes, self.received)
        )

    def rise(self) -> bool:
        """The UIDs do."""
        uids = self.uids.tolist()
        return uids == sorted(uids)

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
    """By rising UID."""
    columns = [
        gathered.uids,
        gathered.masks,
        gathered.sizes,
        gathered.received,
        gathered.stems.starts(),
    ]
    if not gathered.rise():
        order = order_of(gathered.uids)
        columns = [permuted(column, order) for column in columns]
    uids, masks, sizes, received, starts = columns
    heap, letters = Heap(gathered.stems.octets), gathered.letters
    names = Names(folder, heap, starts, letters, gathered.odd, gathered.late)
    return Found(uids, masks, sizes, received, names)


def small(column: array[int]) -> array[int]:
    """The same numbers in four octets each, if they fit."""
    return compact(column, max(column, default=0))

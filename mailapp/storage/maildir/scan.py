"""What lies in a mailbox: ``new`` and ``cur`` read into one list, in order of arrival.

Other programs deliver, rename and delete at any time. ``new`` is read before ``cur``,
so a message that is moved on meanwhile is seen twice rather than not at all, and the
reading is repeated while the directories change under it. A list is good as long as
neither directory's mtime changed, but only if it was read long enough after the last
change that another one would have shown.
"""

from __future__ import annotations

import re
from array import array
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from itertools import islice
from operator import eq
from typing import Final

from attrs import evolve, frozen

from mailapp.storage.files import Files
from mailapp.storage.maildir.filename import (
    MessageName,
    UniqueNames,
    arrival,
    guid,
    parse,
)
from mailapp.storage.maildir.measure import Measured, measured
from mailapp.storage.maildir.packed import Packed, entry, place_of, unique_of
from mailapp.storage.types import BlobRef, Item

_USUAL: Final = re.compile(
    rb"(?<=/[cn])"  # behind another entry
    rb"([0-9]{10}\.M[0-9]{6}[!-+\-.0-9;-~]{1,52})"
    rb"(?:,S=[0-9]+,W=([0-9]{1,15})(?:[,:][^/]*)?|(?::2,[A-Z]*)?)/[cn]"
)
_UNTOLD: Final = b""  # in the place of the size
_ODD: Final = (b"", b"0")
_BEFORE: Final = b"/c"
_AT_ONCE: Final = 4096  # names
_TICK: Final = 20_000_000
_COARSE_TICK: Final = 2_100_000_000
_ATTEMPTS: Final = 4


@frozen(eq=False)
class Listing:
    """The messages of a mailbox at one time.

    Attributes:
        items: in order of arrival; a reference ends in ``new/`` or ``cur/`` and the
            file's name.
        mtimes: of ``new`` and ``cur``.
        steady: a change after it was read changes the mtimes.
        untold: files whose names do not tell their sizes yet; see :func:`tell`.
    """

    items: Packed
    mtimes: tuple[int, int]
    steady: bool
    untold: Sequence[Measured] = ()

    def fresh(self, files: Files, path: bytes) -> bool:
        """Is it still what lies there? Two looks at directories."""
        return self.steady and self.mtimes == mtimes(files, path)


def mtimes(files: Files, path: bytes) -> tuple[int, int]:
    """When ``new`` and ``cur`` changed last."""
    return files.mtime(path + b"/new"), files.mtime(path + b"/cur")


def scan(files: Files, path: bytes, prefix: bytes, unique: UniqueNames) -> Listing:
    """Read a mailbox.

    A file whose size on the wire its name does not tell is read, and has to be renamed
    so that it does; that takes longer than all the rest and can be done later. Of two
    different messages with the same unique part the later gets another at once.

    Args:
        files: the disk.
        path: of the mailbox.
        prefix: of the references: the mailbox's id and a slash.
        unique: makes names.
    """
    before, began, entries, after = _read(files, path)
    for _ in range(_ATTEMPTS):
        if before == after:
            break
        before, began, entries, after = _read(files, path)
    entries.sort()
    told = _told(entries)
    has_twins = told.has_twins
    untold: list[Measured] = []
    looked = _measure_usual(files, path, entries, told, untold) if told.silent else {}
    for index in told.odd:
        looked[index] = _odd_row(files, path, entries[index], untold)
    if looked:
        items = _merged(prefix, entries, told.sizes, looked)
        has_twins = _has_twins(items)
    else:
        items = Packed(prefix, entries, told.sizes, {})
    if has_twins:
        items = _packed(prefix, _without_twins(files, path, items, unique))
    steady = before == after and began - max(after) > granularity(after)
    return Listing(items, after, steady, untold)


def tell(files: Files, path: bytes, untold: Iterable[Measured]) -> None:
    """Give files the names that tell their sizes. What is gone is left out."""
    for place, size, wire in untold:
        name = parse(place[4:])
        if name is not None:
            told = evolve(name, unique=guid(name.unique), size=size, wire=wire)
            with suppress(OSError):
                fresh = place[:4] + _formatted(told, place)
                files.rename(path + b"/" + place, path + b"/" + fresh)


def _read(
    files: Files, path: bytes
) -> tuple[tuple[int, int], int, list[bytes], tuple[int, int]]:
    """The entries of both directories, and when: see :func:`packed.entry`."""
    before, began = mtimes(files, path), files.now()
    entries = [name + b"/n" for name in files.names(path + b"/new")]
    entries += [name + b"/c" for name in files.names(path + b"/cur")]
    return before, began, entries, mtimes(files, path)


def granularity(mtimes_seen: tuple[int, int]) -> int:
    """Two changes closer than this may show the same mtime."""
    whole_seconds = any(mtime % 1_000_000_000 == 0 for mtime in mtimes_seen)
    return _COARSE_TICK if whole_seconds else _TICK


@frozen(eq=False)
class _Told:
    """What sorted names tell.

    Attributes:
        sizes: 0 where the name tells none.
        silent: the indexes of usual names without a size.
        odd: the indexes of those that have to be looked at one by one.
        has_twins: two neighbours have the same unique part.
    """

    sizes: array[int]
    silent: Sequence[int]
    odd: Sequence[int]
    has_twins: bool


def _told(entries: Sequence[bytes]) -> _Told:
    """What sorted names tell: 10,000 in some 4 ms."""
    sizes = array("Q")
    silent: list[int] = []
    odd: list[int] = []
    has_twins = False
    last = b""
    for start in range(0, len(entries), _AT_ONCE):
        batch = entries[start : start + _AT_ONCE]
        found = _USUAL.findall(_BEFORE + b"".join(batch))
        if len(found) < len(batch):
            found = list(map(_guid_and_size, batch))
            odd += [start + at for at, row in enumerate(found) if row is _ODD]
        guids, numbers = zip(*found, strict=True)
        if _UNTOLD in numbers:
            silent += [start + at for at, n in enumerate(numbers) if n == _UNTOLD]
            numbers = tuple(n or b"0" for n in numbers)
        sizes.extend(map(int, numbers))
        has_twins = has_twins or _repeats((last, *guids))
        last = guids[-1]
    return _Told(sizes, silent, odd, has_twins)


def _guid_and_size(kept: bytes) -> tuple[bytes, bytes]:
    match = _USUAL.fullmatch(_BEFORE + kept, len(_BEFORE))
    return (match[1], match[2] or _UNTOLD) if match else _ODD


def _repeats(guids: Sequence[bytes]) -> bool:
    """Are two neighbours the same?"""
    return any(map(eq, guids, islice(guids, 1, None)))


@frozen
class _Row:
    """An entry that had to be looked at; ``uidl`` only if it is not the unique part."""

    kept: bytes
    size: int
    uidl: bytes = b""


def _merged(
    prefix: bytes,
    entries: Sequence[bytes],
    sizes: Sequence[int],
    looked: Mapping[int, _Row | None],
) -> Packed:
    """The usual ones and those that had to be looked at, in order of arrival."""
    rows = [
        looked[index] if index in looked else _Row(kept, sizes[index])
        for index, kept in enumerate(entries)
    ]
    found = [row for row in rows if row is not None]
    found.sort(key=lambda row: arrival(unique_of(row.kept)))
    guids = {index: row.uidl for index, row in enumerate(found) if row.uidl}
    return Packed(
        prefix, [row.kept for row in found], [row.size for row in found], guids
    )


def _measure_usual(
    files: Files,
    path: bytes,
    entries: Sequence[bytes],
    told: _Told,
    untold: list[Measured],
) -> dict[int, _Row | None]:
    """Fill in the sizes that names do not tell; None for what is gone.

    Most foreign programs write none; 10,000 at a time are usual.
    """
    gone: dict[int, _Row | None] = {}
    base = files.directory(path)
    places = [place_of(entries[index]) for index in told.silent]
    sizes = measured(files, base, places)
    for index, place, found in zip(told.silent, places, sizes, strict=True):
        if found is None:
            gone[index] = None
            continue
        told.sizes[index] = found[1]
        untold.append((place, *found))
    return gone


def _odd_row(
    files: Files, path: bytes, kept: bytes, untold: list[Measured]
) -> _Row | None:
    """What a look at a file gives; None: it is no message."""
    place = place_of(kept)
    name = parse(place[4:])
    if name is None:
        return None
    uidl = guid(name.unique)
    wire = name.wire
    if wire is None:
        [found] = measured(files, files.directory(path), [place])
        if found is None:
            return None
        size, wire = found
        if uidl == name.unique:
            untold.append((place, size, wire))
        else:
            # by this name nobody would find it under the one that it is to have
            name = evolve(name, unique=uidl, size=size, wire=wire)
            told = place[:4] + _formatted(name, place)
            with suppress(OSError):
                files.rename(path + b"/" + place, path + b"/" + told)
                kept = entry(told)
    return _Row(kept, wire, b"" if uidl == unique_of(kept) else uidl)


def _packed(prefix: bytes, items: Sequence[Item]) -> Packed:
    entries = [entry(_place(item)) for item in items]
    guids = {
        index: item.guid
        for index, item in enumerate(items)
        if item.guid != unique_of(entries[index])
    }
    return Packed(prefix, entries, [item.size_octets for item in items], guids)


def _has_twins(items: Packed) -> bool:
    """Two of the same unique part; sorted by it, they are neighbours."""
    last = b""
    for start in range(0, len(items), _AT_ONCE):
        guids = [last, *items.guids(start, start + _AT_ONCE)]
        if _repeats(guids):
            return True
        last = guids[-1]
    return False


def _place(item: Item) -> bytes:
    """``new/`` or ``cur/`` and the name."""
    return item.blob.partition(b"/")[2]


def _formatted(name: MessageName, place: bytes) -> bytes:
    """The name; in ``new`` it has no flags."""
    formatted = name.format()
    return formatted.rpartition(b":")[0] if place[:4] == b"new/" else formatted


def _without_twins(
    files: Files, path: bytes, items: Iterable[Item], unique: UniqueNames
) -> list[Item]:
    """One item for each unique part.

    Two names of one file: a move that was seen twice, or was cut by a crash; the one in
    ``cur`` stays. Two files: a foreign mishap; the second gets a name of its own.
    """
    chosen: dict[bytes, Item] = {}
    for item in items:
        other = chosen.setdefault(item.guid, item)
        if other is item:
            continue
        first, second = sorted((other, item), key=lambda i: _place(i)[:4] == b"new/")
        chosen[item.guid] = first
        with suppress(OSError):
            renamed = _part(files, path, first, second, unique)
            if renamed is not None:
                chosen[renamed.guid] = renamed
    return list(chosen.values())


def _part(
    files: Files, path: bytes, first: Item, second: Item, unique: UniqueNames
) -> Item | None:
    place = _place(second)
    here = path + b"/" + place
    kept, extra = (
        files.facts(path + b"/" + _place(first)),
        files.facts(here),
    )
    if kept.inode == extra.inode:
        files.unlink(here)
        return None
    parsed = parse(place[4:])
    if parsed is None:
        return None
    fresh = evolve(parsed, unique=unique.next(files.now()), uid=None, validity=None)
    told = place[:4] + _formatted(fresh, place)
    files.rename(here, path + b"/" + told)
    return Item(
        fresh.unique, second.size_octets, BlobRef(second.blob[: -len(place)] + told)
    )

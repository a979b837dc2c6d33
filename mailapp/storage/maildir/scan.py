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
from mailapp.storage.maildir.packed import Packed, entry, place_of, unique_of
from mailapp.storage.types import BlobRef, Item

_USUAL: Final = re.compile(
    rb"(?<=/[cn])"  # behind another entry
    rb"([0-9]{10}\.M[0-9]{6}[!-+\-.0-9;-~]{1,52}),S=[0-9]+,W=([0-9]{1,15})"
    rb"(?:[,:][^/]*)?/[cn]"
)
_PLAIN: Final = re.compile(rb"([!-+\-.0-9;-~]{1,70})(?:(:2,[A-Z]*)/c|()/n)")
_ODD: Final = (b"", b"0")
_BEFORE: Final = b"/c"
_AT_ONCE: Final = 4096  # names
_FIRST_CHUNK: Final = 16 * 1024
_NO_LINE_END: Final = bytes(set(range(256)) - set(b"\r\n"))
_TICK: Final = 20_000_000
_COARSE_TICK: Final = 2_100_000_000
_ATTEMPTS: Final = 4
_CHUNK: Final = 256 * 1024


@frozen(eq=False)
class Listing:
    """The messages of a mailbox at one time.

    Attributes:
        items: in order of arrival; a reference ends in ``new/`` or ``cur/`` and the
            file's name.
        mtimes: of ``new`` and ``cur``.
        steady: a change after it was read changes the mtimes.
        untold: places of files whose names do not tell their sizes yet, and what they
            are to be called; see :func:`tell`.
    """

    items: Packed
    mtimes: tuple[int, int]
    steady: bool
    untold: Sequence[tuple[bytes, bytes]] = ()

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
    sizes, odd, has_twins = _told(entries)
    untold: list[tuple[bytes, bytes]] = []
    if odd:
        looked = [_odd_row(files, path, entries[index], untold) for index in odd]
        items = _merged(prefix, entries, sizes, dict(zip(odd, looked, strict=True)))
        has_twins = _has_twins(items)
    else:
        items = Packed(prefix, entries, sizes, {})
    if has_twins:
        items = _packed(prefix, _without_twins(files, path, items, unique))
    steady = before == after and began - max(after) > granularity(after)
    return Listing(items, after, steady, untold)


def tell(files: Files, path: bytes, untold: Iterable[tuple[bytes, bytes]]) -> None:
    """Give files the names that tell their sizes. What is gone is left out."""
    for place, told in untold:
        with suppress(OSError):
            files.rename(path + b"/" + place, path + b"/" + told)


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


def _told(entries: Sequence[bytes]) -> tuple[array[int], list[int], bool]:
    """What sorted names tell: 10,000 in some 4 ms.

    Returns:
        sizes, 0 where the name is odd; the indexes of those; whether two neighbours
        have the same unique part.
    """
    sizes = array("Q")
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
        sizes.extend(map(int, numbers))
        has_twins = has_twins or _repeats((last, *guids))
        last = guids[-1]
    return sizes, odd, has_twins


def _guid_and_size(kept: bytes) -> tuple[bytes, bytes]:
    match = _USUAL.fullmatch(_BEFORE + kept, len(_BEFORE))
    return (match[1], match[2]) if match else _ODD


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


def _odd_row(
    files: Files, path: bytes, kept: bytes, untold: list[tuple[bytes, bytes]]
) -> _Row | None:
    """What a look at a file gives; None: it is no message."""
    place = place_of(kept)
    plain = _PLAIN.fullmatch(kept)
    if plain is not None:
        return _plain_row(files, path, place, plain, untold)
    name = parse(place[4:])
    if name is None:
        return None
    uidl = guid(name.unique)
    if name.wire is None:
        try:
            size, wire = measured(files, path + b"/" + place)
        except OSError:
            return None
        name = evolve(name, unique=uidl, size=size, wire=wire)
        told = place[:4] + _formatted(name, place)
        if uidl == unique_of(kept):
            untold.append((place, told))
        else:
            # by this name nobody would find it under the one that it is to have
            with suppress(OSError):
                files.rename(path + b"/" + place, path + b"/" + told)
                kept = entry(told)
    return _Row(kept, name.wire or 0, b"" if uidl == unique_of(kept) else uidl)


def _plain_row(
    files: Files,
    path: bytes,
    place: bytes,
    plain: re.Match[bytes],
    untold: list[tuple[bytes, bytes]],
) -> _Row | None:
    """What most foreign names are: with no field yet. 10,000 at a time are usual."""
    try:
        size, wire = measured(files, path + b"/" + place)
    except OSError:
        return None
    unique, flags = plain[1], plain[2] or plain[3]
    untold.append((place, b"%b%b,S=%d,W=%d%b" % (place[:4], unique, size, wire, flags)))
    return _Row(plain[0], wire)


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


def measured(files: Files, path: bytes) -> tuple[int, int]:
    """The octets of a file, and what they will be on the wire.

    Raises:
        OSError: it can't be read.
    """
    fd = files.open_read(path)
    try:
        size = bare = 0
        before = b""
        want = _FIRST_CHUNK
        while chunk := files.read(fd, size, want):
            size += len(chunk)
            ends = (before + chunk).translate(None, _NO_LINE_END)
            bare += ends.count(b"\n") - ends.count(b"\r\n")
            before = chunk[-1:] if chunk.endswith(b"\r") else b""
            if len(chunk) < want:
                break  # the end of a file of the disk
            want = _CHUNK
    finally:
        files.close(fd)
    return size, size + bare


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

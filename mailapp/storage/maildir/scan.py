"""What lies in a mailbox: ``new`` and ``cur`` read into one list, in order of arrival.

Other programs deliver, rename and delete at any time. ``new`` is read before ``cur``,
so a message that is moved on meanwhile is seen twice rather than not at all, and the
reading is repeated while the directories change under it. A list is good as long as
neither directory's mtime changed, but only if it was read long enough after the last
change that another one would have shown.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import suppress
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
from mailapp.storage.types import BlobRef, Item

_USUAL: Final = re.compile(
    rb"([0-9]{10}\.M[0-9]{6}[!-+\--9;-~]{1,52}),S=[0-9]+,W=([0-9]{1,15})(?![^,:])"
)
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
    """

    items: Sequence[Item]
    mtimes: tuple[int, int]
    steady: bool

    def fresh(self, files: Files, path: bytes) -> bool:
        """Is it still what lies there? Two looks at directories."""
        return self.steady and self.mtimes == mtimes(files, path)


def mtimes(files: Files, path: bytes) -> tuple[int, int]:
    """When ``new`` and ``cur`` changed last."""
    return files.mtime(path + b"/new"), files.mtime(path + b"/cur")


def scan(files: Files, path: bytes, prefix: bytes, unique: UniqueNames) -> Listing:
    """Read a mailbox.

    A file whose size on the wire its name does not tell is read and renamed so that it
    does; of two different messages with the same unique part the later gets another.

    Args:
        files: the disk.
        path: of the mailbox.
        prefix: of the references: the mailbox's id and a slash.
        unique: makes names.
    """
    before, began, names, after = _read(files, path)
    for _ in range(_ATTEMPTS):
        if before == after:
            break
        before, began, names, after = _read(files, path)
    items, odd = _items(names, prefix)
    if odd:
        items += _odd_items(files, path, prefix, odd)
        items.sort(key=lambda item: arrival(_unique(item.blob)))
    else:
        items.sort()
    distinct = _without_twins(files, path, items, unique)
    steady = before == after and began - max(after) > _granularity(after)
    return Listing(distinct, after, steady)


def _read(
    files: Files, path: bytes
) -> tuple[tuple[int, int], int, list[bytes], tuple[int, int]]:
    before, began = mtimes(files, path), files.now()
    names = [b"new/" + name for name in files.names(path + b"/new")]
    names += [b"cur/" + name for name in files.names(path + b"/cur")]
    return before, began, names, mtimes(files, path)


def _granularity(mtimes_seen: tuple[int, int]) -> int:
    """Two changes closer than this may show the same mtime."""
    whole_seconds = any(mtime % 1_000_000_000 == 0 for mtime in mtimes_seen)
    return _COARSE_TICK if whole_seconds else _TICK


def _items(names: list[bytes], prefix: bytes) -> tuple[list[Item], list[bytes]]:
    """The usual names as items, and the odd ones. 10,000 names in about 10 ms."""
    usual: list[Item] = []
    odd: list[bytes] = []
    make, match = Item._make, _USUAL.match
    for name in names:
        found = match(name, 4)
        if found is None:
            odd.append(name)
        else:
            guid, size = found.groups()
            usual.append(make((guid, int(size), prefix + name)))
    return usual, odd


def _place(item: Item) -> bytes:
    """``new/`` or ``cur/`` and the name."""
    return item.blob.partition(b"/")[2]


def _unique(blob: bytes) -> bytes:
    return re.split(rb"[,:]", blob.rpartition(b"/")[2], maxsplit=1)[0]


def _odd_items(
    files: Files, path: bytes, prefix: bytes, names: Sequence[bytes]
) -> Iterator[Item]:
    for place in names:
        parsed = parse(place[4:])
        if parsed is None:
            continue
        where, name = place[:4], place[4:]
        if parsed.wire is None:
            with suppress(OSError):
                parsed = measured(files, path + b"/" + place, parsed)
            if parsed.wire is None:
                continue
            told = told_name(parsed, place)
            with suppress(OSError):
                files.rename(path + b"/" + place, path + b"/" + where + told)
                name = told
        yield Item(
            guid(parsed.unique), parsed.wire or 0, BlobRef(prefix + where + name)
        )


def told_name(parsed: MessageName, place: bytes) -> bytes:
    """The name that tells sizes, and whose unique part can be a UIDL."""
    name = evolve(parsed, unique=guid(parsed.unique)).format()
    if place.startswith(b"new/"):
        return name.rpartition(b":")[0]
    return name


def measured(files: Files, path: bytes, parsed: MessageName) -> MessageName:
    """The name with the sizes that reading the file shows."""
    fd = files.open_read(path)
    try:
        size = bare = 0
        before = b""
        while chunk := files.read(fd, size, _CHUNK):
            size += len(chunk)
            bare += chunk.count(b"\n") - (before + chunk).count(b"\r\n")
            before = chunk[-1:] if chunk.endswith(b"\r") else b""
    finally:
        files.close(fd)
    return evolve(parsed, size=size, wire=size + bare)


def _without_twins(
    files: Files, path: bytes, items: list[Item], unique: UniqueNames
) -> list[Item]:
    """One item for each unique part.

    Two names of one file: a move that was seen twice, or was cut by a crash; the one in
    ``cur`` stays. Two files: a foreign mishap; the second gets a name of its own.
    """
    if len({item.guid for item in items}) == len(items):
        return items
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
    told = place[:4] + told_name(fresh, place)
    files.rename(here, path + b"/" + told)
    return Item(
        fresh.unique, second.size_octets, BlobRef(second.blob[: -len(place)] + told)
    )

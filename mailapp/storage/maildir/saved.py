"""Columns as octets for the index, and the way from old columns to new ones."""

from __future__ import annotations

import json
import struct
import zlib
from array import array
from collections.abc import Sequence
from typing import Any, Final

from attrs import evolve

from mailapp.storage.columns import Columns, fitting, joined, without
from mailapp.storage.index.account_index import Changed
from mailapp.storage.maildir.gather import (
    Gathered,
    Names,
    in_order,
    names_of,
    small,
)
from mailapp.storage.maildir.keywords import Keywords
from mailapp.storage.maildir.letters import Letters, of_keywords
from mailapp.storage.maildir.stems import Heap, in_parts, slashed

_SUM: Final = struct.Struct("<I")
"""CRC-32 of the rest: SQLite does not notice octets that change within a value."""
_LENGTH: Final = struct.Struct("<I")
_NUMBERS: Final = ("uids", "modseqs", "masks", "sizes", "received")
_MUCH: Final = 160
_TYPES: Final = {"I": 4, "Q": 8}


class Damaged(ValueError):
    """These are no columns."""


def packed(columns: Columns, names: Names, keywords: Keywords) -> bytes:
    """Columns as octets; they are read only by the machine that wrote them."""
    heap, starts = names.heap, names.starts
    if len(heap.octets) > _MUCH * len(columns) + _MUCH:
        old, heap = heap, Heap()
        starts = array("Q", heap.add([old.stem(start) for start in starts]))
    arrays = [*(getattr(columns, name) for name in _NUMBERS), starts]
    header = {
        "validity": columns.uid_validity,
        "next": columns.uid_next,
        "highest": columns.highest_modseq,
        "count": len(columns),
        "types": "".join(each.typecode for each in arrays),
        "keywords": keywords.by_letter,
        "odd": {uid: name.decode("latin-1") for uid, name in names.odd.items()},
    }
    text = json.dumps(header).encode("ascii")
    parts: list[bytes | bytearray] = [_LENGTH.pack(len(text)), text]
    parts += [*(each.tobytes() for each in arrays), heap.octets]
    checksum = 0
    for part in parts:
        checksum = zlib.crc32(part, checksum)
    return b"".join([_SUM.pack(checksum), *parts])


def unpacked(octets: bytes, folder: int) -> Columns:
    """The columns.

    Raises:
        Damaged: it is something else.
    """
    try:
        (checksum,) = _SUM.unpack_from(octets)
        if checksum != zlib.crc32(memoryview(octets)[_SUM.size :]):
            raise Damaged
        begin = _SUM.size + _LENGTH.size
        at = begin + _LENGTH.unpack_from(octets, _SUM.size)[0]
        header: dict[str, Any] = json.loads(octets[begin:at])
        arrays = []
        for code in header["types"]:
            size = _TYPES[code] * header["count"]
            arrays.append(array(code, octets[at : at + size]))
            at += size
        letters = of_keywords(Keywords(header["keywords"]))
        uids, modseqs, masks, sizes, received, starts = arrays
        odd = {int(u): n.encode("latin-1") for u, n in header["odd"].items()}
        names = Names(folder, Heap(bytearray(octets[at:])), starts, letters, odd)
        return Columns(
            uid_validity=header["validity"],
            uid_next=header["next"],
            highest_modseq=header["highest"],
            uids=uids,
            modseqs=modseqs,
            masks=masks,
            flags=letters.flags,
            sizes=sizes,
            received=received,
            origin=names,
        )
    except (struct.error, ValueError, KeyError, TypeError, AttributeError) as problem:
        raise Damaged from problem


def applied(
    columns: Columns, changes: Sequence[Changed], letters: Letters, highest: int
) -> Columns:
    """The columns after these changes, which other processes noted.

    Args:
        columns: written with ``letters``.
        changes: by MODSEQ, rising.
        letters: that the names of the changes are written with.
        highest: MODSEQ after them.

    Raises:
        Damaged: the changes can't be those of these columns.
    """
    names = names_of(columns)
    latest = {change.uid: change for change in changes}
    more = Gathered(letters)
    texts = [change.name for change in latest.values() if change.name is not None]
    more.take(in_parts(slashed(texts)), columns.uid_validity)
    found = in_order(more, names.folder)
    if len(found.uids) < len(texts):
        raise Damaged
    for at, uid in enumerate(found.uids):
        found.received[at] = latest[uid].received
    modseqs = array("Q", [latest[uid].modseq for uid in found.uids])
    masks, own_modseqs = fitting(columns.masks, found.masks), columns.modseqs[:]
    starts = names.starts[:]
    touched: list[int] = []
    fresh = len(found.uids)
    for at, uid in enumerate(found.uids):
        place = columns.place(uid)
        if place is None:
            fresh = at
            break
        masks[place], own_modseqs[place] = found.masks[at], modseqs[at]
        touched.append(place)
    if (
        fresh < len(found.uids)
        and columns.uids
        and (found.uids[fresh] < columns.uids[-1])
    ):
        raise Damaged
    stems = [found.names.heap.stem(start) for start in found.names.starts[fresh:]]
    whole = evolve(
        columns,
        highest_modseq=highest,
        uids=joined(columns.uids, found.uids[fresh:]),
        modseqs=joined(own_modseqs, modseqs[fresh:]),
        masks=joined(masks, found.masks[fresh:]),
        sizes=joined(columns.sizes, found.sizes[fresh:]),
        received=joined(columns.received, found.received[fresh:]),
        origin=evolve(
            names,
            starts=joined(starts, names.heap.add(stems)),
            odd={
                **{u: n for u, n in names.odd.items() if u not in latest},
                **more.odd,
            },
        ),
    )
    places = [whole.place(uid) for uid, c in latest.items() if c.name is None]
    gone = sorted(place for place in places if place is not None)
    if gone:
        return reduced(whole, gone, highest)
    whole.remember(columns, [*touched, *range(len(columns), len(whole))])
    return whole


def rewritten(columns: Columns, letters: Letters) -> Columns:
    """The columns with masks as other letters write them."""
    names = names_of(columns)
    old = names.letters
    if old.flags == letters.flags and old.bits == letters.bits:
        return columns
    table = {mask: letters.mask(old.of(mask)) for mask in set(columns.masks)}
    return evolve(
        columns,
        flags=letters.flags,
        masks=small(array("Q", map(table.__getitem__, columns.masks))),
        origin=evolve(names, letters=letters),
    )


def reduced(columns: Columns, places: Sequence[int], modseq: int) -> Columns:
    """The columns without these places, which rise."""
    names = names_of(columns)
    left = evolve(
        columns,
        highest_modseq=modseq,
        uids=without(columns.uids, places),
        modseqs=without(columns.modseqs, places),
        masks=without(columns.masks, places),
        sizes=without(columns.sizes, places),
        received=without(columns.received, places),
        origin=evolve(names, starts=without(names.starts, places)),
    )
    left.note_since(columns.highest_modseq, ())
    return left

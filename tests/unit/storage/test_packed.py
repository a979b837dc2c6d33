"""A mailbox in the memory of its names."""

from __future__ import annotations

import tracemalloc

from hypothesis import example, given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailapp.storage.files import Files
from mailapp.storage.items import Listed
from mailapp.storage.maildir.filename import UniqueNames
from mailapp.storage.maildir.packed import Packed, entry, place_of
from mailapp.storage.maildir.scan import scan
from mailapp.storage.types import BlobRef, Item

MOST_OCTETS = 120
"""That a message may cost in memory, its name of about 60 octets included."""

_uniques = st.binary(min_size=1, max_size=20).filter(
    lambda unique: not set(unique) & set(b",:/\0")
)
_rests = st.sampled_from([b"", b",S=1,W=2", b":2,", b",U=3:2,S", b",x:2,FS"])
_sizes = st.integers(0, 2**40)


class Directory(Files):
    """A mailbox of many names, without a disk."""

    def __init__(self, names: list[bytes]) -> None:
        self._names = names

    def names(self, path: bytes) -> list[bytes]:
        """All are in ``cur``."""
        return list(self._names) if path.endswith(b"/cur") else []

    def mtime(self, path: bytes) -> int:
        """Long ago."""
        del path
        return 1


class PackedTests(SynchronousTestCase):
    """It is what a list of items is, only smaller."""

    @settings(deadline=None)
    @given(
        st.lists(
            st.tuples(_uniques, _rests, st.sampled_from([b"new/", b"cur/"]), _sizes),
            max_size=30,
        ),
        st.sets(st.integers(0, 29)),
    )
    def test_as_listed(
        self, rows: list[tuple[bytes, bytes, bytes, int]], odd: set[int]
    ) -> None:
        """Each item, size, UIDL and slice is the one that was put in."""
        guids = {index: b"x%d" % index for index in odd if index < len(rows)}
        listed = Listed(
            Item(guids.get(index, unique), size, BlobRef(b"7/" + place + unique + rest))
            for index, (unique, rest, place, size) in enumerate(rows)
        )
        entries = [entry(place + unique + rest) for unique, rest, place, _ in rows]
        packed = Packed(b"7/", entries, [row[3] for row in rows], guids)
        self.assertEqual(len(packed), len(listed))
        self.assertEqual(packed.octets, listed.octets)
        self.assertEqual(list(packed), list(listed))
        for start in range(-3, len(rows) + 2):
            self.assertEqual([*packed[start:]], [*listed[start:]])
            if start >= 0:
                end = start + 7
                self.assertEqual(
                    list(packed.guids(start, end)), list(listed.guids(start, end))
                )
                self.assertEqual(
                    list(packed.sizes(start, end)), list(listed.sizes(start, end))
                )
        for index in range(-len(rows), len(rows)):
            self.assertEqual(packed[index], listed[index])
        for index in (-len(rows) - 1, len(rows)):
            with self.assertRaises(IndexError):
                packed[index]

    @settings(deadline=None)
    @given(st.lists(st.tuples(_uniques, _rests), min_size=1, max_size=20))
    @example([(b"cc", b""), (b"ccc", b"")])
    @example([(b"ccc", b""), (b"cc", b"")])
    def test_places(self, rows: list[tuple[bytes, bytes]]) -> None:
        """A message is found by its unique part, whole, and no other is."""
        places = [b"cur/" + unique + rest for unique, rest in rows]
        packed = Packed(b"1/", list(map(entry, places)), [1] * len(rows), {})
        for unique, _ in rows:
            wanted = [
                place
                for place, (other, _) in zip(places, rows, strict=True)
                if other == unique
            ]
            self.assertEqual(list(packed.places(unique)), wanted)

    def test_entry(self) -> None:
        """A place and its entry stand for each other."""
        for place in (b"new/1.M2P3.h,S=1,W=1", b"cur/1.M2P3.h,S=1,W=1:2,S"):
            self.assertEqual(place_of(entry(place)), place)

    def test_memory(self) -> None:
        """A maildrop of any size costs few octets a message beside its names."""
        count = 100_000
        names = [
            b"%d.M%06dP12345R0123456789abQ%d.mx,S=4080,W=4080:2,S"
            % (1_700_000_000 + number, number % 1_000_000, number)
            for number in range(count)
        ]
        disk = Directory(names)
        unique = UniqueNames(1, b"1234", "mx")
        tracemalloc.start()
        self.addCleanup(tracemalloc.stop)
        before = tracemalloc.get_traced_memory()[0]
        listing = scan(disk, b"", b"1/", unique)
        used = tracemalloc.get_traced_memory()[0] - before
        self.assertEqual(len(listing.items), count)
        self.assertEqual(listing.items.octets, 4080 * count)
        self.assertLess(used / count, MOST_OCTETS)

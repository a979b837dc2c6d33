"""Names in one string of octets."""

from __future__ import annotations

from collections.abc import Sequence
from unittest.mock import patch

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailapp.storage import files
from mailapp.storage.files import Files
from mailapp.storage.maildir import stems as module
from mailapp.storage.maildir.stems import Heap, Stems, in_parts, slashed
from tests.unit.storage.maildir_case import MaildirCase

_stems = st.lists(
    st.binary(max_size=20).map(lambda octets: octets.replace(b"/", b"-")), max_size=20
)


class StemsTests(SynchronousTestCase):
    """They are what a list of them is, only smaller."""

    @given(_stems, _stems, st.integers(0, 30))
    @settings(deadline=None)
    def test_as_list(
        self, some: Sequence[bytes], more: Sequence[bytes], part: int
    ) -> None:
        """All come back, in parts of any size, and from where they begin."""
        with patch.object(module, "_PART", part):
            stems = Stems(some)
            stems.add(slashed(more), len(more))
            self.assertEqual(list(stems), [*some, *more])
            self.assertEqual(len(stems), len(some) + len(more))
            self.assertEqual(b"".join(in_parts(stems.octets)), bytes(stems.octets))
            heap, starts = Heap(stems.octets), stems.starts()
        self.assertEqual([heap.stem(start) for start in starts], list(stems))
        self.assertEqual(heap.stems(starts), list(stems))
        self.assertEqual(heap.stems(starts[::-1]), list(stems)[::-1])
        self.assertEqual(heap.stems(heap.add(some)), list(some))


class ListingTests(MaildirCase):
    """A directory that is read at once."""

    def test_listing(self) -> None:
        """Regular files only, sorted, with names of any octets."""
        place = self.path / "cur"
        for name in (b"2:2,S", b"1:2,", b"\xff\xfe", "ä".encode(), b"a\nb", b".hidden"):
            (place / name.decode("utf-8", "surrogateescape")).touch()
        (place / "directory").mkdir()
        (place / "link").symlink_to(place / "2:2,S")
        path = str(place).encode()
        names = Files().names(path)
        self.assertEqual(len(names), 5)
        with patch.object(files, "_AT_ONCE", 2):
            listed = list(Files().listing(path))
        self.assertEqual([part.count(b"/") for part in listed], [2, 2, 1])
        whole = b"".join(listed)
        self.assertEqual(sorted(names), sorted(whole[:-1].split(b"/")))
        self.assertTrue(whole.startswith(b"1:2,/2:2,S/a\nb/"))
        (place / "empty").mkdir()
        self.assertEqual(list(Files().listing(path + b"/empty")), [])

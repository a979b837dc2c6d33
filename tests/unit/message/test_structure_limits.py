"""The tree of MIME parts under attack, and for any octets."""

from __future__ import annotations

from hypothesis import example, given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailapp.message.boundaries import Boundaries
from mailapp.message.part import PartDefect
from mailapp.message.structure import DEPTH_LIMIT, PART_LIMIT, StructureScanner, scan
from tests.rows import rows, tabled
from tests.threats import threat
from tests.unit.message.fixtures import MIXED, NESTED, RFC822, every


class CountingScanner(StructureScanner):
    """Counts what the machine does, so that growth is measured without a clock."""

    steps = 0

    def _find_delimiter(self, limit: int, *, final: bool) -> tuple[int, int] | None:
        type(self).steps += 1
        return super()._find_delimiter(limit, final=final)


def steps_of(octets: bytes) -> int:
    """How often the machine turned."""
    CountingScanner.steps = 0
    scanner = CountingScanner()
    for start in range(0, len(octets), 65536):
        scanner.feed(octets[start : start + 65536])
    scanner.finish()
    return CountingScanner.steps


@tabled
class LimitTests(SynchronousTestCase):
    """Bombs."""

    @threat(79)
    def test_nested_messages(self) -> None:
        """100,000 messages in each other: 100 levels, then a leaf; time is linear."""
        octets = RFC822 * 100_000
        root = scan(octets)
        parts = every(root)
        self.assertEqual(len(parts), DEPTH_LIMIT + 1)
        self.assertEqual(parts[-1].defects, PartDefect.TOO_DEEP)
        self.assertEqual(parts[-1].end, len(octets))

    @threat(79, 80)
    def test_nested_multiparts(self) -> None:
        """The same with multiparts."""
        level = b"Content-Type: multipart/mixed; boundary=b%05d\r\n\r\n--b%05d\r\n"
        octets = b"".join([level % (n, n) for n in range(20_000)])
        parts = every(scan(octets))
        self.assertEqual(len(parts), DEPTH_LIMIT + 1)
        self.assertEqual(parts[-1].defects, PartDefect.TOO_DEEP)

    @threat(80)
    def test_many_parts(self) -> None:
        """A million delimiters: 10,000 parts, and the rest is not looked at."""
        root = scan(MIXED + b"--b\r\n" * 1_000_000)
        self.assertEqual(len(every(root)), PART_LIMIT)
        self.assertIn(PartDefect.TOO_MANY_PARTS, root.defects)

    @rows(
        parts=b"--b\r\n",
        headers=b"--b\r\nA: b\r\n",
        blank=b"--b\r\n\r\n",
        looks_alike=b"--c\r\n",
        dashes=b"--",
        header=b"A: b\r\n",
        ends=b"--b--\r\n",
    )
    @threat(80, 83)
    def test_growth(self, piece: bytes) -> None:
        """Twice the input, at most twice the turns of the machine, and some."""
        small = steps_of(MIXED + b"--b\r\n" + piece * 2000)
        large = steps_of(MIXED + b"--b\r\n" + piece * 4000)
        self.assertLessEqual(large, 2.1 * small + 10)

    @threat(14)
    def test_memory(self) -> None:
        """A header without end and a body without delimiter keep little."""
        for head in (b"A: b\r\n", MIXED + b"--b\r\n\r\n", b"", MIXED):
            scanner = StructureScanner()
            scanner.feed(head)
            for _ in range(64):
                scanner.feed(b"x" * 65536)
                self.assertLess(len(scanner._buffer), 300)
            self.assertLessEqual(len(scanner._header), (1 << 20) + 1)
            self.assertEqual(scanner.finish().end, len(head) + 64 * 65536)

    def test_needle(self) -> None:
        """What all open boundaries begin with, and no more."""
        boundaries = Boundaries()
        self.assertEqual(boundaries.needle, b"")
        boundaries.open(b"abcd", 0)
        boundaries.open(b"abce", 1)
        self.assertEqual(boundaries.needle, b"\n--abc")
        self.assertEqual(boundaries.match(b"abcex", 0), (1, 4))
        self.assertEqual(boundaries.match(b"abc", 0), None)
        boundaries.open(b"abce", 2)
        self.assertEqual(boundaries.match(b"abce", 0), (2, 4))
        boundaries.close(2)
        boundaries.close(2)
        boundaries.close(0)
        self.assertEqual(boundaries.match(b"abcd", 0), None)
        self.assertEqual(boundaries.match(b"abce", 0), (1, 4))
        boundaries.close(1)
        self.assertEqual(boundaries.needle, b"")


PIECES = st.lists(
    st.sampled_from(
        [b"\r\n", b"\n", b"\r", b"--", b"--b", b"--b\r\n", b"--b--", b"--b2\r\n",
         b"--b2--", b"A: b\r\n", MIXED, NESTED, RFC822,
         b"Content-Type: multipart/digest; boundary=d",
         b"--d\r\n", b"x", b"\r\n\r\n", b"\r\n--b\r\n\r\n", b" ", b"\0"]
    ), max_size=40,
).map(b"".join)  # fmt: skip


class StructureProperties(SynchronousTestCase):
    """For any octets."""

    @threat(79, 80)
    @settings(deadline=None, max_examples=300)
    @given(PIECES | st.binary(max_size=100), st.integers(1, 20))
    def test_any_cut(self, octets: bytes, step: int) -> None:
        """The tree does not depend on the cut."""
        self.assertEqual(scan(octets, chunk_octets=step), scan(octets))

    @threat(79, 80)
    @settings(deadline=None, max_examples=300)
    @given(PIECES)
    @example(
        b"Content-Type: multipart/mixed; boundary=b\r\n\r\n"
        b"--b\r\nContent-Type: message/rfc822\r\n\r\n\r\n--b"
    )
    def test_offsets(self, octets: bytes) -> None:
        """Parts lie inside their parent, in order; gaps are delimiters, not content.

        So the slices of all leaves, headers and gaps join to the octets again.
        """
        root = scan(octets)
        self.assertEqual((root.header_start, root.end), (0, len(octets)))
        for part in every(root):
            self.assertLessEqual(part.header_start, part.body_start)
            self.assertLessEqual(part.body_start, part.end)
            self.assertEqual(part.lines, octets.count(b"\n", part.body_start, part.end))
            position = part.body_start
            for child in part.parts:
                gap = octets[position : child.header_start]
                self.assertLessEqual(position, child.header_start)
                if part.content.is_multipart:
                    self.assertIn(b"--", gap)
                else:
                    self.assertEqual(gap, b"")
                    self.assertEqual(child.end, part.end)
                position = child.end
            self.assertLessEqual(position, max(part.end, part.body_start))
            end = part.header_start + part.header.body_start
            self.assertEqual(end, part.body_start)

    @threat(82, 83)
    @settings(deadline=None, max_examples=100)
    @given(PIECES)
    def test_headers(self, octets: bytes) -> None:
        """Each part's fields are where its header says."""
        for part in every(scan(octets)):
            for field in part.header.fields:
                start = part.header_start + field.start
                whole = octets[start : part.header_start + field.end]
                self.assertTrue(whole.startswith(field.name))
                self.assertIn(field.value, whole)

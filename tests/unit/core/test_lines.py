"""Octets to CRLF lines, with a cap (RFC 5321, section 2.3.8)."""

from __future__ import annotations

import sys
from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailapp.core.lines import TOO_LONG, LineBuffer, LineProblem
from tests.rows import rows, tabled
from tests.threats import threat

Lines = list[bytes | LineProblem]


def lines_of(pieces: list[bytes], limit: int = 1000) -> tuple[Lines, LineBuffer]:
    """All lines that come out when these pieces are fed one after another."""
    buffer = LineBuffer(limit)
    lines: Lines = []
    for piece in pieces:
        buffer.feed(piece)
        while (line := buffer.next_line()) is not None:
            lines.append(line)
    return lines, buffer


def model(octets: bytes, limit: int) -> Lines:
    """What the lines are, said in the shortest way."""
    *lines, _rest = octets.split(b"\r\n")
    return [line if len(line) + 2 <= limit else TOO_LONG for line in lines]


@tabled
class LineTests(SynchronousTestCase):
    """Where a line ends, and where it does not."""

    @rows(
        none=(b"", []),
        one=(b"a\r\n", [b"a"]),
        empty=(b"\r\n", [b""]),
        two=(b"a\r\n\r\nb\r\n", [b"a", b"", b"b"]),
        open=(b"a\r\nb", [b"a"]),
        half=(b"a\r", []),
        bare_lf=(b"a\nb\r\n", [b"a\nb"]),
        bare_cr=(b"a\rb\r\n", [b"a\rb"]),
        crcrlf=(b"a\r\r\n", [b"a\r"]),
        lfcr=(b"a\n\rb\r\n", [b"a\n\rb"]),
        nul=(b"\0\r\n", [b"\0"]),
        vertical=(b"a\x0bb\x0cc\x1cd\x85e\xe2\x80\xa8f\r\n",
                  [b"a\x0bb\x0cc\x1cd\x85e\xe2\x80\xa8f"]),
    )  # fmt: skip
    @threat(2)
    def test_lines(self, octets: bytes, lines: Lines) -> None:
        """Only CRLF ends a line, whole and octet by octet."""
        self.assertEqual(lines_of([octets])[0], lines)
        self.assertEqual(lines_of([bytes([o]) for o in octets])[0], lines)

    @rows(
        under=(7, b"a" * 7),
        equal=(8, b"a" * 8),
        over=(9, TOO_LONG),
        far=(900, TOO_LONG),
    )
    @threat(13)
    def test_limit(self, length: int, first: bytes | LineProblem) -> None:
        """The limit counts the CRLF; the line behind an over-long one is whole."""
        octets = b"a" * length + b"\r\nnext\r\n"
        for step in (1, 2, 3, 10, 1000):
            pieces = [octets[at : at + step] for at in range(0, len(octets), step)]
            self.assertEqual(lines_of(pieces, 10)[0], [first, b"next"])

    @threat(13)
    def test_endless(self) -> None:
        """An endless line costs the cap and no more, and is told of once."""
        buffer = LineBuffer(1000)
        for _ in range(1000):
            buffer.feed(b"A" * 4096)
            self.assertIsNone(buffer.next_line())
            self.assertLessEqual(len(buffer), 1000)
        self.assertTrue(buffer.overflowing)
        buffer.feed(b"\r")
        self.assertIsNone(buffer.next_line())
        buffer.feed(b"\nQUIT\r\n")
        self.assertIs(buffer.next_line(), TOO_LONG)
        self.assertFalse(buffer.overflowing)
        self.assertEqual(buffer.next_line(), b"QUIT")

    def test_clear(self) -> None:
        """Nothing of the clear text is left at the start of TLS."""
        _, buffer = lines_of([b"a" * 2000])
        buffer.clear()
        self.assertEqual((len(buffer), buffer.overflowing), (0, False))
        buffer.feed(b"b\r\n")
        self.assertEqual(buffer.next_line(), b"b")

    def test_take(self) -> None:
        """Octets can be taken between lines; what follows is lines again."""
        buffer = LineBuffer(100)
        buffer.feed(b"BDAT 5\r\nab\r\ncQUIT\r\n")
        self.assertEqual(buffer.next_line(), b"BDAT 5")
        self.assertEqual(buffer.take(2), b"ab")
        self.assertEqual(buffer.take(3), b"\r\nc")
        self.assertEqual(buffer.take(0), b"")
        self.assertEqual(buffer.next_line(), b"QUIT")
        self.assertEqual(buffer.take(), b"")
        buffer.feed(b"xyz")
        self.assertEqual((len(buffer), buffer.take(), len(buffer)), (3, b"xyz", 0))

    def test_take_nothing_while_overflowing(self) -> None:
        """Taking from an empty buffer does not end an over-long line."""
        _, buffer = lines_of([b"a" * 200], 100)
        buffer.take()
        buffer.feed(b"b\r\nc\r\n")
        self.assertIs(buffer.next_line(), TOO_LONG)
        self.assertEqual(buffer.next_line(), b"c")


class LineGrowthTests(SynchronousTestCase):
    """The work is linear: what is held and moved is counted, not timed."""

    def test_always_ahead(self) -> None:
        """A peer that is always ahead does not make the buffer grow without end."""
        buffer = LineBuffer(1000)
        buffer.feed(b"NOOP\r\n")
        most = 0
        for _ in range(20000):
            buffer.feed(b"x" * 98 + b"\r\nNOOP")
            self.assertIsNotNone(buffer.next_line())
            buffer.feed(b"\r\n")
            self.assertIsNotNone(buffer.next_line())
            most = max(most, sys.getsizeof(buffer._buffer))
        self.assertLess(most, 1 << 19)

    def test_compaction_is_seldom(self) -> None:
        """Moving the rest to the front happens once per 64 KiB given out at most."""
        buffer = LineBuffer(1000)
        buffer.feed(b"NOOP\r\n" * 2)
        moves, last = 0, 0
        for _ in range(50000):
            buffer.feed(b"NOOP\r\n")
            moves += buffer._start < last
            last = buffer._start
            buffer.next_line()
        self.assertLessEqual(moves, 50000 * 6 // 65536 + 1)

    def test_one_octet_pieces(self) -> None:
        """Each octet of a 1 MiB feed is searched a fixed number of times."""
        buffer = LineBuffer(2 << 20)
        for _ in range(1 << 20):
            buffer.feed(b"a")
            buffer.next_line()
            # what was searched is not searched again, but for a CR at the end
        self.assertGreaterEqual(buffer._scanned, (1 << 20) - 1)

    def test_many_short_lines(self) -> None:
        """300,000 lines at once come out, each copied once."""
        buffer = LineBuffer(1000)
        buffer.feed(b"a\r\n" * 300_000)
        count = 0
        while buffer.next_line() is not None:
            count += 1
        self.assertEqual(count, 300_000)


class LineProperties(SynchronousTestCase):
    """For any octets and any cut."""

    @settings(deadline=None, max_examples=300)
    @given(
        st.lists(
            st.sampled_from([b"\r", b"\n", b"\r\n", b"a", b"bcd" * 5, b"\0"]),
            max_size=60,
        ),
        st.lists(st.integers(0, 400), max_size=10),
        st.integers(3, 30),
    )
    @threat(13)
    def test_any_cut(self, parts: list[bytes], cuts: list[int], limit: int) -> None:
        """The lines are the same however the octets are cut, and what is kept small."""
        octets = b"".join(parts)
        places = [0, *sorted(cuts), len(octets)]
        pieces = [octets[a:b] for a, b in pairwise(places)]
        lines, buffer = lines_of(pieces, limit)
        self.assertEqual(lines, model(octets, limit))
        self.assertLessEqual(len(buffer), limit)

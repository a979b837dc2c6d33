"""Threads."""

from __future__ import annotations

import re
from time import perf_counter
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailapp.message.sorting import SortKeys
from mailapp.message.threads import Row, ordered_subject, references, run, written
from tests.rows import rows, tabled
from tests.threats import threat
from tests.unit.message import naive_threads

_IDS = st.sampled_from([b"", b"a", b"b", b"c", b"d", b"e", b"f"])
_ROWS = st.lists(
    st.builds(
        Row,
        st.just(0),
        st.integers(0, 6),
        st.sampled_from([b"", b"", b"S", b"T"]),
        st.booleans(),
        _IDS,
        st.lists(_IDS.filter(bool), max_size=4).map(tuple),
    ),
    max_size=9,
).map(lambda found: [row._replace(number=n) for n, row in enumerate(found, 1)])


def by_references(*found: Row) -> bytes:
    """The response, without the space before it."""
    return written(run(references(found)))[1:]


def row(number: int, own: str = "", *others: str, **more: Any) -> Row:
    """A message with a Message-ID and References, dated by its number."""
    ids = tuple([other.encode() for other in others])
    return Row(number, number, message_id=own.encode(), references=ids)._replace(**more)


@tabled
class ThreadTests(SynchronousTestCase):
    """RFC 5256, section 3."""

    @rows(
        none=((), b""),
        alone=((row(1, "a"), row(2)), b"(1)(2)"),
        reply=((row(1, "a"), row(2, "b", "a")), b"(1 2)"),
        backwards=((row(1, "b", "a"), row(2, "a")), b"(2 1)"),
        chain=((row(1, "a"), row(2, "b", "a"), row(3, "c", "a", "b")), b"(1 2 3)"),
        fork=((row(1, "a"), row(2, "b", "a"), row(3, "c", "a")), b"(1 (2)(3))"),
        # RFC 5256, section 4: (3 6 (4 23)(44 7 96))
        deep_fork=(
            (row(3, "a"), row(4, "c", "a", "b"), row(6, "b", "a"), row(7, "e", "d"),
             row(23, "f", "c"), row(44, "d", "b"), row(96, "g", "e")),
            b"(3 6 (4 23)(44 7 96))",
        ),
        dummy=((row(3, "b", "a"), row(5, "c", "a")), b"((3)(5))"),
        one_child=((row(3, "b", "a"),), b"(3)"),
        missing=((row(1, "a"), row(2, "c", "a", "b")), b"(1 2)"),
        same_id=((row(1, "a"), row(2, "a"), row(3, "b", "a")), b"(1 3)(2)"),
        own_id=((row(1, "a", "a"),), b"(1)"),
        loop=((row(1, "a", "b"), row(2, "b", "a")), b"(2 1)"),
        known_parent=(
            (row(1, "a"), row(2, "b"), row(3, "c", "a", "b"), row(4, "d", "x", "b")),
            b"(1 2 (3)(4))",
        ),
        corrected=((row(1, "a"), row(2, "c", "a", "b"), row(3, "b")), b"(1)(3 2)"),
        dates=((row(1, "a", date=9), row(2, "b", date=3)), b"(2)(1)"),
    )  # fmt: skip
    def test_references(self, found: tuple[Row, ...], expected: bytes) -> None:
        """Steps 1 to 4."""
        self.assertEqual(expected, by_references(*found))

    @rows(
        reply=((row(1, subject=b"S"), row(2, subject=b"S", is_reply=True)), b"(1 2)"),
        older=((row(1, subject=b"S", is_reply=True), row(2, subject=b"S")), b"(2 1)"),
        equal=((row(1, subject=b"S"), row(2, subject=b"S")), b"((1)(2))"),
        three=(
            (row(1, subject=b"S"), row(2, subject=b"S"), row(3, subject=b"S")),
            b"((1)(2)(3))",
        ),
        replies=(
            (row(1, subject=b"S", is_reply=True), row(2, subject=b"S", is_reply=True)),
            b"((1)(2))",
        ),
        empty=((row(1), row(2)), b"(1)(2)"),
        below=(
            (row(1, "a", subject=b"S"), row(2, "b", "a", subject=b"T"),
             row(3, subject=b"T")),
            b"(1 2)(3)",
        ),
        dummy=(
            (row(1, "b", "a", subject=b"S"), row(2, "c", "a"), row(3, subject=b"S")),
            b"((1)(2)(3))",
        ),
        dummies=(
            (row(1, "b", "a", subject=b"S"), row(2, "c", "a"),
             row(3, "e", "d", subject=b"S"), row(4, "f", "d")),
            b"((1)(2)(3)(4))",
        ),
    )  # fmt: skip
    def test_subjects(self, found: tuple[Row, ...], expected: bytes) -> None:
        """Step 5: threads with one subject are one."""
        self.assertEqual(expected, by_references(*found))

    @rows(
        none=((), b""),
        some=(
            (row(1, subject=b"S"), row(2, subject=b"T"), row(3, subject=b"S"),
             row(4, subject=b"S")),
            b" (1 (3)(4))(2)",
        ),
        dates=((row(1, subject=b"S", date=5), row(2, subject=b"S", date=4)), b" (2 1)"),
        empty=((row(1), row(2)), b" (1 2)"),
    )  # fmt: skip
    def test_ordered_subject(self, found: tuple[Row, ...], expected: bytes) -> None:
        """One level of children, no grandchildren."""
        self.assertEqual(expected, written(run(ordered_subject(found))))

    def test_row(self) -> None:
        """A message without a sent date counts by its internal date."""
        keys = SortKeys(5, 60, b"S", is_reply=True, message_id=b"a", references=(b"b",))
        expected = Row(1, 5, b"S", is_reply=True, message_id=b"a", references=(b"b",))
        self.assertEqual(expected, Row.of(1, 9, keys))
        self.assertEqual(Row(1, 9), Row.of(1, 9, SortKeys()))

    @settings(max_examples=400)
    @given(_ROWS)
    def test_same(self, found: list[Row]) -> None:
        """The six steps, taken literally, give the same threads."""
        expected = naive_threads.written(naive_threads.references(found))
        self.assertEqual(expected, by_references(*found))

    @threat(60)
    def test_hostile(self) -> None:
        """Chains, loops and broken links of 20,000 messages are threaded in steps."""
        count = 20_000
        names = [b"%d" % n for n in range(count)]
        chain = [
            Row(n + 1, n, message_id=names[n], references=(names[n - 1],) if n else ())
            for n in range(count)
        ]
        # each breaks the link of the one before, and asks for the whole chain
        broken = [
            Row(
                n + 1,
                n,
                message_id=names[n],
                references=(names[n - 2], names[n - 1], names[0]),
            )
            for n in range(count)
        ]
        upwards = [
            Row(n + 1, n, message_id=names[n], references=(names[(n + 1) % count],))
            for n in range(count)
        ]
        for found in (chain, broken, upwards):
            started = longest = perf_counter()
            slowest = 0.0
            numbers: list[bytes] = []
            steps = references(found)
            try:
                while True:
                    next(steps)
                    now = perf_counter()
                    slowest, longest = max(slowest, now - longest), now
            except StopIteration as end:
                numbers = re.findall(rb"\d+", written(end.value))
            self.assertLess(perf_counter() - started, 20)
            self.assertLess(slowest, 5)
            self.assertEqual(count, len(set(numbers)))

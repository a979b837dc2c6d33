"""Table tests make one test of each row, under both runners."""

from __future__ import annotations

import unittest
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from tests.rows import rows, tabled
from tests.threats import threat


def sample_class() -> Any:
    """A class as people write it, out of the runners' sight."""

    @tabled
    class Sample(unittest.TestCase):
        """What its tests saw is in ``seen``."""

        seen: list[object]

        def setUp(self) -> None:
            """Nothing was seen yet."""
            self.seen = []

        @threat(2)
        @rows(pair=(1, 2), word=("a", "b"))
        def test_two(self, first: object, second: object) -> None:
            """It takes two values."""
            self.seen += [first, second]

        @rows(text="abc", none=None, octets=b"xy")
        def test_one(self, value: object) -> None:
            """It takes one value."""
            self.seen.append(value)

        @rows(wrong=(1, 2))
        def test_fails(self, first: int, second: int) -> None:
            """It fails."""
            self.assertEqual(first, second)

        @rows(later=5)
        async def test_async(self, value: int) -> None:
            """It may be a coroutine."""
            self.seen.append(value)

    return Sample


class RowsTests(SynchronousTestCase):
    """What @tabled and @rows promise."""

    def test_a_test_for_each_row(self) -> None:
        """Each row is a test of its own, named after it; the bare name is gone."""
        names = unittest.TestLoader().getTestCaseNames(sample_class())
        wanted = {"test_two_pair", "test_two_word", "test_one_text", "test_one_none"}
        wanted |= {"test_one_octets", "test_fails_wrong", "test_async_later"}
        self.assertEqual(wanted, set(names))

    def test_arguments(self) -> None:
        """A tuple is the arguments; anything else is the one argument."""
        for name, seen in (
            ("test_two_pair", [1, 2]),
            ("test_two_word", ["a", "b"]),
            ("test_one_text", ["abc"]),
            ("test_one_none", [None]),
            ("test_one_octets", [b"xy"]),
        ):
            sample = sample_class()(name)
            self.assertTrue(sample.run(unittest.TestResult()).wasSuccessful())
            self.assertEqual(seen, sample.seen, name)

    def test_failure_is_reported(self) -> None:
        """A row that fails fails its own test, under its own name."""
        result = unittest.TestResult()
        sample_class()("test_fails_wrong").run(result)
        ((test, _),) = result.failures
        self.assertTrue(test.id().endswith("test_fails_wrong"))

    def test_coroutine(self) -> None:
        """An asynchronous test gives the runner its coroutine."""
        sample = sample_class()("test_async_later")
        sample.setUp()
        running = sample.test_async_later()
        self.assertRaises(StopIteration, running.send, None)
        self.assertEqual([5], sample.seen)

    def test_marks_stay(self) -> None:
        """Docstring and @threat of the method are those of each row's test."""
        method = sample_class().test_two_word
        self.assertEqual("It takes two values.", method.__doc__)
        self.assertEqual((2,), method.threats)

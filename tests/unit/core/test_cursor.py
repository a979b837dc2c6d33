"""A place in octets that a grammar reads from."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailapp.core import abnf
from mailapp.core.cursor import Cursor
from mailapp.core.failures import SyntaxProblem


class CursorTests(SynchronousTestCase):
    """Every read moves the position or leaves it alone."""

    def test_peek(self) -> None:
        """The next octet, or -1; nothing moves."""
        cursor = Cursor(b"a")
        self.assertEqual((cursor.peek(), cursor.position), (97, 0))
        cursor.take(1)
        self.assertEqual((cursor.peek(), cursor.at_end), (-1, True))

    def test_skip(self) -> None:
        """A literal that comes next is passed over, another is not."""
        cursor = Cursor(b"abc")
        self.assertFalse(cursor.skip(b"b"))
        self.assertTrue(cursor.skip(b"ab"))
        self.assertEqual(cursor.position, 2)
        self.assertFalse(cursor.skip(b"cd"))

    def test_skip_word(self) -> None:
        """Case of ASCII does not matter, and no other octet counts as a letter."""
        for octets, found in (
            (b"from:", True), (b"FROM:", True), (b"fRoM:", True), (b"fro", False),
            (b"", False), ("ﬁrom:".encode(), False), (b"f\xf2om:", False),
        ):  # fmt: skip
            cursor = Cursor(octets)
            with self.subTest(octets=octets):
                self.assertEqual(cursor.skip_word(b"FROM:"), found)
                self.assertEqual(cursor.position, 5 if found else 0)

    def test_expect(self) -> None:
        """Something else is a problem with the reason given."""
        cursor = Cursor(b"a")
        problem = self.assertRaises(SyntaxProblem, cursor.expect, b"b", "no b")
        self.assertEqual((problem.reason, cursor.position), ("no b", 0))
        cursor.expect(b"a", "no a")
        self.assertTrue(cursor.at_end)

    def test_take(self) -> None:
        """As many as asked for, or a problem."""
        cursor = Cursor(b"abc", 1)
        self.assertEqual(cursor.take(0), b"")
        self.assertEqual(cursor.take(2), b"bc")
        self.assertRaises(SyntaxProblem, cursor.take, 1)

    def test_rest_and_finish(self) -> None:
        """All that is left; and nothing must be left."""
        cursor = Cursor(b"abc")
        self.assertRaises(SyntaxProblem, cursor.finish)
        self.assertEqual(cursor.rest(), b"abc")
        cursor.finish()

    @given(st.binary(max_size=40), st.integers(0, 45))
    def test_take_while(self, octets: bytes, start: int) -> None:
        """The longest run, and not one octet more."""
        cursor = Cursor(octets, min(start, len(octets)))
        begin = cursor.position
        run = cursor.take_while(abnf.ATEXT)
        self.assertEqual(octets[begin : cursor.position], run)
        self.assertTrue(abnf.ATEXT.issuperset(run))
        self.assertNotIn(cursor.peek(), abnf.ATEXT)

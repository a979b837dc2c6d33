"""Folding fields (RFC 5322, section 2.2.3)."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailapp.core.failures import SyntaxProblem
from mailapp.message.writing import begin_field, build_field, end_field, fold
from tests.rows import rows, tabled


@tabled
class FoldTests(SynchronousTestCase):
    """Where a line is broken."""

    @rows(
        short=(b"a: b", b"a: b"),
        last_fit=(b"a: bb ccc", b"a: bb\r\n ccc"),
        several=(b"a: b c d e f g h", b"a: b c\r\n d e f\r\n g h"),
        long_word=(b"a: bbbbbbbbbbb c", b"a:\r\n bbbbbbbbbbb\r\n c"),
        tab=(b"a:\tb\tcccccc", b"a:\tb\r\n\tcccccc"),
        spaces=(b"a: b" + b" " * 20 + b"c", b"a: b   \r\n" + b" " * 17 + b"c"),
        trailing=(b"a: b" + b" " * 20, b"a: b"),
        no_space=(b"a:bbbbbbbbbbbbbbb", b"a:bbbbbbbbbbbbbbb"),
    )
    def test_fold(self, line: bytes, folded: bytes) -> None:
        """Lines of at most 7 octets, if that can be."""
        self.assertEqual(fold(line, 7), folded)

    @given(
        st.lists(st.sampled_from([b" ", b"\t", b"x", b"yyyy"]), max_size=60),
        st.integers(3, 20),
    )
    def test_same(self, pieces: list[bytes], length: int) -> None:
        """Unfolding gives the line again; no line is white space alone."""
        line = b"n:" + b"".join(pieces)
        folded = fold(line, length)
        self.assertEqual(folded.replace(b"\r\n", b""), line.rstrip())
        for one in folded.split(b"\r\n"):
            self.assertTrue(one.strip())


class BegunTests(SynchronousTestCase):
    """A field that is begun once and ended many times."""

    @given(
        st.lists(st.text("ab.", min_size=1, max_size=60).map(str.encode), max_size=12),
        st.integers(0, 12),
    )
    def test_as_at_once(self, words: list[bytes], begun: int) -> None:
        """It is the same as the field that is built at once, wherever it is cut."""
        begin = begin_field(b"Received", words[:begun])
        for _ in range(2):
            self.assertEqual(
                end_field(begin, words[begun:]), build_field(b"Received", words)
            )

    def test_bad_beginning(self) -> None:
        """What would break the field is found at its end, wherever it stands."""
        begun = begin_field(b"Received", [b"from", b"a\r\nb"])
        self.assertRaises(SyntaxProblem, end_field, begun, [b"by"])

"""mailapp.queue.marks."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailapp.core.envelope import Body
from mailapp.message.writing import LINE_LIMIT
from mailapp.queue.marks import Marks
from tests.threats import threat
from tests.unit.queue.doubles import queued_envelope

PIECES = st.lists(
    st.sampled_from([b"\r", b"\n", b"\r\n", b"a", b"", b"\0", b"\xff", b".\r\n"])
)
LINES = st.lists(
    st.sampled_from([b"\r\n", b"a", b"b" * 499, b"c" * 997, b"d" * 998, b"e" * 2100])
)


class MarksTests(SynchronousTestCase):
    """What is found, wherever the content was cut."""

    @given(PIECES, st.sampled_from(Body))
    @settings(deadline=None)
    @threat(3, 24)
    def test_any_cut(self, pieces: list[bytes], declared: Body) -> None:
        """What does not consist of CRLF lines is binary; a label never says less."""
        marks = Marks()
        for piece in pieces:
            marks.feed(piece)
        whole = b"".join(pieces)
        at_once = Marks()
        at_once.feed(whole)
        self.assertEqual(at_once.binary, marks.binary)
        rest = whole.replace(b"\r\n", b"")
        binary = not {13, 10, 0}.isdisjoint(rest)
        self.assertEqual(binary, marks.binary)
        self.assertEqual(not whole.isascii(), marks.eight_bit)
        self.assertEqual(len(whole), marks.size_octets)
        least = 2 if binary else int(marks.eight_bit)
        ranks = [Body.SEVEN_BIT, Body.EIGHT_BIT, Body.BINARY]
        label = marks.label(queued_envelope(body=declared)).body
        self.assertEqual(max(least, ranks.index(declared)), ranks.index(label))

    @given(LINES)
    @settings(deadline=None)
    def test_long_lines(self, pieces: list[bytes]) -> None:
        """A line of more than 998 octets makes it binary (RFC 2045, section 2.9)."""
        marks = Marks()
        for piece in pieces:
            marks.feed(piece)
        marks.feed(b"\r\n")
        lines = b"".join(pieces).split(b"\r\n")
        self.assertEqual(max(map(len, lines)) > LINE_LIMIT, marks.binary)

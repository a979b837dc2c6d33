"""Tests of the content decoder: every cut, every wrong end, every limit."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailapp.smtp.data import DataDecoder
from tests.rows import rows, tabled
from tests.threats import threat

Seen = tuple[bytes, bool, bytes, bool, bool, bool, int]


def decode(pieces: Sequence[bytes], line_limit: int = 1000) -> Seen:
    """All that the decoder says of these pieces."""
    decoder = DataDecoder(line_limit)
    content = rest = b""
    for piece in pieces:
        if decoder.ended:
            rest += piece
        else:
            content += decoder.decode(piece)
    return (
        content,
        decoder.ended,
        decoder.rest + rest,
        decoder.stray,
        decoder.long_line,
        decoder.eight_bit,
        decoder.size_octets,
    )


def model(octets: bytes) -> Seen:
    """The same by the book, line by line: RFC 5321, section 4.5.2."""
    lines, ended, rest = [], False, octets
    while not ended and b"\r\n" in rest:
        line, _, rest = rest.partition(b"\r\n")
        if line == b".":
            ended = True
        else:
            lines.append(line[1:] if line[:1] == b"." else line)
    content = b"".join(line + b"\r\n" for line in lines)
    stray = re.search(rb"\r(?!\n)|(?<!\r)\n|\0", content) is not None
    long_line = any(len(line) > 998 for line in lines)
    eight_bit = not content.isascii()
    return content, ended, rest, stray, long_line, eight_bit, len(content)


# Octets of which mischief is made, and one of everything else.
_TEXT = st.lists(
    st.sampled_from(
        [
            b"\r\n",
            b"\r",
            b"\n",
            b".",
            b"\0",
            b"a",
            b"\xe4",
            b"\r\n.",
            b"\r\n..",
            b"x" * 997,
        ]
    ),
    max_size=14,
).map(b"".join)


@tabled
class DataTests(SynchronousTestCase):
    """Content as it comes."""

    @rows(
        empty=(b".\r\n", b"", b""),
        one_line=(b"a\r\n.\r\n", b"a\r\n", b""),
        pipelined=(b"a\r\n.\r\nQUIT\r\n", b"a\r\n", b"QUIT\r\n"),
        empty_line=(b"\r\n.\r\n", b"\r\n", b""),
        stuffed_first=(b"..\r\n.\r\n", b".\r\n", b""),
        stuffed=(b"a\r\n..b\r\n.\r\n", b"a\r\n.b\r\n", b""),
        stuffed_dots=(b"....\r\n.\r\n", b"...\r\n", b""),
        # RFC 5321, section 4.5.2: a dot with other characters behind it is deleted
        unstuffed=(b".a\r\n.\r\n", b"a\r\n", b""),
        dot_inside=(b"a.\r\n.\r\n", b"a.\r\n", b""),
        dot_space=(b". \r\n.\r\n", b" \r\n", b""),
        two_ends=(b"a\r\n.\r\n.\r\n", b"a\r\n", b".\r\n"),
    )
    def test_content(self, octets: bytes, content: bytes, rest: bytes) -> None:
        """Dots are removed, and the end is found, in one piece and octet by octet."""
        for pieces in ([octets], [octets[i : i + 1] for i in range(len(octets))]):
            seen = decode(pieces)
            self.assertEqual(seen[:4], (content, True, rest, False))

    @threat(1, 2)
    @given(_TEXT, st.lists(st.integers(0, 60), max_size=6))
    def test_model(self, octets: bytes, cuts: list[int]) -> None:
        """At every cut the decoder says what the model says of the whole."""
        octets += b"\r\n.\r\nrest"
        places = [0, *sorted(min(cut, len(octets)) for cut in cuts), len(octets)]
        pieces = [octets[a:b] for a, b in pairwise(places)]
        expected = model(octets)
        seen = decode(pieces)
        self.assertEqual(seen[:4], expected[:4])
        self.assertEqual(seen[5:], expected[5:])
        if not expected[3]:  # with a stray LF, "line" has two meanings
            self.assertEqual(seen[4], expected[4])

    @rows(
        n_minus_1=(999, False),
        n=(1000, False),
        n_plus_1=(1001, True),
        twice=(2000, True),
    )
    @threat(13)
    def test_line_limit(self, octets: int, too_long: bool) -> None:  # noqa: FBT001
        """A line has at most 1000 octets with CRLF, wherever it stands and is cut."""
        line = b"x" * (octets - 2) + b"\r\n"
        for before in (b"", b"a\r\n", b"y" * 998 + b"\r\n"):
            for after in (b"", b"b\r\n", b"z" * 998 + b"\r\n"):
                whole = before + line + after + b".\r\n"
                for size in (len(whole), 1, 7, 999, 1000, 1001):
                    pieces = [whole[i : i + size] for i in range(0, len(whole), size)]
                    self.assertEqual(decode(pieces)[4], too_long, (before, size))

    def test_line_limit_and_doubled_dot(self) -> None:
        """The dot that was doubled does not count (RFC 5321, section 4.5.3.1.6)."""
        line = b"." * 998 + b"\r\n"
        self.assertFalse(decode([b"." + line + b".\r\n"])[4])
        self.assertTrue(decode([b".." + line + b".\r\n"])[4])

    def test_no_line_limit(self) -> None:
        """Zero is no limit."""
        self.assertFalse(decode([b"x" * 5000 + b"\r\n.\r\n"], 0)[4])

    def test_holds_little(self) -> None:
        """Whatever comes, at most four octets are kept back."""
        decoder = DataDecoder(1000)
        for piece in (b"a\r\n.\r", b"\r\n.\r", b".\r", b"\r", b"a" * 5000, b"\r\n."):
            decoder.decode(piece)
            self.assertLessEqual(len(decoder._held), 4)

    def test_strays_that_pair_up(self) -> None:
        """A lone CR and a lone LF do not make up for each other."""
        self.assertTrue(decode([b"a\rb\nc\r\n.\r\n"])[3])
        self.assertTrue(decode([b"a\n\rb\r\n.\r\n"])[3])
        self.assertTrue(decode([b"\r\r\n\n\r\n.\r\n"])[3])

"""Text for SEARCH."""

from __future__ import annotations

from base64 import encodebytes
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailapp.message.collation import casemap
from mailapp.message.fields import parse_header
from mailapp.message.searching import (
    BREAK,
    TEXT_OCTETS,
    Finder,
    field_texts,
    header_text,
    message_texts,
)
from mailapp.message.structure import scan
from tests.rows import rows, tabled
from tests.threats import threat
from tests.unit.message import trees
from tests.unit.message.fixtures import MIXED, RFC822

HTML = b"Content-Type: text/html; charset=utf-8\r\n\r\n"
LATIN = b"Content-Type: text/plain; charset=iso-8859-1\r\n"
BASE64 = b"Content-Transfer-Encoding: base64\r\n\r\n"


def texts(octets: bytes, *, headers: bool = False) -> list[str]:
    """The pieces of text."""

    def read(start: int, end: int) -> bytes:
        return octets[start:end]

    return list(message_texts(read, scan(octets), headers=headers))


def text(octets: bytes, *, headers: bool = False) -> str:
    """All text, parts one line apart."""
    return "".join(texts(octets, headers=headers)).replace(BREAK, "\n").strip("\n")


@tabled
class SearchTextTests(SynchronousTestCase):
    """RFC 9051, section 6.4.4."""

    @rows(
        plain=(b"\r\nHello\r\n", "HELLO\r"),
        html=(HTML + b"<p>Hel<b>lo</b> &eacute;<script>no</script>", "HELLO E\u0301"),
        latin=(LATIN + b"\r\ncaf\xe9", "CAFE\u0301"),
        base64=(LATIN + BASE64 + encodebytes(b"caf\xe9"), "CAFE\u0301"),
        utf8=(b"\r\ncaf\xc3\xa9", "CAFE\u0301"),
        unknown=(b"Content-Type: text/plain; charset=x\r\n\r\na\xe9b", "A\ufffdB"),
        codec=(b"Content-Type: text/plain; charset=rot13\r\n\r\nab", "AB"),
        image=(b"Content-Type: image/png\r\n\r\nabc", ""),
        mixed=(
            MIXED + b"pre\r\n--b\r\nX: y\r\n\r\na\r\n--b\r\n" + HTML + b"b\r\n--b--",
            "A\nB",
        ),
        report=(
            b"Content-Type: message/delivery-status\r\n\r\nAction: failed",
            "ACTION: FAILED",
        ),
        message=(RFC822 + b"Subject: s\r\nA:b\r\n\r\nt", "SUBJECT: S\nA: B\nT"),
    )
    def test_body(self, octets: bytes, expected: str) -> None:
        """Decoded text of text parts, and headers of messages in them."""
        self.assertEqual(expected, text(octets))

    @rows(
        top=(b"A: =?utf-8?q?=C3=A9?=\r\nfolded:\r\n x\r\n\r\nt",
             "A: E\u0301\nFOLDED: X\nT"),
        part=(MIXED + b"--b\r\nX: y\r\n\r\na\r\n--b--",
              "CONTENT-TYPE: MULTIPART/MIXED; BOUNDARY=B\nX: Y\nA"),
    )  # fmt: skip
    def test_text(self, octets: bytes, expected: str) -> None:
        """TEXT has all headers, those of MIME parts too."""
        self.assertEqual(expected, text(octets, headers=True))

    def test_fields(self) -> None:
        """HEADER sees each field of a name, empty ones too."""
        header = parse_header(
            b"To: A\r\nTO:\r\nto: =?utf-8?q?b?=\r\nX: c\r\nno field\r\n\r\n"
        )
        self.assertEqual(["A", "", "B"], field_texts(header, b"to"))
        self.assertEqual([], field_texts(header, b"cc"))
        self.assertIn("NO FIELD", header_text(header))

    def test_no_word_across_parts(self) -> None:
        """What ends one part and begins the next is no word."""
        octets = MIXED + b"--b\r\n\r\nab\r\n--b\r\n\r\ncd\r\n--b--"
        self.assertNotIn("BC", "".join(texts(octets)))

    @given(trees.messages, st.booleans())
    def test_total(self, octets: bytes, headers: bool) -> None:  # noqa: FBT001
        """Any message has text, and more of it with headers."""
        self.assertLessEqual(len(text(octets)), len(text(octets, headers=True)))
        for piece in texts(octets, headers=headers):
            piece.encode("utf-8", "surrogatepass")

    @threat(60, 128)
    def test_large(self) -> None:
        """A large text comes in pieces, a very large one is cut."""
        octets = b"\r\n" + b"x" * (TEXT_OCTETS + 1_000_000)
        sizes = [len(piece) for piece in texts(octets)]
        self.assertLessEqual(max(sizes), 65536)
        self.assertLess(sum(sizes), TEXT_OCTETS + 10)

    @threat(88)
    def test_bombs(self) -> None:
        """HTML that is all markup costs little and has no text."""
        for bomb in (b"<", b"<div>", b"<!--", b"&", b"<a href=", b"<script>"):
            found = text(HTML + bomb * (200_000 // len(bomb)))
            self.assertLessEqual(len(found), 400_000)


@tabled
class FinderTests(SynchronousTestCase):
    """Words in a text that comes in pieces."""

    @given(
        st.text(st.sampled_from("ABÉ"), max_size=40),
        st.lists(st.text(st.sampled_from("ABÉ"), max_size=4), max_size=4),
        st.lists(st.integers(0, 40), max_size=5),
    )
    def test_pieces(self, whole: str, needles: list[str], cuts: list[int]) -> None:
        """However it is cut, a word that is in it is found."""
        finder = Finder(needles)
        places = sorted([0, *cuts, len(whole)])
        for start, end in pairwise(places):
            finder.feed(whole[start:end])
        expected = {needle for needle in needles if needle not in whole}
        self.assertEqual(expected, set(finder.missing))

    def test_case(self) -> None:
        """Both sides are casemapped."""
        finder = Finder([casemap("ÜBER")])
        self.assertFalse(finder.feed(casemap("darü")))
        self.assertTrue(finder.feed(casemap("ber")))
        self.assertTrue(finder.feed("x"))

    def test_nothing(self) -> None:
        """The empty string is in every text."""
        self.assertTrue(Finder([""]).feed(""))

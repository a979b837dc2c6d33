"""What a sieve holds back does not have what is looked for."""

from __future__ import annotations

from base64 import encodebytes

from hypothesis import example, given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailapp.message.collation import casemap
from mailapp.message.part import Part
from mailapp.message.searching import message_texts
from mailapp.message.sieve import Sieve, surely_has
from mailapp.message.structure import scan
from tests.rows import rows, tabled
from tests.unit.message import trees
from tests.unit.message.fixtures import MIXED

TEXT = b"Content-Type: text/plain; charset=utf-8\r\n\r\n"
HTML = b"Content-Type: text/html\r\n\r\n"
_TYPES = st.sampled_from(
    [
        b"", b"text/plain; charset=utf-8", b"text/html", b"text/HTML; charset=latin1",
        b"text/html;charset=utf-8", b"text/(c)html ; charset=us-ascii", b"text/html",
        b"text/x; charset=utf-16", b"text/plain; charset = (x) hz-gb-2312",
        b"text/plain; CHARSET=koi8-r", b"text/html; charset=iso-2022-jp",
        b"image/png", b"message/rfc822",
    ]
)  # fmt: skip
_ENCODINGS = st.sampled_from(
    [b"", b"", b"7bit", b"8bit", b"(x) base64", b"QUOTED-printable"]
)
_FIELDS = st.sampled_from(
    [
        b"", b"X: =?utf-8?q?a=62?=c\r\n", b"Subject:a \r\n\tb\r\n",
        b"X:a\n b\rc\0d\r\n",
        b"A =B\r\n", b"Y :z\r\n", b"To: a\xc3\xa9\r\n", b"Cc: ab\xef\xac\x81c\r\n",
    ]
)  # fmt: skip
_LETTERS = st.sampled_from([b"a", b"B", b"ab", b"c1", b"12", b" ", b"b c", b"\r\n"])
_MARKS = st.sampled_from(
    [
        b"<b>", b"</b>", b"<!--", b"-->", b"<style>", b"</style>", b"<p title='", b">",
        b'<a href="http://a', b"<a href='http://b", b'"', b"'", b"<a HREF=http://c",
        b'">', b"'>", b"</a>", b"<img alt=ab>", b"<li>", b"<ol>", b"&", b"&#x41;", b"<",
        b"&nbsp;", b"&fjlig;", b"=61", b"=\r\n", b"\xef\xac\x81", b"\xc3\xa9",
        b"\x1b$B", b"~{", b"~}", b"\0", b"<pre>", b"YWJj", b"<br>", b"\r\n\r\n",
    ]
)  # fmt: skip
_SOUPS = st.builds(
    lambda field, kind, encoding, pieces: b"".join(
        [
            field,
            kind and b"Content-Type: %b\r\n" % kind,
            encoding and b"Content-Transfer-Encoding: %b\r\n" % encoding,
            b"\r\n",
            *pieces,
        ]
    ),
    _FIELDS,
    _TYPES,
    _ENCODINGS,
    st.lists(_LETTERS | _MARKS, max_size=20),
)


def _text(octets: bytes, root: Part, *, headers: bool) -> str:
    """All text."""
    texts = message_texts(lambda a, b: octets[a:b], root, headers=headers)
    return "".join(texts)


def _pieces(text: str) -> set[str]:
    """All pieces of some lengths, of its beginning."""
    return {text[at:][:n] for n in (1, 2, 3, 5) for at in range(min(len(text), 500))}


@tabled
class SieveTests(SynchronousTestCase):
    """Beside a look at all of the text."""

    @settings(deadline=None, max_examples=150)
    @given(_SOUPS | _SOUPS | trees.messages)
    @example(HTML + b"<style>a</style>x<b>ab<!-- > -->cd")
    def test_all_pass(self, octets: bytes) -> None:
        """Whatever stands in the text of a message, a sieve for it lets it pass."""
        root = scan(octets)
        for needle in _pieces(_text(octets, root, headers=True)):
            self.assertTrue(Sieve([needle]).passes(octets, root), needle)

    @settings(deadline=None, max_examples=150)
    @given(_SOUPS | _SOUPS | trees.messages)
    @example(MIXED + b"--b\r\n" + HTML + b"<b>ab</b>\r\n--b\r\n\r\nab\r\n--b--")
    def test_sure(self, octets: bytes) -> None:
        """What is surely in a text is in it, as letters of its octets may not be."""
        root = scan(octets)
        for headers in (True, False):
            text = _text(octets, root, headers=headers)
            for needle in _pieces(octets[:500].upper().decode("latin-1")):
                if surely_has(octets, root, needle, headers=headers):
                    self.assertIn(needle, text)

    @rows(
        body=(TEXT + b"a miller", "miller", (True, True)),
        header=(b"Subject: miller\r\n\r\n", "Miller", (True, False)),
        name=(b"Subject: miller\r\n\r\n", "subject", (True, False)),
        words=(TEXT + b"a miller", "a miller", (False, False)),
        page=(HTML + b"a miller", "miller", (False, False)),
    )
    def test_kinds_of_sure(
        self, octets: bytes, wanted: str, sure: tuple[bool, bool]
    ) -> None:
        """Plain words in plain text are sure: of TEXT, of BODY."""
        root, needle = scan(octets), casemap(wanted)
        found = [surely_has(octets, root, needle, headers=h) for h in (True, False)]
        self.assertEqual(found, list(sure))

    @rows(
        other=(TEXT + b"miles are", "Miller", False),
        same=(TEXT + b"a MillER", "milleR", True),
        folded=(b"X: a\r\n miller\r\n\r\n", "a miller", True),
        word=(TEXT + b"old miller", "young\tmiller", True),
        header=(b"Subject: miller\r\n\r\n", "Miller", True),
        beyond=(TEXT + b"caf\xc3\xa9", "Miller", True),
        latin=(b"Content-Type: text/plain; charset=latin1\r\n\r\nx", "Miller", False),
        odd=(b"Content-Type: text/plain; charset=hz-gb-2312\r\n\r\nx", "Miller", True),
        words=(b"Subject: =?us-ascii?q?x?=\r\n\r\n", "Miller", True),
        encoded=(b"Content-Transfer-Encoding: base64\r\n\r\neA==", "Miller", True),
        attached=(
            MIXED + b"--b\r\n\r\nx\r\n--b\r\nContent-Type: image/png\r\n"
            b"Content-Transfer-Encoding: base64\r\n\r\n"
            + encodebytes(b"miller")
            + b"--b--",
            "Miller",
            False,
        ),
        page=(HTML + b'<p>a mil&nbsp;<a href="http://x/">l</a>er', "Miller", False),
        parted=(HTML + b"a Mill<b>er</b>", "miller", True),
        reference=(HTML + b"a &#77;iller", "miller", True),
        address=(HTML + b"<a href='http://mil\r\nler/'>x</a>", "miller", True),
        number=(HTML + b"<ol><li>x</ol>", "1", True),
        no_word=(TEXT + b"x", ": \u0301", True),
        nothing=(TEXT + b"x", "", True),
    )
    def test_kinds(self, octets: bytes, wanted: str, passes: bool) -> None:  # noqa: FBT001
        """Most messages are held back, of each kind that there is often."""
        self.assertEqual(Sieve([casemap(wanted)]).passes(octets, scan(octets)), passes)

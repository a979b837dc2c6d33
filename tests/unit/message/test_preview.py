"""Previews."""

from __future__ import annotations

from base64 import encodebytes

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailapp.message.preview import LENGTH_LIMIT, preview
from mailapp.message.structure import scan
from tests.rows import rows, tabled
from tests.threats import threat
from tests.unit.message import trees
from tests.unit.message.test_plain import CALENDAR, HTML, PNG, RFC822, UTF8, multipart

PGP = "-----BEGIN PGP MESSAGE-----\r\n\r\nabc\r\n-----END PGP MESSAGE-----\r\n"


def shown(octets: bytes, reads: list[int] | None = None) -> str:
    """The preview; ``reads`` collects how much is read."""

    def read(start: int, end: int) -> bytes:
        if reads is not None:
            reads.append(end - start)
        return octets[start:end]

    return preview(read, scan(octets))


@tabled
class PreviewTests(SynchronousTestCase):
    """RFC 8970, section 3."""

    @rows(
        plain=(UTF8 + "Hello,\r\n\r\nhow are  you?\r\n", "Hello, how are you?"),
        empty=("", ""),
        no_type=("\r\nCafé", "Café"),
        html=(HTML + "<style>x</style><p>Caf&eacute;<p><b>x</b>", "Café x"),
        alternative=(multipart("alternative", HTML + "b", UTF8 + "a"), "a"),
        alternative_html=(multipart("alternative", CALENDAR + "a", HTML + "b"), "a"),
        alternative_empty=(multipart("alternative", UTF8 + " \r\n", HTML + "b"), "b"),
        related=(multipart("related", HTML + "b", PNG + "x"), "b"),
        only_image=(PNG + "x", ""),
        attached=(
            multipart("mixed", "Content-Disposition: attachment\r\n\r\na", UTF8 + "b"),
            "b",
        ),
        message=(multipart("mixed", RFC822 + "Subject: x\r\n\r\na"), ""),
        quoted=(
            UTF8 + "On Monday x wrote:\r\n> a\r\n> b:\r\n> c\r\n\r\nYes: no\r\n",
            "Yes: no",
        ),
        only_quoted=(UTF8 + "> a\r\n", "> a"),
        signature=(UTF8 + "a\r\n-- \r\nMe\r\n", "a"),
        pgp=(UTF8 + PGP, ""),
        encrypted=(multipart("encrypted", "Content-Type: application/x\r\n\r\na"), ""),
        controls=(UTF8 + "a\x1b[1m\x07b\0c\u200b\u202ed", "a [1m b c d"),
        nbsp=(HTML + "&nbsp;&zwnj;&#847;a", "\u034fa"),
    )
    def test_shown(self, message: str, expected: str) -> None:
        """The first words that a person would read."""
        self.assertEqual(expected, shown(message.encode()))

    def test_length(self) -> None:
        """RFC 8970, section 3.3: characters, not octets, and at most 200."""
        found = shown((UTF8 + "é" * 1000).encode())
        self.assertEqual("é" * 200, found)

    @threat(61)
    def test_reads_little(self) -> None:
        """However large a message is, its beginning is enough."""
        large = b"Content-Transfer-Encoding: base64\r\n" + UTF8.encode()
        reads: list[int] = []
        self.assertEqual("a" * 200, shown(large + encodebytes(b"a" * 3_000_000), reads))
        part = (HTML + "<p>" * 100_000).encode()
        many = multipart("mixed", *[part.decode()] * 9).encode()
        self.assertEqual("", shown(many, reads))
        self.assertLess(sum(reads), 600_000)

    @given(st.one_of(trees.messages, st.binary(max_size=300)))
    def test_total(self, octets: bytes) -> None:
        """Any message has one: one line, no controls, UTF-8."""
        found = shown(octets)
        self.assertLessEqual(len(found), LENGTH_LIMIT)
        self.assertTrue(found.replace(" ", "x").encode() or not found)
        self.assertTrue(all(c >= " " and c != "\x7f" for c in found))

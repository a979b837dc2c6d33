"""The 7-bit rule (RFC 5321, section 2.4; RFC 6152, section 3)."""

from __future__ import annotations

from collections import Counter

from hypothesis import given, settings
from twisted.trial.unittest import SynchronousTestCase

from mailapp.message.content import Encoding
from mailapp.message.sevenbit import (
    NotConvertible,
    Obstacle,
    SevenBit,
    convert,
    is_seven_bit,
)
from mailapp.message.structure import scan
from tests.rows import rows, tabled
from tests.threats import threat
from tests.unit.message import fixtures, trees

HEAD = b"From: a@example.com\r\nMIME-Version: 1.0\r\n"
UTF8 = b"Content-Type: text/plain; charset=utf-8\r\n"
TO_QP = b"Content-Transfer-Encoding: quoted-printable\r\n"
TO_B64 = b"Content-Transfer-Encoding: base64\r\n"
AS_8BIT = b"Content-Transfer-Encoding: 8bit\r\n"
AS_7BIT = b"Content-Transfer-Encoding: 7bit\r\n"
PDF = b"Content-Type: application/pdf\r\n"
MIXED = b"Content-Type: multipart/mixed; boundary=b\r\n"
SIGNED = b"Content-Type: multipart/signed; boundary=b\r\n"
ENCRYPTED = b"Content-Type: multipart/encrypted; boundary=b\r\n"
RFC822 = b"Content-Type: message/rfc822\r\n"
GLOBAL = b"Content-Type: message/global\r\n"
PARTIAL = b"Content-Type: message/partial; id=x; number=1\r\n"
STATUS = b"Content-Type: message/delivery-status\r\n"
UUENCODE = b"Content-Transfer-Encoding: x-uuencode\r\n"
TEXT = b"It is a caf\xc3\xa9 with a long name.\r\n"
TEXT_QP = b"It is a caf=C3=A9 with a long name.\r\n"


def converted(octets: bytes) -> bytes:
    """The 7-bit form, which there must be."""
    outcome = convert(octets)
    assert isinstance(outcome, SevenBit), outcome
    return outcome.octets


@tabled
class ScanTests(SynchronousTestCase):
    """What needs nothing."""

    @rows(
        empty=(b"", True),
        plain=(b"a: b\r\n\r\nc\r\n", True),
        controls=(b"\x01\x7f\t\r\n", True),
        no_end=(b"a", True),
        high=(b"\x80", False),
        nul=(b"a\0b\r\n", False),
        bare_cr=(b"a\rb\r\n", False),
        bare_lf=(b"a\nb\r\n", False),
        swapped=(b"a\n\rb", False),
        last_cr=(b"a\r", False),
        longest=(b"x" * 998 + b"\r\n" + b"y" * 998, True),
        too_long=(b"x" * 999 + b"\r\n", False),
        too_long_later=(b"\r\n" * 700 + b"x" * 999 + b"\r\n", False),
        too_long_at_end=(b"x\r\n" + b"y" * 999, False),
        many=((b"x" * 400 + b"\r\n") * 9, True),
    )
    def test_scan(self, octets: bytes, fit: bool) -> None:  # noqa: FBT001 - a row
        """RFC 2045, section 2.7, and lines up to 998 octets."""
        self.assertIs(is_seven_bit(octets), fit)

    @rows(**{f"octet_{octet:02x}": octet for octet in (0, 10, 13, 127, 128, 255)})
    def test_edges(self, octet: int) -> None:
        """Only NUL, a lone CR or LF, and what is over 127 is not 7bit."""
        fit = octet < 128 and octet not in {0, 10, 13}
        self.assertIs(is_seven_bit(b"a%bb" % bytes([octet])), fit)


@tabled
class ConvertTests(SynchronousTestCase):
    """protocols: each kind of part has its way."""

    @rows(
        text=(HEAD + UTF8 + b"\r\n" + TEXT, HEAD + UTF8 + TO_QP + b"\r\n" + TEXT_QP),
        relabelled=(
            HEAD + AS_8BIT + UTF8 + b"\r\n" + TEXT,
            HEAD + TO_QP + UTF8 + b"\r\n" + TEXT_QP,
        ),
        twice_labelled=(
            HEAD + AS_8BIT + UTF8 + AS_8BIT + b"\r\n" + TEXT,
            HEAD + TO_QP + UTF8 + b"\r\n" + TEXT_QP,
        ),
        dense=(
            HEAD + UTF8 + b"\r\n" + b"\xd0\x9f\xd1\x80\xd0\xb8" * 2 + b"\r\n",
            HEAD + UTF8 + TO_B64 + b"\r\n0J/RgNC40J/RgNC4DQo=\r\n",
        ),
        binary=(
            HEAD + PDF + b"\r\n" + TEXT[:15],
            HEAD + PDF + TO_B64 + b"\r\nSXQgaXMgYSBjYWbDqSB3\r\n",
        ),
        no_last_line_end=(
            HEAD + UTF8 + b"\r\n" + TEXT[:-2],
            HEAD + UTF8 + TO_QP + b"\r\n" + TEXT_QP[:-2] + b"=\r\n",
        ),
        not_mime=(
            b"From: a\r\n\r\n" + TEXT,
            b"From: a\r\nMIME-Version: 1.0\r\n"
            b"Content-Type: text/plain; charset=unknown-8bit\r\n"
            + TO_QP + b"\r\n" + TEXT_QP,
        ),
        not_mime_long=(
            b"From: a\r\n\r\n" + b"x" * 999,
            b"From: a\r\nMIME-Version: 1.0\r\n"
            b"Content-Type: text/plain; charset=us-ascii\r\n"
            + TO_QP + b"\r\n" + (b"x" * 75 + b"=\r\n") * 13 + b"x" * 24 + b"=\r\n",
        ),
        local_lines=(b"From: a\n\nb\n", b"From: a\r\n\r\nb\r\n"),
        multipart=(
            HEAD + MIXED + AS_8BIT + b"\r\ncaf\xc3\xa9\r\n--b\r\n" + UTF8 + b"\r\n"
            + TEXT + b"--b\r\n" + PDF + AS_8BIT + b"\r\nx\r\n--b\r\n" + PDF
            + b"\r\n" + b"\xff\r\n--b--\r\n\xff\r\n",
            HEAD + MIXED + AS_7BIT + b"\r\ncaf=C3=A9\r\n--b\r\n" + UTF8 + TO_QP
            + b"\r\n" + TEXT_QP + b"--b\r\n" + PDF + AS_7BIT + b"\r\nx\r\n--b\r\n"
            + PDF + TO_B64 + b"\r\n" + b"/w==\r\n--b--\r\n=FF\r\n",
        ),
        rfc822=(
            HEAD + RFC822 + AS_8BIT + b"\r\n" + HEAD + UTF8 + b"\r\n" + TEXT,
            HEAD + RFC822 + AS_7BIT + b"\r\n" + HEAD + UTF8 + TO_QP + b"\r\n" + TEXT_QP,
        ),
        rfc822_not_mime=(
            HEAD + RFC822 + b"\r\nFrom: b\r\n\r\n" + TEXT,
            HEAD + RFC822 + b"\r\nFrom: b\r\nMIME-Version: 1.0\r\n"
            b"Content-Type: text/plain; charset=unknown-8bit\r\n"
            + TO_QP + b"\r\n" + TEXT_QP,
        ),
        # RFC 6532, section 3.7: any encoding is permitted
        message_global=(
            HEAD + GLOBAL + AS_8BIT + b"\r\nSubject: \xc3\xa9 and a longer one\r\n"
            b"\r\nx\r\n",
            HEAD + GLOBAL + TO_QP + b"\r\nSubject: =C3=A9 and a longer one\r\n"
            b"\r\nx\r\n",
        ),
        bad_base64=(
            HEAD + PDF + TO_B64 + b"\r\n" + b"QUJD" * 250,
            HEAD + PDF + TO_B64 + b"\r\n" + (b"QUJD" * 19 + b"\r\n") * 13
            + b"QUJD" * 3 + b"\r\n",
        ),
        bad_qp=(
            HEAD + UTF8 + TO_QP + b"\r\n" + b"a=3D\xc3\xa9 and so it goes\r\n",
            HEAD + UTF8 + TO_QP + b"\r\n" + b"a=3D=C3=A9 and so it goes\r\n",
        ),
        signed_fit=(
            HEAD + MIXED + b"\r\n--b\r\n" + UTF8 + b"\r\n" + TEXT + b"--b\r\n"
            + SIGNED.replace(b"=b", b"=c") + b"\r\n--c\r\n" + AS_8BIT
            + b"\r\n=\r\n--c--\r\n--b--",
            HEAD + MIXED + b"\r\n--b\r\n" + UTF8 + TO_QP + b"\r\n" + TEXT_QP
            + b"--b\r\n" + SIGNED.replace(b"=b", b"=c") + b"\r\n--c\r\n" + AS_8BIT
            + b"\r\n=\r\n--c--\r\n--b--",
        ),
        long_field=(
            HEAD + b"References:" + b" <x@y>" * 200 + b"\r\n\r\nx\r\n",
            HEAD + b"References:" + b" <x@y>" * 164 + b"\r\n" + b" <x@y>" * 36
            + b"\r\n\r\nx\r\n",
        ),
    )  # fmt: skip
    @threat(24)
    def test_convert(self, octets: bytes, expected: bytes) -> None:
        """Each row's message has this 7-bit form, and that one is left alone."""
        self.assertEqual(converted(octets), expected)
        self.assertIs(converted(expected), expected)

    @rows(
        header=(b"Subject: caf\xc3\xa9\r\n\r\nx\r\n", Obstacle.HEADER),
        header_nul=(b"Subject: a\0b\r\n\r\nx\r\n", Obstacle.HEADER),
        header_cr=(b"Subject: a\rb\r\n\r\nx\r\n", Obstacle.HEADER),
        header_long=(b"Subject: " + b"x" * 999 + b"\r\n\r\nx\r\n", Obstacle.HEADER),
        header_blank=(b"Subject: " + b" " * 2999 + b"x\r\n\r\nx", Obstacle.HEADER),
        header_many=(b"a: b\r\n" * 10_001 + b"\r\n\xff", Obstacle.HEADER),
        part_header=(
            HEAD + MIXED + b"\r\n--b\r\nContent-Description: \xff\r\n\r\n--b--\r\n",
            Obstacle.HEADER,
        ),
        partial=(HEAD + PARTIAL + b"\r\n" + TEXT, Obstacle.PARTIAL),
        signed=(
            HEAD + SIGNED + b"\r\n--b\r\n\r\n" + TEXT + b"--b--\r\n",
            Obstacle.SIGNED,
        ),
        encrypted=(
            HEAD + ENCRYPTED + b"\r\n--b\r\n\r\n" + TEXT + b"--b--\r\n",
            Obstacle.ENCRYPTED,
        ),
        status=(HEAD + STATUS + b"\r\n" + TEXT, Obstacle.REPORT),
        unknown=(HEAD + UUENCODE + b"\r\n" + TEXT, Obstacle.UNKNOWN_ENCODING),
        no_boundary=(
            HEAD + b"Content-Type: multipart/mixed\r\n\r\n" + TEXT,
            Obstacle.STRUCTURE,
        ),
        no_parts=(HEAD + MIXED + b"\r\n" + TEXT, Obstacle.STRUCTURE),
        encoded_multipart=(
            HEAD + MIXED + TO_B64 + b"\r\n--b\r\n\r\n" + TEXT + b"--b--\r\n",
            Obstacle.STRUCTURE,
        ),
        encoded_rfc822=(HEAD + RFC822 + TO_B64 + b"\r\n\xff", Obstacle.STRUCTURE),
        delimiter=(
            HEAD + MIXED + b"\r\n--b\r\n\r\nx\r\n--b \xff\r\n\r\nx\r\n--b--\r\n",
            Obstacle.STRUCTURE,
        ),
        too_deep=((RFC822 + b"\r\n") * 102 + b"\r\n\xff", Obstacle.STRUCTURE),
        too_many=(
            HEAD + MIXED + b"\r\n--b\r\n" * 10_002 + b"\r\n\xff",
            Obstacle.STRUCTURE,
        ),
    )
    @threat(24)
    def test_not_convertible(self, octets: bytes, reason: Obstacle) -> None:
        """What would be changed in its meaning is not changed at all."""
        self.assertEqual(convert(octets), NotConvertible(reason))

    def test_fixtures(self) -> None:
        """The messages that RFCs print need nothing."""
        for name in fixtures.names():
            octets = fixtures.message(name)
            self.assertIs(converted(octets), octets)

    @given(trees.messages)
    @settings(deadline=None, max_examples=150)
    @threat(24)
    def test_trees(self, octets: bytes) -> None:
        """Any tree: 7 bits, the same decoded leaves, and nothing left to convert."""
        outcome = convert(octets)
        if isinstance(outcome, NotConvertible):
            return  # a body had a delimiter of another part in it
        new = outcome.octets
        self.assertTrue(is_seven_bit(new))
        self.assertEqual(
            list(trees.leaves(new, scan(new))), list(trees.leaves(octets, scan(octets)))
        )
        self.assertIs(converted(new), new)

    def test_growth(self) -> None:
        """Twice the parts are twice the octets looked at, however deep."""

        def work(count: int) -> int:
            octets = HEAD + MIXED + b"\r\n" + (b"--b\r\n\r\n" + TEXT) * count
            found = scan(converted(octets))
            encodings = Counter(part.encoding for part in found.parts)
            self.assertEqual(encodings, {Encoding.QUOTED_PRINTABLE: count})
            return len(converted(octets))

        self.assertLess(work(2000), 2.1 * work(1000))

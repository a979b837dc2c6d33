"""BODY and BODYSTRUCTURE."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailapp.message.bodystructure import OUTPUT_LIMIT, structures
from mailapp.message.part import Part
from mailapp.message.structure import scan
from tests.rows import rows, tabled
from tests.threats import threat
from tests.unit.message import syntax, trees
from tests.unit.message.fixtures import MIXED, RFC822, message

PLAIN = b'("TEXT" "PLAIN" ("CHARSET" "US-ASCII") NIL NIL "7BIT" %d %d'
EMPTY = b"(" + b" ".join([b"NIL"] * 10) + b")"
DEFAULT = b" NIL NIL NIL NIL"


def described(octets: bytes) -> tuple[bytes, bytes]:
    """Both forms; also that the short one is what the grammar says."""
    return structures(scan(octets))


def parameters(line: bytes) -> bytes:
    """Parameters of a type with this rest of a line."""
    body = described(b"Content-Type: a/b" + line + b"\r\n\r\n")[0]
    return body.removeprefix(b'("A" "B" ').removesuffix(b' NIL NIL "7BIT" 0)')


def extension(*lines: bytes) -> bytes:
    """Extension data of a leaf with these fields."""
    body, long = described(b"\r\n".join([*lines, b"", b""]))
    return long.removeprefix(body.removesuffix(b")")).removesuffix(b")")


@tabled
class BodyStructureTests(SynchronousTestCase):
    """RFC 9051, section 7.5.2."""

    @rows(
        plain=(b"\r\nabc\r\n", PLAIN % (5, 1) + b")"),
        empty=(b"", PLAIN % (0, 0) + b")"),
        html=(
            b"Content-Type: text/html\r\n\r\nx",
            b'("TEXT" "HTML" NIL NIL NIL "7BIT" 1 0)',
        ),
        bad_type=(b"Content-Type: text\r\n\r\n", PLAIN % (0, 0) + b")"),
        named=(
            b"Content-Type: image/png; name=a.png\r\nContent-ID: <i@x>\r\n"
            b"Content-Description: a\r\n picture\r\n"
            b"Content-Transfer-Encoding: Base64\r\n\r\nQUJD\r\n",
            b'("IMAGE" "PNG" ("NAME" "a.png") "<i@x>" "a picture" "BASE64" 6)',
        ),
        unknown_encoding=(
            b"Content-Type: a/b\r\nContent-Transfer-Encoding: x-uue (c)\r\n\r\n",
            b'("A" "B" NIL NIL NIL "X-UUE" 0)',
        ),
        empty_encoding=(
            b"Content-Type: a/b\r\nContent-Transfer-Encoding:\r\n\r\n",
            b'("A" "B" NIL NIL NIL "X-UNKNOWN" 0)',
        ),
        mixed=(
            MIXED + b"--b\r\n\r\nx\r\n\r\n--b\r\nContent-Type: a/b\r\n\r\nyz\r\n--b--",
            b"(" + PLAIN % (3, 1) + b')("A" "B" NIL NIL NIL "7BIT" 2) "MIXED")',
        ),
        no_parts=(MIXED + b"abc\r\n", b"(" + PLAIN % (5, 1) + b') "MIXED")'),
        rfc822=(
            RFC822 + b"Subject: x\r\n\r\nab\r\n",
            b'("MESSAGE" "RFC822" NIL NIL NIL "7BIT" 18 %b '
            % EMPTY.replace(b"NIL NIL", b'NIL "x"', 1) + PLAIN % (4, 1) + b") 3)",
        ),
        cut_rfc822=(
            MIXED + b"--b\r\nContent-Type: message/rfc822\r\n--b--",
            b'(("MESSAGE" "RFC822" NIL NIL NIL "7BIT" 0 %b ' % EMPTY
            + PLAIN % (0, 0) + b') 0) "MIXED")',
        ),
        encoded_rfc822=(
            b"Content-Transfer-Encoding: base64\r\n" + RFC822 + b"QQ==",
            b'("APPLICATION" "OCTET-STREAM" NIL NIL NIL "BASE64" 4)',
        ),
        report=(
            b"Content-Type: message/delivery-status\r\n\r\nx",
            b'("MESSAGE" "DELIVERY-STATUS" NIL NIL NIL "7BIT" 1)',
        ),
    )  # fmt: skip
    def test_body(self, octets: bytes, expected: bytes) -> None:
        """Basic fields, parts, lines of text and of messages."""
        self.assertEqual(expected, described(octets)[0])

    def test_sample(self) -> None:
        """RFC 9051, section 8."""
        body = (b"x" * 31 + b"\r\n") * 91 + b"x" * 23 + b"\r\n"
        expected = b'("TEXT" "PLAIN" ("CHARSET" "US-ASCII") NIL NIL "7BIT" 3028 92)'
        self.assertEqual(expected, described(message("rfc9051-8") + body)[0])

    def test_two_parts(self) -> None:
        """RFC 9051, section 7.5.2: text and an attachment with all basic fields."""
        octets = (
            MIXED + b"--b\r\n\r\n" + b"x" * 1106 + b"\r\n" * 23 + b"\r\n--b\r\n"
            b"Content-Type: text/plain; charset=US-ASCII; name=cc.diff\r\n"
            b"Content-ID: <960723163407.20117h@cac.washington.edu>\r\n"
            b"Content-Description: Compiler diff\r\n"
            b"Content-Transfer-Encoding: base64\r\n\r\n"
            + b"x" * 4408 + b"\r\n" * 73 + b"\r\n--b--\r\n"
        )  # fmt: skip
        expected = (
            b'(("TEXT" "PLAIN" ("CHARSET" "US-ASCII") NIL NIL "7BIT" 1152 23)'
            b'("TEXT" "PLAIN" ("CHARSET" "US-ASCII" "NAME" "cc.diff")'
            b' "<960723163407.20117h@cac.washington.edu>" "Compiler diff"'
            b' "BASE64" 4554 73) "MIXED")'
        )
        self.assertEqual(expected, described(octets)[0])

    @rows(
        none=(b"", b"NIL"),
        plain=(b"; x=1; Y=two", b'("X" "1" "Y" "two")'),
        quoted=(b'; x="a \\"b"', b'("X" "a \\"b")'),
        empty=(b'; x=""', b'("X" "")'),
        eight_bit=(b'; x="\xc3\xa9"', b'("X" {2}\r\n\xc3\xa9)'),
        word=(b'; x="=?utf-8?q?=C3=A9?="', b'("X" "=?utf-8?q?=C3=A9?=")'),
        # RFC 9051, section 7.5.2: baz*0, baz*1 are baz
        continued=(b"; z=1; x*0=a; y=2; x*1=b", b'("Z" "1" "X" "ab" "Y" "2")'),
        encoded=(b"; x*=utf-8'en'%C3%A9", b'("X*" "utf-8\'\'%C3%A9")'),
        # foo*0*, foo*1* are foo*, in UTF-8
        latin=(b"; x*0*=iso-8859-1''%E9; x*1*=%E8", b'("X*" "utf-8\'\'%C3%A9%C3%A8")'),
        both=(b"; x=a; x*=utf-8''b", b'("X" "a" "X*" "utf-8\'\'b")'),
        gap=(b"; x*0=a; x*2=c", b'("X" "a")'),
        no_first=(b"; x*1=a", b'("X*1" "a")'),
        star=(b"; *=a", b'("*" "a")'),
    )  # fmt: skip
    def test_parameters(self, line: bytes, expected: bytes) -> None:
        """Names in upper case, continuations put together (RFC 2231, section 6)."""
        self.assertEqual(expected, parameters(line))

    @rows(
        none=((), DEFAULT),
        md5=((b"Content-MD5: Q2hlY2s=",), b' "Q2hlY2s=" NIL NIL NIL'),
        disposition=(
            (b"Content-Disposition: Attachment; filename=a.txt; size=1",),
            b' NIL ("ATTACHMENT" ("FILENAME" "a.txt" "SIZE" "1")) NIL NIL',
        ),
        inline=((b"Content-Disposition: inline",), b' NIL ("INLINE" NIL) NIL NIL'),
        no_disposition=((b"Content-Disposition: ;",), DEFAULT),
        language=((b"Content-Language: en (English)",), b' NIL NIL "en" NIL'),
        languages=((b"Content-Language: en, de-CH",), b' NIL NIL ("en" "de-CH") NIL'),
        no_language=((b"Content-Language: ",), DEFAULT),
        location=(
            (b"Content-Location: http://example.com/\r\n a.png",),
            b' NIL NIL NIL "http://example.com/a.png"',
        ),
        twice=((b"Content-MD5: a", b"content-md5: b"), b' "a" NIL NIL NIL'),
    )
    def test_extension(self, lines: tuple[bytes, ...], expected: bytes) -> None:
        """Only BODYSTRUCTURE has it, in this order."""
        self.assertEqual(expected, extension(*lines))

    def test_multipart_extension(self) -> None:
        """A multipart has its parameters there, and no MD5."""
        head = b"Content-Language: en\r\nContent-MD5: x\r\n"
        long = described(head + MIXED + b"--b\r\n\r\nx\r\n--b--")[1]
        expected = (
            b"("
            + PLAIN % (1, 0)
            + DEFAULT
            + b') "MIXED" ("BOUNDARY" "b") NIL "en" NIL)'
        )
        self.assertEqual(expected, long)

    @threat(79)
    def test_deep(self) -> None:
        """A message in a message in a message ends as an attachment."""
        body, long = described(RFC822 * 10_000)
        self.assertEqual(100, body.count(b'"RFC822"'))
        self.assertEqual(1, body.count(b'"OCTET-STREAM"'))
        self.assertLess(len(long), 30_000)

    @threat(61, 80)
    def test_large(self) -> None:
        """Headers that are there to be repeated are left out when there are enough."""
        line = b"Content-Type: a/b; a=b\r\nContent-ID: " + b"x" * 5000
        part = b"--b\r\n" + line + b"\r\n\r\n\r\n"
        long = described(MIXED + part * 500 + b"--b--")[1]
        self.assertEqual(500, long.count(b'("A" "B"'))
        self.assertLess(len(long), OUTPUT_LIMIT + 500 * 60)

    @settings(max_examples=150)
    @given(trees.messages)
    def test_trees(self, octets: bytes) -> None:
        """Both forms are well-formed, and say what the parts are."""
        root = scan(octets)
        body, long = structures(root)
        for form in (body, long):
            value, rest = syntax.read(form)
            self.assertEqual(b"", rest)
            self._compare(root, value, extended=form is long)

    def _compare(self, part: Part, value: list[object], *, extended: bool) -> None:
        if part.content.is_multipart:
            count = len(part.parts) or 1
            self.assertEqual(count + 1 + 4 * extended, len(value))
            self.assertEqual(part.content.subtype.upper(), value[count])
            for child, inner in zip(part.parts, value[:count], strict=False):
                assert isinstance(inner, list)
                self._compare(child, inner, extended=extended)
            return
        self.assertEqual(part.size_octets, value[6])
        more = 0
        if value[0] == b"TEXT":
            more = 1
            self.assertEqual(part.lines, value[7])
        elif value[0] == b"MESSAGE" and value[1] in {b"RFC822", b"GLOBAL"}:
            more = 3
            self.assertEqual(part.lines, value[9])
            assert isinstance(value[8], list)
            if part.parts:
                self._compare(part.parts[0], value[8], extended=extended)
        self.assertEqual(7 + more + 4 * extended, len(value))

    @given(st.binary(max_size=300))
    def test_total(self, octets: bytes) -> None:
        """Any octets have both forms, readable."""
        for form in described(octets):
            self.assertEqual(b"", syntax.read(form)[1])

    @given(st.binary(max_size=80))
    def test_any_fields(self, value: bytes) -> None:
        """So have any octets in the fields that are looked at."""
        names = (b"type", b"disposition", b"language", b"location", b"id", b"md5")
        kind = b"Content-Type: text/x; x=" + value + b"\r\n"
        head = b"".join([b"Content-%b: %b\r\n" % (name, value) for name in names])
        for octets in (head, kind + head):
            for form in described(octets + b"\r\n"):
                self.assertEqual(b"", syntax.read(form)[1])

"""Parameters and RFC 2231."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailapp.message.content import (
    ContentDefect,
    Encoding,
    content_of,
    parse_content_type,
    parse_disposition,
    parse_encoding,
)
from mailapp.message.fields import parse_header
from mailapp.message.parameters import (
    PARAMETER_LIMIT,
    Parameter,
    ParameterDefect,
    decode_parameters,
    encode_parameter,
)
from tests.rows import rows, tabled
from tests.threats import threat

NONE = ParameterDefect.NONE
GAP, TWICE = ParameterDefect.GAP, ParameterDefect.DUPLICATE
BOTH, MANY = ParameterDefect.AMBIGUOUS, ParameterDefect.TOO_MANY


@tabled
class ContinuationTests(SynchronousTestCase):
    """RFC 2231, sections 3 and 4."""

    @rows(
        # RFC 2231, section 3
        url=(
            b'message/external-body; access-type=URL; URL*0="ftp://";'
            b' URL*1="cs.utk.edu/pub/moore/bulk-mailer/bulk-mailer.tar"',
            {b"access-type": "URL",
             b"url": "ftp://cs.utk.edu/pub/moore/bulk-mailer/bulk-mailer.tar"}, NONE),
        # section 4
        charset=(
            b"application/x-stuff;"
            b" title*=us-ascii'en-us'This%20is%20%2A%2A%2Afun%2A%2A%2A",
            {b"title": "This is ***fun***"}, NONE),
        # section 4.1
        both=(
            b"application/x-stuff;"
            b" title*0*=us-ascii'en'This%20is%20even%20more%20;"
            b" title*1*=%2A%2A%2Afun%2A%2A%2A%20; title*2=\"isn't it!\"",
            {b"title": "This is even more ***fun*** isn't it!"}, NONE),
        order=(b"a/b; n*1=b; n*0=a", {b"n": "ab"}, NONE),
        cut_character=(b"a/b; n*0*=utf-8''%C3; n*1*=%A9", {b"n": "é"}, NONE),
        no_language=(b"a/b; n*=utf-8''%C3%A9", {b"n": "é"}, NONE),
        no_charset=(b"a/b; n*=''abc%FF", {b"n": "abc\ufffd"}, NONE),
        no_marks=(b"a/b; n*=%C3%A9", {b"n": "é"}, NONE),
        unknown=(b"a/b; n*=zlib''%C3", {b"n": "\ufffd"}, NONE),
        encoded_word=(b'a/b; n="=?utf-8?q?=C3=A9?="', {b"n": "é"}, NONE),
        raw_utf8=("a/b; n=\"é\"".encode(), {b"n": "é"}, NONE),
        gap=(b"a/b; n*0=a; n*2=c", {b"n": "a"}, GAP),
        no_first=(b"a/b; n*1=b", {}, GAP),
        no_first_plain=(b"a/b; n=a; n*1=b", {b"n": "a"}, BOTH | GAP),
        zeroes=(b"a/b; n*00=a", {b"n*00": "a"}, NONE),
        not_number=(b"a/b; n*x=a", {b"n*x": "a"}, NONE),
        star=(b"a/b; *=a; n**=b", {b"*": "a", b"n**": "b"}, NONE),
        twice=(b"a/b; n=a; n=b", {b"n": "a"}, TWICE),
        twice_segment=(b"a/b; n*0=a; n*0=b; n*1=c", {b"n": "ac"}, TWICE),
        ambiguous=(b"a/b; n=a.txt; n*=utf-8''b.exe", {b"n": "b.exe"}, BOTH),
        whole_wins=(b"a/b; n*=''a; n*0=b; n*1=c", {b"n": "a"}, GAP),
    )  # fmt: skip
    @threat(81)
    def test_decode(
        self, value: bytes, texts: dict[bytes, str], defects: ParameterDefect
    ) -> None:
        """One decoder for all, with the doubtful flagged."""
        parameters = parse_content_type(value).parameters
        self.assertEqual(decode_parameters(parameters), (texts, defects))

    @threat(81)
    def test_flood(self) -> None:
        """100 segments count; ten thousand cost no more."""
        flood = [Parameter(b"n*%d" % n, b"x") for n in range(10_000)]
        texts, defects = decode_parameters(flood)
        self.assertEqual(texts, {b"n": "x" * 100})
        self.assertIn(MANY, defects)
        value = b"a/b" + b"".join([b"; n*%d=x" % n for n in range(10_000)])
        content = parse_content_type(value)
        self.assertLessEqual(len(content.parameters), PARAMETER_LIMIT)
        self.assertEqual(content.texts(), {b"n": "x" * 100})

    @settings(deadline=None)
    @given(st.text(st.characters(exclude_categories=("Cs", "Cc")), max_size=200))
    def test_round_trip(self, text: str) -> None:
        """What is written is read as it was, in words that fit a line."""
        words = encode_parameter(b"filename", text)
        disposition = parse_disposition(b"; ".join([b"attachment", *words]))
        self.assertIsNotNone(disposition)
        assert disposition is not None
        self.assertEqual(disposition.texts(), {b"filename": text})
        self.assertTrue(all(len(word) < 78 and word.isascii() for word in words))


@tabled
class ContentTests(SynchronousTestCase):
    """Content-Type, Content-Disposition, Content-Transfer-Encoding."""

    @rows(
        plain=(b"text/plain", b"text", b"plain", ()),
        case=(b"TEXT/Plain; CharSet=UTF-8", b"text", b"plain",
              ((b"charset", b"UTF-8"),)),
        quoted=(b'a/b; c="d;\\"e"', b"a", b"b", ((b"c", b'd;"e'),)),
        comment=(b"a/b (c); (d) e=f (g)", b"a", b"b", ((b"e", b"f"),)),
        folded=(b" a/b;\r\n\tc=d", b"a", b"b", ((b"c", b"d"),)),
        spaces=(b"a / b ; c = d", b"a", b"b", ((b"c", b"d"),)),
        end=(b"a/b; c=d;", b"a", b"b", ((b"c", b"d"),)),
        tree=(b"application/vnd.a+b", b"application", b"vnd.a+b", ()),
    )  # fmt: skip
    def test_type(
        self, value: bytes, main: bytes, sub: bytes,
        parameters: tuple[tuple[bytes, bytes], ...],
    ) -> None:  # fmt: skip
        """RFC 2045, section 5.1."""
        content = parse_content_type(value)
        self.assertEqual((content.type, content.subtype), (main, sub))
        self.assertEqual(tuple(map(tuple, content.parameters)), parameters)
        self.assertEqual(content.defects, ContentDefect.NONE)

    @rows(
        empty=b"", word=b"text", slash=b"/", half=b"text/", other=b"/plain",
        quoted=b'"text"/plain', semicolon=b";charset=x", comment=b"(text/html)",
    )  # fmt: skip
    def test_bad_type(self, value: bytes) -> None:
        """What is no type is text/plain in US-ASCII (RFC 2045, section 5.2)."""
        content = parse_content_type(value)
        self.assertEqual((content.type, content.subtype), (b"text", b"plain"))
        self.assertIn(ContentDefect.BAD_TYPE, content.defects)

    @rows(
        spaces=(b"a/b; name=a b.txt", b"name", b"a b.txt"),
        slash=(b"a/b; boundary=a/b=c?", b"boundary", b"a/b=c?"),
        comment=(b"a/b; name=a b.txt (c)", b"name", b"a b.txt"),
        outlook=(b"a/b; boundary=----=_Part_1", b"boundary", b"----=_Part_1"),
        open_quote=(b'a/b; name="abc', b"name", b'"abc'),
        empty=(b"a/b; name=; c=d", b"name", b""),
        twice=(b"a/b; name=x; name=y", b"name", b"x"),
        missing=(b"a/b; x; name=y", b"name", b"y"),
        text_behind=(b"a/b c; name=y", b"name", b"y"),
    )
    def test_bad_parameter(self, value: bytes, name: bytes, text: bytes) -> None:
        """What was probably meant, flagged."""
        content = parse_content_type(value)
        self.assertEqual(content.parameter(name), text)
        self.assertTrue(content.defects)

    def test_disposition(self) -> None:
        """RFC 2183."""
        found = parse_disposition(b'Attachment; filename="a b"')
        assert found is not None
        self.assertEqual(
            (found.kind, found.texts()), (b"attachment", {b"filename": "a b"})
        )
        self.assertIsNone(parse_disposition(b""))
        self.assertIsNone(parse_disposition(b'"inline"'))

    @rows(
        none=(None, Encoding.SEVEN_BIT), bit=(b"7BIT", Encoding.SEVEN_BIT),
        eight=(b" 8bit ", Encoding.EIGHT_BIT), binary=(b"Binary", Encoding.BINARY),
        qp=(b"Quoted-Printable", Encoding.QUOTED_PRINTABLE),
        base64=(b"(c) base64 (d)", Encoding.BASE64),
        other=(b"x-uuencode", Encoding.UNKNOWN), empty=(b"", Encoding.UNKNOWN),
    )  # fmt: skip
    def test_encoding(self, value: bytes | None, encoding: Encoding) -> None:
        """RFC 2045, section 6.1."""
        self.assertIs(parse_encoding(value), encoding)

    @threat(87)
    def test_first_wins(self) -> None:
        """Of two fields the first one counts, and both are told of."""
        header = parse_header(
            b"Content-Type: text/html\r\nContent-Type: multipart/mixed; boundary=b\r\n"
            b"Content-Transfer-Encoding: base64\r\n"
            b"content-transfer-encoding: x\r\n\r\n"
        )
        content, encoding, defects = content_of(header)
        self.assertEqual((content.subtype, encoding), (b"html", Encoding.BASE64))
        self.assertEqual(
            defects, ContentDefect.DUPLICATE_TYPE | ContentDefect.DUPLICATE_ENCODING
        )

    @settings(deadline=None, max_examples=300)
    @given(
        st.lists(
            st.sampled_from([b"text", b"/", b";", b"=", b'"', b"(", b")", b"\\"])
            | st.binary(max_size=3), max_size=40,
        )
    )  # fmt: skip
    @threat(82, 83)
    def test_anything(self, parts: list[bytes]) -> None:
        """Any octets are a type, with parameters that can be decoded."""
        value = b"".join(parts)
        content = parse_content_type(value)
        self.assertTrue(content.type)
        self.assertTrue(content.subtype)
        content.texts()
        disposition = parse_disposition(value)
        self.assertTrue(disposition is None or disposition.kind)

"""The tree of MIME parts."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from mailapp.message.content import ContentDefect, Encoding
from mailapp.message.part import Part, PartDefect
from mailapp.message.structure import scan
from tests.rows import rows, tabled
from tests.threats import threat
from tests.unit.message.fixtures import MIXED, NESTED, RFC822, every, message, names

NONE = PartDefect.NONE


def outline(part: Part, octets: bytes) -> str:
    """``type/subtype(...)`` for containers, ``type/subtype"body"`` for leaves."""
    kind = f"{part.content.type.decode()}/{part.content.subtype.decode()}"
    if part.parts:
        inner = " ".join([outline(child, octets) for child in part.parts])
        return f"{kind}({inner})"
    body = octets[part.body_start : part.end]
    return f"{kind}{body.decode('latin-1')!r}"


@tabled
class StructureTests(SynchronousTestCase):
    """What the parts are and where."""

    @rows(
        empty=(b"", "text/plain''", NONE),
        body_only=(b"\r\nabc", "text/plain'abc'", NONE),
        no_body=(b"A: b\r\n", "text/plain''", NONE),
        plain=(b"A: b\r\n\r\nabc\r\n", "text/plain'abc\\r\\n'", NONE),
        dashes=(b"A: b\r\n\r\n--b\r\n", "text/plain'--b\\r\\n'", NONE),
        one=(MIXED + b"--b\r\n\r\nx\r\n--b--\r\n",
             "multipart/mixed(text/plain'x')", NONE),
        two=(MIXED + b"pre\r\n--b\r\n\r\nx\r\n--b\r\nContent-Type: a/b\r\n\r\ny\r\n"
             b"--b--\r\nepilogue\r\n", "multipart/mixed(text/plain'x' a/b'y')", NONE),
        lf=(MIXED.replace(b"\r", b"") + b"--b\n\nx\n--b\n\ny\n--b--\n",
            "multipart/mixed(text/plain'x' text/plain'y')", NONE),
        empty_body=(MIXED + b"--b\r\nA: b\r\n\r\n--b\r\n\r\n\r\n--b--",
                    "multipart/mixed(text/plain'' text/plain'')", NONE),
        no_blank=(MIXED + b"--b\r\nContent-Type: a/b\r\n--b--",
                  "multipart/mixed(a/b'')", NONE),
        nothing_between=(MIXED + b"--b\r\n--b\r\n--b--",
                         "multipart/mixed(text/plain'' text/plain'')", NONE),
        padding=(MIXED + b"--b  \t\r\n\r\nx\r\n--b-- \r\n",
                 "multipart/mixed(text/plain'x')", NONE),
        trailing_line=(MIXED + b"--b\r\n\r\nx\r\n\r\n--b--",
                       "multipart/mixed(text/plain'x\\r\\n')", NONE),
        inside_line=(MIXED + b"--b\r\n\r\nx --b\r\n --b\r\n-b\r\n--b--",
                     "multipart/mixed(text/plain'x --b\\r\\n --b\\r\\n-b')", NONE),
        after_end=(MIXED + b"--b\r\n\r\nx\r\n--b--\r\n--b\r\n\r\ny\r\n--b--\r\n",
                   "multipart/mixed(text/plain'x')", NONE),
        nested=(MIXED + b"--b\r\n" + NESTED + b"--b2\r\n\r\nx\r\n--b2--\r\n"
                b"\r\n--b\r\n\r\ny\r\n--b--",
                "multipart/mixed(multipart/mixed(text/plain'x') text/plain'y')",
                NONE),
        nested_open=(MIXED + b"--b\r\n" + NESTED + b"--b2\r\n\r\nx\r\n"
                     b"--b\r\n\r\ny\r\n--b--",
                     "multipart/mixed(multipart/mixed(text/plain'x') text/plain'y')",
                     NONE),
        prefix_line=(MIXED + b"--b\r\n\r\nx\r\n--bxyz\r\n\r\ny\r\n--b--",
                     "multipart/mixed(text/plain'x' text/plain'y')", NONE),
        message=(RFC822 + b"Subject: x\r\n\r\nabc",
                 "message/rfc822(text/plain'abc')", NONE),
        message_empty=(RFC822, "message/rfc822(text/plain'')", NONE),
        message_in_mixed=(MIXED + b"--b\r\n" + RFC822 + b"S: x\r\n\r\ny\r\n--b\r\n\r\nz"
                          b"\r\n--b--", "multipart/mixed(message/rfc822(text/plain'y')"
                          " text/plain'z')", NONE),
        message_cut=(MIXED + b"--b\r\n" + RFC822 + b"S: x\r\n--b\r\n\r\nz\r\n--b--",
                     "multipart/mixed(message/rfc822(text/plain'') text/plain'z')",
                     NONE),
        message_header_cut=(MIXED + b"--b\r\nContent-Type: message/rfc822\r\n--b--",
                            "multipart/mixed(message/rfc822'')", NONE),
        multipart_header_cut=(
            MIXED + b"--b\r\nContent-Type: multipart/mixed; boundary=b\r\n--b--",
            "multipart/mixed(multipart/mixed'')", NONE),
        globally=(b"Content-Type: message/global\r\n\r\n\r\nx",
                  "message/global(text/plain'x')", NONE),
        digest=(b"Content-Type: multipart/digest; boundary=b\r\n\r\n--b\r\n\r\nA: b\r\n"
                b"\r\nx\r\n--b\r\nContent-Type: text/html\r\n\r\ny\r\n--b--",
                "multipart/digest(message/rfc822(text/plain'x') text/html'y')", NONE),
        no_end=(MIXED + b"--b\r\n\r\nx", "multipart/mixed(text/plain'x')",
                PartDefect.NO_END),
        no_parts=(MIXED + b"abc", "multipart/mixed'abc'",
                  PartDefect.NO_PARTS | PartDefect.NO_END),
        end_only=(MIXED + b"--b--", "multipart/mixed'--b--'", PartDefect.NO_PARTS),
        no_boundary=(b"Content-Type: multipart/mixed\r\n\r\n--\r\n\r\nx",
                     "multipart/mixed'--\\r\\n\\r\\nx'", PartDefect.NO_BOUNDARY),
        empty_boundary=(b'Content-Type: multipart/mixed; boundary=""\r\n\r\n'
                        b"--\r\n\r\nx",
                        "multipart/mixed'--\\r\\n\\r\\nx'", PartDefect.NO_BOUNDARY),
        long_boundary=(b"Content-Type: multipart/mixed; boundary=" + b"b" * 80 +
                       b"\r\n\r\n--" + b"b" * 80 + b"\r\n\r\nx\r\n--" +
                       b"b" * 80 + b"--",
                       "multipart/mixed(text/plain'x')", PartDefect.LONG_BOUNDARY),
        huge_boundary=(b"Content-Type: multipart/mixed; boundary=" + b"b" * 201 +
                       b"\r\n\r\n--" + b"b" * 201,
                       "multipart/mixed'--" + "b" * 201 + "'",
                       PartDefect.NO_BOUNDARY),
        encoded_message=(b"Content-Transfer-Encoding: base64\r\n" + RFC822 + b"QQ==",
                         "message/rfc822'QQ=='", PartDefect.ENCODED_CONTAINER),
        encoded_multipart=(b"Content-Transfer-Encoding: base64\r\n" + MIXED +
                           b"--b\r\n\r\nx\r\n--b--", "multipart/mixed(text/plain'x')",
                           PartDefect.ENCODED_CONTAINER),
        partial=(b"Content-Type: message/partial; id=a\r\n\r\nx",
                 "message/partial'x'", NONE),
        quoted=(b'Content-Type: multipart/mixed; boundary="b c"\r\n\r\n--b c\r\n'
                b"\r\nx\r\n--b c--", "multipart/mixed(text/plain'x')", NONE),
        bare_cr=(MIXED + b"--b\r\n\r\nx\r--b\r\n--b--",
                 "multipart/mixed(text/plain'x\\r--b')", NONE),
    )  # fmt: skip
    @threat(79, 80, 87)
    def test_outline(self, octets: bytes, text: str, defects: PartDefect) -> None:
        """The tree, and what is wrong at its root, at every cut."""
        root = scan(octets)
        self.assertEqual(outline(root, octets), text)
        self.assertEqual(root.defects, defects)
        for step in (1, 2, 3, 5, 11):
            self.assertEqual(scan(octets, chunk_octets=step), root)

    @threat(80)
    def test_same_boundary(self) -> None:
        """A part with its parent's boundary takes the delimiters to itself."""
        octets = (
            MIXED
            + b"--b\r\n"
            + MIXED
            + b"--b\r\n\r\nx\r\n--b--\r\n--b\r\n\r\ny\r\n--b--"
        )
        root = scan(octets)
        self.assertEqual(
            outline(root, octets),
            "multipart/mixed(multipart/mixed(text/plain'x') text/plain'y')",
        )

    @threat(80)
    def test_prefix_boundaries(self) -> None:
        """Of two boundaries that fit, the longer one is meant."""
        octets = (
            MIXED
            + b"--b\r\n"
            + NESTED
            + b"--b2\r\n\r\nx\r\n--b2\r\n\r\ny\r\n--b2--\r\n"
            b"--b\r\n\r\nz\r\n--b--"
        )
        self.assertEqual(
            outline(scan(octets), octets),
            "multipart/mixed(multipart/mixed(text/plain'x' text/plain'y')"
            " text/plain'z')",
        )

    def test_rfc2049(self) -> None:
        """RFC 2049, appendix A."""
        octets = message("rfc2049-a")
        root = scan(octets)
        kinds = [(p.content.subtype, p.encoding, p.defects) for p in every(root)]
        base64, bit, qp = Encoding.BASE64, Encoding.SEVEN_BIT, Encoding.QUOTED_PRINTABLE
        self.assertEqual(
            kinds,
            [
                (b"mixed", bit, NONE),
                (b"plain", bit, NONE),
                (b"plain", bit, NONE),
                (b"parallel", bit, NONE),
                (b"basic", base64, NONE),
                (b"jpeg", base64, NONE),
                (b"enriched", bit, NONE),
                (b"rfc822", bit, NONE),
                (b"plain", qp, NONE),
            ],
        )
        third = root.find((2,))
        assert third is not None
        self.assertEqual(
            octets[third.body_start : third.end],
            b"This could have been part of the previous part, but\r\n"
            b"illustrates explicit versus implicit typing of body\r\nparts.\r\n",
        )
        self.assertEqual(third.lines, 3)
        inner = root.find((5, 1))
        assert inner is not None
        self.assertEqual(inner.content.texts(), {b"charset": "ISO-8859-1"})

    def test_find(self) -> None:
        """Part numbers of RFC 9051, section 6.4.5.1."""
        octets = (
            MIXED + b"--b\r\n\r\n1\r\n"
            b"--b\r\n" + RFC822 + b"S: x\r\n\r\n2.1\r\n"
            b"--b\r\n" + RFC822 + NESTED + b"--b2\r\n\r\n3.1\r\n"
            b"--b2\r\n\r\n3.2\r\n--b2--\r\n"
            b"--b\r\nContent-Type: multipart/mixed; boundary=c\r\n\r\n"
            b"--c\r\n\r\n4.1\r\n--c--\r\n--b--\r\n"
        )  # fmt: skip
        root = scan(octets)
        for numbers in ((1,), (2, 1), (3, 1), (3, 2), (4, 1)):
            part = root.find(numbers)
            assert part is not None
            text = ".".join(map(str, numbers)).encode()
            self.assertEqual(octets[part.body_start : part.end], text)
        self.assertIs(root.find(()), root)
        absent: tuple[tuple[int, ...], ...]
        absent = ((0,), (5,), (1, 1), (2, 2), (2, 1, 1), (3, 3), (4, 2), (-1,))
        for missing in absent:
            self.assertIsNone(root.find(missing))
        plain = scan(b"A: b\r\n\r\nx")
        self.assertIs(plain.find((1,)), plain)
        self.assertIsNone(plain.find((1, 1)))
        self.assertIsNone(plain.find((2,)))
        wrapped = scan(RFC822 + b"A: b\r\n\r\nx")
        self.assertIs(wrapped.find((1,)), wrapped)
        self.assertIs(wrapped.find((1, 1)), wrapped.parts[0])

    def test_lines(self) -> None:
        """Line ends in the body, not the one of the delimiter."""
        root = scan(MIXED + b"--b\r\n\r\n1\r\n2\r\n3\r\n--b\r\n\r\n\r\n--b--\r\n")
        self.assertEqual([part.lines for part in root.parts], [2, 0])
        self.assertEqual(root.lines, 9)
        self.assertEqual(scan(b"\r\n1\n2\n3").lines, 2)

    @threat(87)
    def test_flags(self) -> None:
        """What a scanner and a reader may see differently is told."""
        root = scan(b"Content-Type: text/html\r\n" + MIXED + b"--b\r\n\r\nx\r\n--b--")
        self.assertEqual(root.content.subtype, b"html")
        self.assertEqual(root.content_defects, ContentDefect.DUPLICATE_TYPE)
        twice = scan(
            b"Content-Type: multipart/mixed; boundary=b; boundary=c\r\n\r\n"
            b"--c\r\n\r\nx\r\n--b\r\n\r\ny\r\n--b--"
        )
        self.assertEqual(len(twice.parts), 1)
        self.assertIn(ContentDefect.BAD_PARAMETERS, twice.content_defects)

    def test_appendix_a(self) -> None:
        """Every message an RFC prints has sound parts that tile it."""
        for name in names():
            octets = message(name)
            for part in every(scan(octets)):
                self.assertEqual(part.defects, NONE)

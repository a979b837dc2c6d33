"""Header sections: fields with exact offsets, whatever the octets are."""

from __future__ import annotations

from time import perf_counter
from unittest.mock import patch

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailapp.message import fields
from mailapp.message.fields import (
    COUNT_LIMIT,
    FIELD_LIMIT,
    FTEXT,
    HEADER_LIMIT,
    HeaderDefect,
    HeaderScanner,
    find_body,
    named,
    parse_header,
    unfold,
)
from tests.rows import rows, tabled
from tests.threats import threat
from tests.unit.message.fixtures import message, names

# pieces that make broken headers likely
PIECES = st.lists(
    st.sampled_from(
        [b"\r\n", b"\n", b"\r", b" ", b"\t", b":", b"From", b"a: b\r\n", b"x", b"\0",
         b"Received: y\r\n", b"\r\n\r\n", b"\xff", b"--"]
    ),
    max_size=40,
).map(b"".join)  # fmt: skip

NONE = HeaderDefect.NONE
Row = list[tuple[bytes, bytes]]


@tabled
class HeaderTests(SynchronousTestCase):
    """What is a field, and where it ends."""

    @rows(
        empty=(b"\r\n", [], NONE),
        one=(b"A: b\r\n\r\n", [(b"A", b" b")], NONE),
        none_before_body=(b"\r\nA: b\r\n", [], NONE),
        tight=(b"A:b\r\n\r\n", [(b"A", b"b")], NONE),
        no_value=(b"A:\r\n\r\n", [(b"A", b"")], NONE),
        colons=(b"A:b:c\r\n\r\n", [(b"A", b"b:c")], NONE),
        folded=(b"A: b\r\n c\r\n\td\r\n\r\n", [(b"A", b" b\r\n c\r\n\td")], NONE),
        folded_blank=(b"A: b\r\n \r\n c\r\n\r\n", [(b"A", b" b\r\n \r\n c")], NONE),
        folded_first=(b"A:\r\n b\r\n\r\n", [(b"A", b"\r\n b")], NONE),
        all_ftext=(
            bytes(sorted(FTEXT)) + b":x\r\n\r\n",
            [(bytes(sorted(FTEXT)), b"x")],
            NONE,
        ),
        # RFC 5322, section 4.5.8
        space=(b"A \t: b\r\n\r\n", [(b"A", b" b")], HeaderDefect.SPACE_BEFORE_COLON),
        # RFC 7103, section 7.2
        junk=(
            b"A: b\r\nabout\r\nB: c\r\n\r\n",
            [(b"A", b" b"), (b"", b"about"), (b"B", b" c")],
            HeaderDefect.NOT_A_FIELD,
        ),
        junk_first=(b" A: b\r\n\r\n", [(b"", b" A: b")], HeaderDefect.NOT_A_FIELD),
        mbox=(
            b"From a Mon: x\r\nA: b\r\n\r\n",
            [(b"", b"From a Mon: x"), (b"A", b" b")],
            HeaderDefect.NOT_A_FIELD,
        ),
        no_name=(b": b\r\n\r\n", [(b"", b": b")], HeaderDefect.NOT_A_FIELD),
        spaced_name=(b"A B: c\r\n\r\n", [(b"", b"A B: c")], HeaderDefect.NOT_A_FIELD),
        eight_bit=(b"\xc3\xa4: c\r\n\r\n", [(b"", b"\xc3\xa4: c")],
                   HeaderDefect.NOT_A_FIELD),
        fold_before_colon=(
            b"From\r\n : a\r\n\r\n",
            [(b"", b"From\r\n : a")],
            HeaderDefect.NOT_A_FIELD,
        ),
        lf=(b"A: b\nB: c\n d\n\nbody", [(b"A", b" b"), (b"B", b" c\n d")],
            HeaderDefect.BARE_LINE_END),
        cr=(b"A: b\rB: c\r\n\r\n", [(b"A", b" b\rB: c")], HeaderDefect.BARE_LINE_END),
        nul=(b"A: \0\r\n\r\n", [(b"A", b" \0")], HeaderDefect.NUL),
        open=(b"A: b", [(b"A", b" b")], HeaderDefect.NO_END),
        open_line=(b"A: b\r\n", [(b"A", b" b")], HeaderDefect.NO_END),
        nothing=(b"", [], HeaderDefect.NO_END),
        magic=(
            b"__proto__: a\r\n__class__: b\r\n\r\n",
            [(b"__proto__", b" a"), (b"__class__", b" b")],
            NONE,
        ),
    )  # fmt: skip
    @threat(4, 84, 94)
    def test_fields(self, octets: bytes, fields: Row, defects: HeaderDefect) -> None:
        """Names, raw values and defects."""
        header = parse_header(octets)
        self.assertEqual([(f.name, f.value) for f in header.fields], fields)
        self.assertEqual(header.defects, defects)

    def test_lookup(self) -> None:
        """Names have no case; the first of several is the first."""
        header = parse_header(b"X: 0\r\nSubject: a\r\n b\r\nSUBJECT: c\r\n\r\n")
        self.assertEqual(header.value(b"sUBJECT"), b"a b")
        self.assertEqual([f.unfolded for f in header.all(b"subject")], [b"a b", b"c"])
        self.assertIsNone(header.first(b"date"))
        self.assertIsNone(header.value(b"date"))
        self.assertTrue(header.fields[0].is_named(b"x"))

    def test_start(self) -> None:
        """Offsets count from the octets' start, not the header's."""
        header = parse_header(b"zzzA: b\r\n\r\nbody", 3)
        self.assertEqual((header.fields[0].start, header.fields[0].end), (3, 9))
        self.assertEqual(header.body_start, 11)

    @rows(
        crlf=(b" a\r\n b", b"a b"),
        lf=(b"a\n\tb", b"a\tb"),
        cr=(b"a\rb", b"a b"),
        nul=(b"a\0b\0", b"a b"),
        plain=(b"\t a b ", b"a b"),
        empty=(b"\r\n ", b""),
    )
    def test_unfold(self, value: bytes, line: bytes) -> None:
        """RFC 5322, section 2.2.3; no CR, LF or NUL is left."""
        self.assertEqual(unfold(value), line)

    def test_appendix_a(self) -> None:
        """Every message of RFC 5322, appendix A, has named fields and a body."""
        for name in names():
            with self.subTest(name=name):
                octets = message(name)
                header = parse_header(octets)
                self.assertTrue(all(field.name for field in header.fields))
                self.assertIn(header.defects, {NONE, HeaderDefect.SPACE_BEFORE_COLON})
                self.assertEqual(header.body_start, octets.index(b"\r\n\r\n") + 4)


class LimitTests(SynchronousTestCase):
    """Caps hold and the offsets stay exact (threat 14)."""

    @threat(14, 84)
    def test_field(self) -> None:
        """Of a field of 100 KiB, 64 KiB are looked at."""
        header = parse_header(b"A:" + b"b" * 102400 + b"\r\nB: c\r\n\r\n")
        self.assertEqual(len(header.fields[0].value), FIELD_LIMIT)
        self.assertEqual(header.fields[0].end, 102404)
        self.assertEqual(header.fields[1].name, b"B")
        self.assertEqual(header.defects, HeaderDefect.FIELD_TOO_LONG)

    @threat(14)
    def test_count(self) -> None:
        """Of 100,000 fields, so many are listed; the body is where it is."""
        octets = b"a:\r\n" * 100_000 + b"\r\nbody"
        header = parse_header(octets)
        self.assertEqual(len(header.fields), COUNT_LIMIT)
        self.assertEqual(octets[header.body_start :], b"body")
        self.assertEqual(header.defects, HeaderDefect.TOO_MANY_FIELDS)

    @threat(14)
    def test_total(self) -> None:
        """Behind 1 MiB no field is listed; the body is where it is."""
        octets = (b"a:" + b"b" * 60000 + b"\r\n") * 50 + b"\r\nbody"
        header = parse_header(octets)
        self.assertLessEqual(header.fields[-1].end, HEADER_LIMIT)
        self.assertEqual(octets[header.body_start :], b"body")
        self.assertEqual(header.defects, HeaderDefect.HEADER_TOO_LONG)
        unfinished = parse_header(octets[:-6])
        self.assertEqual(unfinished.body_start, len(octets) - 6)

    @threat(14)
    def test_many_folds(self) -> None:
        """A field of 300,000 folds is one field."""
        header = parse_header(b"a:" + b"\r\n " * 300_000 + b"\r\n\r\n")
        self.assertEqual(len(header.fields), 1)


@tabled
class ScannerTests(SynchronousTestCase):
    """Where the header of a stream ends."""

    @rows(
        crlf=(b"A: b\r\n\r\nbody", 8),
        lf=(b"A: b\n\nbody", 6),
        mixed=(b"A: b\r\n\nbody", 7),
        empty=(b"\r\nbody", 2),
        empty_lf=(b"\nbody", 1),
        never=(b"A: b\r\n \r\n c", None),
        cr=(b"A: b\r\r\nB: c", None),
    )
    def test_end(self, octets: bytes, body_start: int | None) -> None:
        """The same as for the whole."""
        self.assertEqual(find_body(octets), body_start)
        for step in (1, 2, 3, 100):
            scanner = HeaderScanner()
            for at in range(0, len(octets), step):
                scanner.feed(octets[at : at + step])
            self.assertEqual(scanner.body_start, body_start)
            self.assertEqual(scanner.complete, body_start is not None)
            self.assertEqual(bytes(scanner.header), octets[:body_start])

    @threat(14)
    def test_limit(self) -> None:
        """What is kept is capped, and the end is still found."""
        scanner = HeaderScanner(100)
        for _ in range(100):
            scanner.feed(b"A: bcdefg\r\n")
        self.assertEqual((len(scanner.header), scanner.overflowing), (100, True))
        scanner.feed(b"\r\nbody")
        self.assertEqual(scanner.body_start, 1102)

    def test_named(self) -> None:
        """Fields of a name are found without a parse, and none in the body."""
        octets = b"X-Received: a\r\nreceived : b\r\n Received: c\r\nRECEIVED:d\r\n"
        found = list(named(octets + b"\r\nReceived: e\r\n", b"Received"))
        self.assertEqual([octets[at : at + 2] for at in found], [b" b", b"d\r"])
        self.assertEqual(list(named(b"Received: x", b"received")), [9])
        self.assertEqual(list(named(b"\r\nReceived: x", b"received")), [])


class HeaderProperties(SynchronousTestCase):
    """For any octets."""

    @threat(14, 83)
    @settings(deadline=None, max_examples=300)
    @given(PIECES | st.binary(max_size=200))
    def test_offsets(self, octets: bytes) -> None:
        """Nothing raises, and the slices join to the octets again."""
        header = parse_header(octets)
        position = 0
        for field in header.fields:
            self.assertEqual(field.start, position)
            self.assertGreater(field.end, field.start)
            self.assertIn(field.name, octets[field.start : field.end])
            self.assertIn(field.value, octets[field.start : field.end])
            self.assertFalse(set(b"\r\n\0") & set(field.unfolded))
            position = field.end
        gap = octets[position : header.body_start]
        self.assertIn(gap, {b"", b"\n", b"\r\n"})
        self.assertEqual(bool(gap), HeaderDefect.NO_END not in header.defects)

    @settings(deadline=None, max_examples=300)
    @given(PIECES, st.lists(st.integers(1, 9), min_size=1, max_size=9))
    def test_scanner(self, octets: bytes, steps: list[int]) -> None:
        """The scanner finds what the parser finds, at any cut."""
        scanner = HeaderScanner()
        at, turn = 0, 0
        while at < len(octets):
            step = steps[turn % len(steps)]
            scanner.feed(octets[at : at + step])
            at, turn = at + step, turn + 1
        header = parse_header(octets)
        self.assertEqual(scanner.complete, HeaderDefect.NO_END not in header.defects)
        self.assertEqual(bytes(scanner.header), octets[: header.body_start])
        counted = len([f for f in header.fields if f.is_named(b"received")])
        self.assertEqual(len(list(named(octets, b"received"))), counted)


class QuickFieldTests(SynchronousTestCase):
    """The match that reads sound fields says what the thorough way says."""

    @given(
        st.lists(
            st.sampled_from(
                [b"A", b"b-c", b":", b" ", b"\t", b"\r\n", b"\r\n", b"\n", b"\r", b"\0",
                 b"\xe9", b"x y", b": ", b"\r\n "]
            ),
            max_size=16,
        ).map(b"".join)
    )  # fmt: skip
    def test_same(self, octets: bytes) -> None:
        """Fields, their offsets and what is wrong with them."""
        found = parse_header(octets)
        with patch.object(fields, "_FIELD", lambda _octets, _position: None):
            self.assertEqual(parse_header(octets), found)

    @threat(14, 83)
    def test_linear(self) -> None:
        """A megabyte that is nearly one sound field is not read again and again."""
        for line in (b"A: b\r\n ", b"A: b\r\n", b"A:", b"A: \r", b"A: b\n"):
            started = perf_counter()
            parse_header(line * (1_000_000 // len(line)) + b"\n")
            self.assertLess(perf_counter() - started, 5, line)

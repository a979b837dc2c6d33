"""Sections of a message."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailapp.message.fields import parse_header
from mailapp.message.part import Part, header_only
from mailapp.message.section import Needed, Piece, Section, SectionText, locate
from mailapp.message.structure import scan
from tests.rows import rows, tabled
from tests.threats import threat
from tests.unit.message import trees
from tests.unit.message.fixtures import MIXED, RFC822

HEADER, FIELDS, FIELDS_NOT, TEXT, MIME = (
    SectionText.HEADER,
    SectionText.HEADER_FIELDS,
    SectionText.HEADER_FIELDS_NOT,
    SectionText.TEXT,
    SectionText.MIME,
)
NESTED = b"Content-Type: multipart/x; boundary=c\r\n\r\n"
# RFC 9051, section 6.4.5.1, the parts of its example
COMPLEX = (
    b"S: top\r\n" + MIXED + b"pre\r\n"
    b"--b\r\n\r\none\r\n"
    b"--b\r\nContent-Type: application/octet-stream\r\n\r\ntwo\r\n"
    b"--b\r\n" + RFC822 + b"S: in\r\n" + NESTED
    + b"--c\r\n\r\nthree-one\r\n--c\r\nA: b\r\n\r\nthree-two\r\n--c--\r\n"
    b"--b\r\n" + NESTED.replace(b"=c", b"=d")
    + b"--d\r\nContent-Type: image/gif\r\n\r\nfour-one\r\n--d\r\n"
    + RFC822 + b"S: deep\r\n\r\nfour-two\r\n--d--\r\n"
    b"--b--\r\npost\r\n"
)  # fmt: skip
THREE = (
    b"S: in\r\n"
    + NESTED
    + b"--c\r\n\r\nthree-one\r\n--c\r\nA: b\r\n\r\nthree-two\r\n--c--"
)


FOUR = COMPLEX.partition(b"=d\r\n\r\n")[2].partition(b"\r\n--b--")[0]
ENCODED = b"Content-Transfer-Encoding: base64\r\n" + RFC822 + b"QQ=="


def section(octets: bytes, wanted: Section) -> bytes | None:
    """The octets of a section, None for NIL."""
    piece = locate(wanted, scan(octets))
    return None if piece is None else piece.of(octets)


@tabled
class SectionTests(SynchronousTestCase):
    """RFC 9051, section 6.4.5.1."""

    @rows(
        whole=((), None, COMPLEX),
        header=((), HEADER, b"S: top\r\n" + MIXED),
        text=((), TEXT, COMPLEX.partition(MIXED)[2]),
        one=((1,), None, b"one"),
        one_mime=((1,), MIME, b"\r\n"),
        one_header=((1,), HEADER, None),
        one_text=((1,), TEXT, None),
        one_one=((1, 1), None, None),
        two_mime=((2,), MIME, b"Content-Type: application/octet-stream\r\n\r\n"),
        three=((3,), None, THREE),
        three_mime=((3,), MIME, RFC822),
        three_header=((3,), HEADER, b"S: in\r\n" + NESTED),
        three_text=((3,), TEXT, THREE.partition(NESTED)[2]),
        three_one=((3, 1), None, b"three-one"),
        three_two=((3, 2), None, b"three-two"),
        three_two_mime=((3, 2), MIME, b"A: b\r\n\r\n"),
        three_two_text=((3, 2), TEXT, None),
        four=((4,), None, FOUR),
        four_header=((4,), HEADER, None),
        four_one_mime=((4, 1), MIME, b"Content-Type: image/gif\r\n\r\n"),
        four_two_header=((4, 2), HEADER, b"S: deep\r\n\r\n"),
        four_two_text=((4, 2), TEXT, b"four-two"),
        four_two_one=((4, 2, 1), None, b"four-two"),
        four_two_one_mime=((4, 2, 1), MIME, b"S: deep\r\n\r\n"),
        five=((5,), None, None),
        huge=((2**32,), None, None),
        long=((1,) * 5000, None, None),
    )  # fmt: skip
    def test_parts(
        self, numbers: tuple[int, ...], text: SectionText | None, expected: bytes | None
    ) -> None:
        """The example of the RFC."""
        self.assertEqual(expected, section(COMPLEX, Section(numbers, text)))

    @rows(
        simple=(b"A: b\r\n\r\nx", (1,), None, b"x"),
        simple_mime=(b"A: b\r\n\r\nx", (1,), MIME, b"A: b\r\n\r\n"),
        simple_two=(b"A: b\r\n\r\nx", (2,), None, None),
        simple_deep=(b"A: b\r\n\r\nx", (1, 1), None, None),
        top_rfc822=(RFC822 + b"A: b\r\n\r\nx", (1,), None, b"A: b\r\n\r\nx"),
        top_rfc822_header=(RFC822 + b"A: b\r\n\r\nx", (1,), HEADER, b"A: b\r\n\r\n"),
        top_rfc822_one=(RFC822 + b"A: b\r\n\r\nx", (1, 1), None, b"x"),
        no_parts=(MIXED + b"abc", (1,), None, b"abc"),
        no_parts_deep=(MIXED + b"abc", (1, 1), None, None),
        inner_no_parts=(
            MIXED + b"--b\r\n" + NESTED + b"abc\r\n--b--",
            (1, 1),
            None,
            b"abc",
        ),
        inner_no_parts_deep=(
            MIXED + b"--b\r\n" + NESTED + b"abc\r\n--b--",
            (1, 1, 1),
            None,
            None,
        ),
        encoded=(ENCODED, (1,), None, b"QQ=="),
        encoded_header=(ENCODED, (1,), HEADER, None),
    )  # fmt: skip
    def test_shapes(
        self,
        octets: bytes,
        numbers: tuple[int, ...],
        text: SectionText | None,
        expected: bytes | None,
    ) -> None:
        """What BODYSTRUCTURE shows is what can be fetched."""
        self.assertEqual(expected, section(octets, Section(numbers, text)))

    @rows(
        one=(b"A: 1\r\nB: 2\r\n\r\nx", (b"b",), b"B: 2\r\n\r\n", b"A: 1\r\n\r\n"),
        none=(b"A: 1\r\n\r\nx", (b"C",), b"\r\n", b"A: 1\r\n\r\n"),
        all=(b"A: 1\r\n\r\nx", (b"a",), b"A: 1\r\n\r\n", b"\r\n"),
        twice=(
            b"A: 1\r\nB: 2\r\nA: 3\r\n 4\r\n\r\n",
            (b"A",),
            b"A: 1\r\nA: 3\r\n 4\r\n\r\n",
            b"B: 2\r\n\r\n",
        ),
        order=(b"A: 1\r\nB: 2\r\n\r\n", (b"B", b"A"), b"A: 1\r\nB: 2\r\n\r\n", b"\r\n"),
        exact=(b"AB: 1\r\nA : 2\r\n\r\n", (b"A",), b"A : 2\r\n\r\n", b"AB: 1\r\n\r\n"),
        no_field=(b"x y\r\nA: 1\r\n\r\n", (b"A",), b"A: 1\r\n\r\n", b"x y\r\n\r\n"),
        no_blank_line=(b"A: 1\r\nB: 2\r\n", (b"A",), b"A: 1\r\n", b"B: 2\r\n"),
        lf=(b"A: 1\nB: 2\n\nx", (b"A",), b"A: 1\n\n", b"B: 2\n\n"),
        empty=(b"", (b"A",), b"", b""),
    )
    def test_fields(
        self, octets: bytes, names: tuple[bytes, ...], some: bytes, others: bytes
    ) -> None:
        """Field names are blind to case; the empty line is always there if it is."""
        self.assertEqual(some, section(octets, Section((), FIELDS, names)))
        self.assertEqual(others, section(octets, Section((), FIELDS_NOT, names)))

    def test_inner_fields(self) -> None:
        """Those of a message in a part."""
        wanted = Section((3,), FIELDS, (b"s",))
        self.assertEqual(b"S: in\r\n\r\n", section(COMPLEX, wanted))
        wanted = Section((3,), FIELDS_NOT, (b"s",))
        self.assertEqual(NESTED, section(COMPLEX, wanted))

    @rows(
        whole=(Section(), Needed.NOTHING),
        header=(Section((), HEADER), Needed.HEADER),
        fields=(Section((), FIELDS, (b"A",)), Needed.HEADER),
        text=(Section((), TEXT), Needed.HEADER),
        part=(Section((1,)), Needed.STRUCTURE),
    )
    def test_needed(self, wanted: Section, needed: Needed) -> None:
        """Only part numbers need the structure."""
        self.assertIs(needed, wanted.needed)
        if needed is not Needed.STRUCTURE:
            header = parse_header(COMPLEX)
            root = header_only(header, header.body_start, len(COMPLEX))
            self.assertEqual(locate(wanted, scan(COMPLEX)), locate(wanted, root))

    @rows(
        mime=((), MIME, ()),
        no_names=((), FIELDS, ()),
        names=((), HEADER, (b"A",)),
    )
    def test_refused(
        self, part: tuple[int, ...], text: SectionText, names: tuple[bytes, ...]
    ) -> None:
        """What the grammar has not cannot be made."""
        self.assertRaises(ValueError, Section, part, text, names)

    @threat(14)
    def test_many_fields(self) -> None:
        """Fields above the limit belong to those that were not asked for."""
        octets = b"A: 1\r\n" + b"B: 2\r\n" * 20_000 + b"A: 3\r\n\r\nx"
        some = section(octets, Section((), FIELDS, (b"A",)))
        others = section(octets, Section((), FIELDS_NOT, (b"A",)))
        self.assertEqual(b"A: 1\r\n\r\n", some)
        self.assertEqual(octets[6:-1], others)

    @threat(61)
    def test_few_ranges(self) -> None:
        """Neighbours are read at once."""
        octets = b"A: 1\r\n" * 5000 + b"\r\n"
        piece = locate(Section((), FIELDS, (b"A",)), scan(octets))
        self.assertEqual(Piece(((0, len(octets)),)), piece)


_RANGES = st.lists(st.tuples(st.integers(0, 50), st.integers(0, 50)), max_size=5).map(
    lambda pairs: tuple((min(pair), max(pair)) for pair in pairs)
)


class SectionProperties(SynchronousTestCase):
    """What holds for every message."""

    @given(_RANGES, st.integers(0, 120), st.integers(0, 120))
    def test_partial(
        self, ranges: tuple[tuple[int, int], ...], origin: int, length: int
    ) -> None:
        """A partial fetch is a slice."""
        octets = bytes(range(50))
        piece = Piece(ranges)
        part = piece.part(origin, length)
        expected = piece.of(octets)[origin : origin + length]
        self.assertEqual(expected, part.of(octets))
        self.assertEqual(len(expected), part.size_octets)
        self.assertEqual(len(piece.of(octets)), piece.size_octets)

    @settings(max_examples=150)
    @given(st.one_of(trees.messages, st.binary(max_size=300)))
    def test_whole(self, octets: bytes) -> None:
        """HEADER and TEXT are the whole, wherever a message is; parts are as placed."""
        root = scan(octets)
        self.assertEqual(octets, section(octets, Section()))
        self._walk(octets, root, root, ())

    def _walk(
        self, octets: bytes, root: Part, message: Part, numbers: tuple[int, ...]
    ) -> None:
        """``message`` is what ``numbers`` names, or is enclosed by that."""

        def of(part: tuple[int, ...], text: SectionText | None = None) -> bytes | None:
            piece = locate(Section(part, text), root)
            return None if piece is None else piece.of(octets)

        self.assertEqual(
            of(numbers), (of(numbers, HEADER) or b"") + (of(numbers, TEXT) or b"")
        )
        parts = message.parts if message.content.is_multipart else ()
        rest = [((*numbers, n), part) for n, part in enumerate(parts, 1)]
        if not rest:
            rest = [((*numbers, 1), message)]
        while rest:
            place, part = rest.pop()
            self.assertEqual(octets[part.body_start : part.end], of(place))
            mime = octets[part.header_start : part.body_start]
            self.assertEqual(mime, of(place, MIME))
            if part.content.is_message and part.parts:
                self._walk(octets, root, part.parts[0], place)
            elif part is not message:
                children = enumerate(part.parts, 1)
                rest += [((*place, n), child) for n, child in children]

    @given(
        trees.messages,
        st.lists(st.sampled_from([b"from", b"Subject", b"X"]), min_size=1),
    )
    def test_fields(self, octets: bytes, names: list[bytes]) -> None:
        """Each line of the header is either asked for or not."""
        some = section(octets, Section((), FIELDS, tuple(names))) or b""
        others = section(octets, Section((), FIELDS_NOT, tuple(names))) or b""
        header = section(octets, Section((), HEADER)) or b""
        self.assertEqual(
            sorted([*header.splitlines(), b""]),
            sorted(some.splitlines() + others.splitlines()),
        )

    @given(st.lists(st.integers(-1, 4), max_size=4).map(tuple))
    def test_total(self, numbers: tuple[int, ...]) -> None:
        """Any numbers give a section or none."""
        for text in (None, HEADER, TEXT):
            found = section(COMPLEX, Section(numbers, text))
            self.assertTrue(found is None or found in COMPLEX)

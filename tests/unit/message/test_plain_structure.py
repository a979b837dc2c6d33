"""The tree of plain mail, read at once: the same as of the scanner, or none."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailapp.message.imap_facts import read_structure
from mailapp.message.part import Part
from mailapp.message.plain_structure import SIZE_LIMIT, plain_structure
from mailapp.message.structure import scan
from tests.rows import rows, tabled
from tests.threats import threat
from tests.unit.message.fixtures import MIXED, NESTED, RFC822, every, message, names

TEXT = b"Content-Type: text/plain; charset=utf-8\r\n\r\nText.\r\n"
BOTH = b"--b\r\n" + TEXT + b"--b\r\nX: y\r\n\r\n\r\n--b--\r\n"
INNER = b"--b\r\n" + NESTED + b"--b2\r\n\r\nText.\r\n--b2--\r\n--b--"

PIECES = st.lists(
    st.sampled_from(
        [b"\r\n", b"\r\n", b"\n", b"\r", b"--b\r\n", b"--b--", b"--b--\r\n", b"--c\r\n",
         b"--c--\r\n", b"\r\n\r\n", b"A: b\r\n", b"Text.\r\n", TEXT, RFC822, BOTH,
         b"Content-Type: multipart/mixed; boundary=c\r\n\r\n", b"\r\n--b\r\n\r\n"]
    ), max_size=16,
).map(b"".join)  # fmt: skip


@tabled
class PlainStructureTests(SynchronousTestCase):
    """Messages to trees."""

    @rows(
        text=TEXT,
        empty_header=b"\r\nText",
        both=MIXED + BOTH,
        preamble=MIXED + b"Old clients show this.\r\n" + BOTH + b"Epilogue\r\n--b\r\n",
        # the line end of the empty line is the delimiter's, too
        no_body=MIXED + b"--b\r\nA: b\r\n\r\n--b--",
        nested=MIXED.replace(b"=b", b"=a") + INNER.replace(b"--b\r", b"--a\r")
        .replace(b"--b--", b"--a--"),
    )  # fmt: skip
    def test_read(self, octets: bytes) -> None:
        """These are plain."""
        found = plain_structure(octets)
        self.assertIsNotNone(found)
        self.assertEqual(found, scan(octets))

    @rows(
        empty=b"",
        no_end=b"A: b\r\n",
        bare=b"A: b\n\nText",
        message=RFC822 + TEXT,
        open=MIXED + b"--b\r\n" + TEXT,
        no_parts=MIXED + b"Text.\r\n--b--",
        cut_header=MIXED + b"--b\r\nA: b\r\n--b--",
        one_in_the_other=MIXED + INNER,
        digest=MIXED.replace(b"mixed", b"digest") + BOTH,
        encoded=b"Content-Transfer-Encoding: base64\r\n" + MIXED + BOTH,
        no_boundary=b"Content-Type: multipart/mixed\r\n\r\n--\r\n" + BOTH,
        long=TEXT + b"x" * SIZE_LIMIT,
    )
    @threat(87)
    def test_left_to_others(self, octets: bytes) -> None:
        """What is a defect, or might be one, is not read here; but it is read."""
        self.assertIsNone(plain_structure(octets))
        read = read_structure(lambda start, end: octets[start:end], len(octets))
        self.assertEqual(read, scan(octets))

    @threat(79)
    def test_deep(self) -> None:
        """Multiparts in each other are looked at a few times, not once a level."""
        heads = [
            MIXED.replace(b"=b", b"=%03d" % n) + b"--%03d\r\n" % n for n in range(9)
        ]
        ends = [b"\r\n--%03d--" % n for n in reversed(range(9))]
        self.assertIsNone(plain_structure(b"".join([*heads, TEXT, *ends])))
        found = plain_structure(b"".join([*heads[1:], TEXT, *ends[:-1]]))
        assert found is not None
        self.assertEqual(len(every(found)), 9)

    @threat(80)
    def test_many(self) -> None:
        """As many parts as there is room for."""
        octets = MIXED + b"\r\n--b\r\n\r\n" * 6000 + b"\r\n--b--"
        found = plain_structure(octets)
        self.assertEqual(found, scan(octets))

    def test_printed(self) -> None:
        """The messages that RFCs print."""
        plain = [self.assert_same(message(name)) for name in names()]
        self.assertGreater(sum(found is not None for found in plain), 10)

    @threat(79, 80)
    @settings(deadline=None, max_examples=400)
    @given(st.sampled_from([b"", MIXED, MIXED + b"--b\r\n"]), PIECES)
    def test_same(self, start: bytes, rest: bytes) -> None:
        """It finds what the scanner finds."""
        self.assert_same(start + rest)

    def assert_same(self, octets: bytes) -> Part | None:
        """None, or the tree of the scanner."""
        found = plain_structure(octets)
        if found is not None:
            self.assertEqual(found, scan(octets))
        return found

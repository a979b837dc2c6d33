"""Fields that are found at once are those that a list of all has."""

from __future__ import annotations

from hypothesis import example, given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailapp.message.plain_fields import plain_fields
from mailapp.message.plain_header import SIZE_LIMIT
from mailapp.message.section import Section, SectionText, locate
from mailapp.message.structure import scan
from tests.rows import rows, tabled

_PIECES = st.sampled_from(
    [
        b"To", b"to", b"TO:", b"To :", b"To\t: a", b"Subject: x", b"Subject:", b" ",
        b":",
        b"\r\n", b"\r\n", b"\r\n", b"\n", b"\r", b"\r\n ", b"\r\n\t", b"\r\n\r\n", b":",
        b"\0", b"\xe9", b"Tox: y", b"X-To: z", b"To", b": b", b"a.b: c", b"aXb: d",
    ]
)  # fmt: skip
_NAMES = st.sampled_from(
    [b"TO", b"subject", b"To", b"X", b"A.B", b"", b"to ", b"t:", b"a b", b"\xe9"]
)


@tabled
class PlainFieldsTests(SynchronousTestCase):
    """Beside ``locate``, which finds them in any header."""

    @given(
        st.lists(_PIECES, max_size=25).map(b"".join),
        st.lists(_NAMES, min_size=1, max_size=3).map(tuple),
    )
    @example(b"To: a\r\n b\r\nto:c\r\nX: d\r\n\r\nTo: e\r\n", (b"To",))
    def test_same(self, octets: bytes, names: tuple[bytes, ...]) -> None:
        """It says the same, or nothing."""
        found = plain_fields(octets, names)
        if found is not None:
            section = Section((), SectionText.HEADER_FIELDS, names)
            piece = locate(section, scan(octets))
            assert piece is not None
            self.assertEqual(found, piece.of(octets))

    @rows(
        usual=(
            b"A: b\r\nto: c\r\n d\r\nTo:e\r\n\r\nTo: f",
            b"to: c\r\n d\r\nTo:e\r\n\r\n",
        ),
        none=(b"A: b\r\n\r\n", b"\r\n"),
        no_end=(b"To: b\r\n", None),
        bare=(b"A: b\nTo: c\r\n\r\n", None),
        empty=(b"\r\nTo: b\r\n\r\n", None),
        nul=(b"To: b\0\r\n\r\n", None),
        long=(b"To: b\r\n" * (SIZE_LIMIT // 7 + 1) + b"\r\n", None),
    )
    def test_kinds(self, octets: bytes, expected: bytes | None) -> None:
        """What it reads, and what it does not."""
        self.assertEqual(plain_fields(octets, (b"TO",)), expected)

"""Fields of a plain header: what the list of all fields says, or nothing."""

from __future__ import annotations

from hypothesis import example, given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailapp.message.fields import Header, HeaderDefect, parse_header
from mailapp.message.plain_header import KNOWN, SIZE_LIMIT, plain_header
from tests.rows import rows, tabled
from tests.threats import threat

LINES = st.lists(
    st.sampled_from(
        [b"From: a@b.example", b"from:c@d.example ", b"TO: x@y.example", b"To:",
         b"Cc: a@b.example", b"Subject: one", b"subject", b" folded: more", b"\t",
         b" ", b"Date : now", b"Date\t: now", b"Date", b" : x", b"X-Other: y",
         b"Content-Type: text/plain", b"content-type: a/b", b"no field at all",
         b"Content-Transfer-Encoding: 8bit", b": nameless", b"Content-ID: <a@b>",
         b"Sub ject: two", b"Received: a;", b"\xc3\xa9: 1", b"To: \0", b"a\rb", b"\n"]
    ), max_size=9,
).map(b"\r\n".join)  # fmt: skip


def listed(octets: bytes) -> dict[bytes, bytes]:
    """What the general reader says."""
    return parse_header(octets + b"\r\n\r\n").values(KNOWN)


@tabled
class PlainHeaderTests(SynchronousTestCase):
    """Header to known values."""

    @rows(
        none=(b"X-Other: 1", {}),
        first=(b"Subject: 1\r\nSUBJECT: 2", {b"subject": b"1"}),
        lists=(b"To: a\r\nDate: x\r\nto: b\r\n c", {b"date": b"x", b"to": b"a,b c"}),
        folded=(b"Subject:\r\n one\r\n\ttwo \r\nX: y\r\n z", {b"subject": b"one\ttwo"}),
        leading_fold=(b" Subject: 1\r\nDate: 2", {b"date": b"2"}),
        spaced=(b"Subject : 1", {b"subject": b"1"}),
        folded_name=(b"Subject\r\n : 1\r\nDate: 2", {b"date": b"2"}),
        no_colon=(b"Subject\r\nDate: 2", {b"date": b"2"}),
    )  # fmt: skip
    def test_read(self, octets: bytes, found: dict[bytes, bytes]) -> None:
        """Names in any case, folds, and what several fields of a name mean."""
        self.assertEqual(plain_header(octets), found)
        self.assertEqual(listed(octets), found)

    @rows(
        bare_lf=b"Subject: 1\nDate: 2",
        bare_cr=b"Subject: 1\rDate: 2",
        nul=b"Subject: \0",
        long=b"Subject: " + b"x" * SIZE_LIMIT,
        types=b"Content-Type: text/plain\r\nContent-type: text/html",
        encodings=b"Content-Transfer-Encoding: 8bit\r\n" * 2 + b"X: y",
    )
    @threat(87)
    def test_left_to_others(self, octets: bytes) -> None:
        """What is a defect, or might be one, is not read here."""
        self.assertIsNone(plain_header(octets))

    @settings(deadline=None, max_examples=300)
    @given(LINES | st.binary(max_size=60))
    @example(b"From\r\n : a")
    def test_same(self, octets: bytes) -> None:
        """It says what the general reader says."""
        found = plain_header(octets)
        if found is not None and b"\r\n\r\n" not in b"\r\n" + octets:
            self.assertEqual(found, listed(octets))

    def test_listed_later(self) -> None:
        """Fields and defects are there all the same, when somebody asks."""
        octets = b"Subject: 1\r\njunk\r\n\r\n"
        header = Header.plain(octets, {b"subject": b"1"})
        same = parse_header(octets)
        self.assertEqual(header.body_start, len(octets))
        self.assertEqual(header.defects, HeaderDefect.NOT_A_FIELD)
        self.assertEqual((header, header.known), (same, same.known))
        self.assertEqual((hash(header), repr(header)), (hash(same), repr(same)))
        self.assertNotEqual(header, parse_header(b"Subject: 2\r\n\r\n"))
        self.assertNotEqual(header, octets)

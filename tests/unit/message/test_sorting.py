"""Keys for SORT and THREAD."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailapp.message.fields import parse_header
from mailapp.message.sorting import (
    KEY_LIMIT,
    REFERENCE_LIMIT,
    SortKeys,
    message_ids,
    sort_keys,
)
from tests.rows import rows, tabled
from tests.threats import threat


def keys(*lines: bytes) -> SortKeys:
    """The keys of a message with these fields."""
    return sort_keys(parse_header(b"\r\n".join([*lines, b"", b""])))


@tabled
class SortKeyTests(SynchronousTestCase):
    """RFC 5256 and RFC 5957."""

    def test_nothing(self) -> None:
        """What is not there is empty, and the internal date counts."""
        self.assertEqual(SortKeys(), keys())

    @rows(
        utc=(b"31 Dec 2000 16:01:33 -0800", 978307293, -480),
        no_zone=(b"1 Jan 2001 00:01:33", 978307293, 0),
        # RFC 5256, section 2.2
        bad_zone=(b"1 Jan 2001 00:01:33 +99x", 978307293, 0),
        bad_zone_minutes=(b"1 Jan 2001 00:01 +99x", 978307260, 0),
        bad_time=(b"1 Jan 2001 77:01:33 +0100", 978307200, 0),
        no_time=(b"1 Jan 2001", 978307200, 0),
        bad_day=(b"32 Jan 2001 00:01:33", None, 0),
        nothing=(b"", None, 0),
    )
    def test_date(self, value: bytes, sent: int | None, offset: int) -> None:
        """A zone or time that can't be read is UTC or midnight."""
        found = keys(b"Date: " + value)
        self.assertEqual((sent, offset), (found.sent, found.offset_minutes))

    @rows(
        name=(b"Terry G <tg@b.c>", b"TG", b"TERRY G"),
        word=(b"=?utf-8?q?=C3=A9?= <tg@b.c>", b"TG", "E\u0301".encode()),
        quoted=(b'"G, T" <tg@b.c>, x@y', b"TG", b"G, T"),
        empty=(b'"" <tg@b.c>', b"TG", b"TG@B.C"),
        bare=(b"tg@b.c", b"TG", b"TG@B.C"),
        no_domain=(b"root", b"ROOT", b"ROOT"),
        group=(b"Us: tg@b.c;", b"US", b"US"),
        comment=(b"tg@b.c (T)", b"TG", b"T"),
        nothing=(b",", b"", b""),
    )
    def test_addresses(self, value: bytes, mailbox: bytes, display: bytes) -> None:
        """The first address structure of the list (RFC 5957, section 3)."""
        found = keys(b"From: " + value, b"To: " + value, b"Cc: " + value)
        self.assertEqual(
            [mailbox] * 3, [found.from_mailbox, found.to_mailbox, found.cc_mailbox]
        )
        self.assertEqual([display] * 2, [found.from_display, found.to_display])

    def test_subject(self) -> None:
        """The base subject, casemapped."""
        found = keys(b"Subject: Re: [x] =?utf-8?q?caf=C3=A9?=")
        self.assertEqual("CAFE\u0301".encode(), found.subject)
        self.assertTrue(found.is_reply)

    @rows(
        plain=(b"<a@b>", [b"a@b"]),
        two=(b"<a@b> <c@d>\t<e@f>", [b"a@b", b"c@d", b"e@f"]),
        touching=(b"<a@b><c@d>", [b"a@b", b"c@d"]),
        # RFC 5256, section 3
        quoted=(b'<"01KF8JCEOCBS0045PS"@yyy.com>', [b"01KF8JCEOCBS0045PS@yyy.com"]),
        pair=(b'<"a\\"b"@c>', [b'a"b@c']),
        angle=(b'<"a>b"@c>', [b"a>b@c"]),
        literal=(b"<a@[1.2.3.4]>", [b"a@[1.2.3.4]"]),
        comment=(b"(x) <a (y) @b> z", [b"a@b"]),
        commas=(b"<a,b@c>", [b"a,b@c"]),
        no_at=(b"<a> <b@c>", [b"b@c"]),
        empty=(b"<> <@> <a@> <@a>", []),
        bare=(b"a@b", []),
        open=(b"<a@b <c@d>", [b"c@d"]),
        open_quote=(b'<"a@b> <c@d>', [b"c@d"]),
    )  # fmt: skip
    def test_message_ids(self, value: bytes, expected: list[bytes]) -> None:
        """Valid ones, without quotes and comments."""
        self.assertEqual(expected, message_ids(value))

    @rows(
        both=((b"References: <a@b> <c@d>", b"In-Reply-To: <e@f>"), (b"a@b", b"c@d")),
        reply=((b"In-Reply-To: x <e@f> <g@h>",), (b"e@f",)),
        invalid=((b"References: a@b", b"In-Reply-To: <e@f>"), (b"e@f",)),
        neither=((b"In-Reply-To: your message",), ()),
    )
    def test_references(
        self, lines: tuple[bytes, ...], expected: tuple[bytes, ...]
    ) -> None:
        """References, else the first of In-Reply-To (RFC 5256, section 3)."""
        found = keys(b"Message-ID: <m@x>", *lines)
        self.assertEqual(expected, found.references)
        self.assertEqual(b"m@x", found.message_id)

    @threat(60)
    def test_limits(self) -> None:
        """Long texts and lists are cut, the latest references stay."""
        many = b" ".join([b"<%d@x>" % n for n in range(2000)])
        found = keys(b"Subject: " + b"x" * 5000, b"References: " + many)
        self.assertEqual(b"X" * KEY_LIMIT, found.subject)
        self.assertEqual(REFERENCE_LIMIT, len(found.references))
        self.assertEqual(b"1999@x", found.references[-1])

    @given(st.lists(st.tuples(
        st.sampled_from([b"Date", b"Subject", b"From", b"To", b"Cc", b"Message-ID",
                         b"References", b"In-Reply-To"]),
        st.one_of(st.binary(max_size=40), st.sampled_from(
            [b"<a@b>", b'<"a\n\0b"@c>', b"=?utf-8?q?=00=0A?= <a@b>", b"1 Jan 2001"])),
    ), max_size=6))  # fmt: skip
    def test_round_trip(self, fields: list[tuple[bytes, bytes]]) -> None:
        """Any header has keys, and they survive a cache."""
        found = keys(*[b"%b: %b" % pair for pair in fields])
        self.assertEqual(found, SortKeys.decode(found.encode()))

    @rows(empty=(b"",), short=(b"1\0002",), word=(b"x" + b"\0" * 10,))
    def test_foreign(self, octets: bytes) -> None:
        """What was not written here is refused."""
        self.assertRaises(ValueError, SortKeys.decode, octets)

"""Dates (RFC 5322, section 3.3 and section 4.3)."""

from __future__ import annotations

import calendar
import time

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailapp.message.dates import (
    Date,
    civil_from_days,
    days_from_civil,
    format_date,
    parse_date,
)
from tests.rows import rows, tabled
from tests.threats import threat


def utc(*parts: int) -> int:
    """Seconds since the epoch."""
    return calendar.timegm((*parts, 0, 0, 0))


NOON = utc(2026, 11, 23, 12, 0, 0)


@tabled
class ParseTests(SynchronousTestCase):
    """What a date says."""

    @rows(
        rfc=(b"Fri, 21 Nov 1997 09:55:06 -0600", utc(1997, 11, 21, 15, 55, 6), -360),
        half_hour=(b"Thu, 13 Feb 1969 23:32:54 -0330",
                   utc(1969, 2, 14, 3, 2, 54), -210),
        no_day=(b"1 Jul 2003 10:52:37 +0200", utc(2003, 7, 1, 8, 52, 37), 120),
        no_seconds=(b"23 Nov 2026 12:00 +0000", NOON, 0),
        folded=(b" Thu,\r\n 13\r\n Feb\r\n 1969\r\n 23:32\r\n -0330 (Newfoundland)",
                utc(1969, 2, 14, 3, 2, 0), -210),
        comments=(b"Fri, 21 Nov 1997 09(comment):   55  :  06 -0600",
                  utc(1997, 11, 21, 15, 55, 6), -360),
        two_digits=(b"21 Nov 97 09:55:06 GMT", utc(1997, 11, 21, 9, 55, 6), 0),
        year_49=(b"1 Jan 49 00:00 UT", utc(2049, 1, 1, 0, 0, 0), 0),
        year_50=(b"1 Jan 50 00:00 UT", utc(1950, 1, 1, 0, 0, 0), 0),
        year_99=(b"1 Jan 99 00:00 UT", utc(1999, 1, 1, 0, 0, 0), 0),
        year_103=(b"1 Jan 103 00:00 UT", utc(2003, 1, 1, 0, 0, 0), 0),
        est=(b"23 Nov 2026 07:00:00 EST", NOON, -300),
        edt=(b"23 Nov 2026 08:00:00 EDT", NOON, -240),
        cst=(b"23 Nov 2026 06:00:00 CST", NOON, -360),
        cdt=(b"23 Nov 2026 07:00:00 CDT", NOON, -300),
        mst=(b"23 Nov 2026 05:00:00 MST", NOON, -420),
        mdt=(b"23 Nov 2026 06:00:00 MDT", NOON, -360),
        pst=(b"23 Nov 2026 04:00:00 PST", NOON, -480),
        pdt=(b"23 Nov 2026 05:00:00 PDT", NOON, -420),
        lower=(b"mon, 23 nov 2026 12:00:00 gmt", NOON, 0),
        military=(b"23 Nov 2026 12:00:00 A", NOON, None),
        zulu=(b"23 Nov 2026 12:00:00 Z", NOON, 0),
        unknown_zone=(b"23 Nov 2026 12:00:00 CEST", NOON, None),
        no_zone=(b"23 Nov 2026 12:00:00", NOON, None),
        minus_zero=(b"23 Nov 2026 12:00:00 -0000", NOON, None),
        wrong_day=(b"Tue, 23 Nov 2026 12:00:00 +0000", NOON, 0),
        no_comma=(b"Mon 23 Nov 2026 12:00:00 +0000", NOON, 0),
        leap_second=(b"31 Dec 2016 23:59:60 +0000", utc(2016, 12, 31, 23, 59, 59), 0),
        leap_day=(b"29 Feb 2000 00:00:00 +0000", utc(2000, 2, 29, 0, 0, 0), 0),
        far_zone=(b"23 Nov 2026 12:00:00 +1400", NOON - 14 * 3600, 840),
        year_9999=(b"31 Dec 9999 23:59:59 +0000", 253402300799, 0),
        past_2038=(b"19 Jan 2038 03:14:08 +0000", 1 << 31, 0),
    )  # fmt: skip
    @threat(116)
    def test_date(self, value: bytes, seconds: int, offset: int | None) -> None:
        """Seconds and zone."""
        self.assertEqual(parse_date(value), Date(seconds, offset))

    @rows(
        empty=b"", word=b"yesterday", day_0=b"0 Nov 2026 12:00 +0000",
        day_31=b"31 Nov 2026 12:00 +0000", feb_29=b"29 Feb 2100 12:00 +0000",
        hour_24=b"1 Jan 2026 24:00 +0000", minute_60=b"1 Jan 2026 12:60 +0000",
        second_61=b"1 Jan 2026 12:00:61 +0000", month=b"1 Foo 2026 12:00 +0000",
        year_5=b"1 Jan 12026 12:00 +0000", year_1=b"1 Jan 6 12:00 +0000",
        zone=b"1 Jan 2026 12:00 +00", zone_minutes=b"1 Jan 2026 12:00 +0060",
        zone_60=b"1 Jan 2026 12:00 -0160",
        no_minutes=b"1 Jan 2026 12 +0000", sign=b"-1 Jan 2026 12:00 +0000",
        plus=b"1 Jan 2026 +12:00 +0000", unicode="\u0661 Jan 2026 12:00 +0000".encode(),
        iso=b"2026-11-23T12:00:00Z", only_day=b"Mon,", quoted=b'1 Jan 2026 "12":"00',
        huge=b"1 Jan 2026 12:" + b"0" * 5000, commas=b"," * 5000,
    )  # fmt: skip
    def test_none(self, value: bytes) -> None:
        """What is no date gives None."""
        self.assertIsNone(parse_date(value))


@tabled
class FormatTests(SynchronousTestCase):
    """How we write dates."""

    @rows(
        epoch=(0, 0, b"Thu, 1 Jan 1970 00:00:00 +0000"),
        before=(-1, 0, b"Wed, 31 Dec 1969 23:59:59 +0000"),
        east=(NOON, 330, b"Mon, 23 Nov 2026 17:30:00 +0530"),
        west=(NOON, -210, b"Mon, 23 Nov 2026 08:30:00 -0330"),
        next_day=(NOON, 720, b"Tue, 24 Nov 2026 00:00:00 +1200"),
        after_2038=(1 << 32, 0, b"Sun, 7 Feb 2106 06:28:16 +0000"),
    )
    def test_format(self, seconds: int, offset: int, text: bytes) -> None:
        """RFC 5322, section 3.3, without obsolete forms."""
        self.assertEqual(format_date(seconds, offset), text)


class DateProperties(SynchronousTestCase):
    """For any moment, and any octets."""

    @settings(deadline=None)
    @given(st.integers(-2208988800, 253402214400), st.integers(-1439, 1439))
    def test_round_trip(self, seconds: int, offset: int) -> None:
        """What is written is read as it was."""
        self.assertEqual(
            parse_date(format_date(seconds, offset)), Date(seconds, offset)
        )

    @settings(deadline=None)
    @given(st.integers(-(10**6), 2932896))
    def test_calendar(self, days: int) -> None:
        """Both directions agree, with each other and with the C library's calendar."""
        year, month, day = civil_from_days(days)
        self.assertEqual(days_from_civil(year, month, day), days)
        if days >= -719162:  # year 1
            known = time.gmtime(days * 86400)
            self.assertEqual((year, month, day), known[:3])

    @settings(deadline=None, max_examples=300)
    @given(
        st.lists(
            st.sampled_from([b"Mon", b",", b" ", b"23", b"Nov", b"2026", b"12", b":"])
            | st.binary(max_size=4), max_size=20,
        )
    )  # fmt: skip
    @threat(83)
    def test_anything(self, parts: list[bytes]) -> None:
        """Any octets are a date or none."""
        date = parse_date(b"".join(parts))
        self.assertTrue(date is None or date.epoch_seconds > -(10**12))

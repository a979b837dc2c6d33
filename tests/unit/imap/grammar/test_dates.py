"""Dates of commands and of INTERNALDATE."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailapp.core.failures import SyntaxProblem
from mailapp.imap.grammar.dates import date_time
from mailapp.imap.grammar.reader import Reader
from tests.rows import rows, tabled


@tabled
class DateTimeTests(SynchronousTestCase):
    """RFC 9051, section 9: ``date-time``."""

    @rows(
        rfc=(b'"17-Jul-1996 02:44:25 -0700"', 837596665),
        day=(b'" 1-Jan-1970 00:00:00 +0000"', 0),
        zero_day=(b'"01-jan-1970 01:00:00 +0100"', 0),
        leap=(b'"29-Feb-2000 23:59:60 +0000"', 951868800),
    )
    def test_read(self, octets: bytes, seconds: int) -> None:
        """To seconds since the epoch."""
        self.assertEqual(seconds, date_time(Reader(octets)))

    @rows(
        one_digit=b'"1-Jan-1970 00:00:00 +0000"',
        day=b'"32-Jan-1970 00:00:00 +0000"',
        zero=b'" 0-Jan-1970 00:00:00 +0000"',
        blank=b'"  -Jan-1970 00:00:00 +0000"',
        february=b'"29-Feb-1900 00:00:00 +0000"',
        hour=b'"01-Jan-1970 24:00:00 +0000"',
        zone=b'"01-Jan-1970 00:00:00 GMT"',
        minutes=b'"01-Jan-1970 00:00:00 +0060"',
        open=b'"01-Jan-1970 00:00:00 +0000',
    )
    def test_refused(self, octets: bytes) -> None:
        """What is no date-time is a mistake."""
        with self.assertRaises(SyntaxProblem):
            date_time(Reader(octets))

    @given(st.integers(0, 2**33), st.integers(-14 * 60, 14 * 60))
    @settings(max_examples=100, deadline=None)
    def test_round_trip(self, seconds: int, zone: int) -> None:
        """A moment of any zone is read."""
        moment = datetime.fromtimestamp(seconds, timezone(timedelta(minutes=zone)))
        octets = moment.strftime('"%d-%b-%Y %H:%M:%S %z"').encode()
        self.assertEqual(date_time(Reader(octets)), seconds)

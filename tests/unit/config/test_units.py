"""mailapp.config.units."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailapp.config.units import (
    BadQuantity,
    parse_duration,
    parse_size,
    show_duration,
    show_size,
)
from tests.rows import rows, tabled


@tabled
class SizeTests(SynchronousTestCase):
    """A whole number and a unit of 1024."""

    @rows(
        octets=("5 B", 5),
        kib=("1 KiB", 1024),
        mib=("35 MiB", 36_700_160),
        gib=("2 GiB", 2 * 2**30),
        tib=("1 TiB", 2**40),
        no_space=("35MiB", 36_700_160),
        nothing=("0 B", 0),
        zeros=("007 B", 7),
    )
    def test_parse(self, text: str, octets: int) -> None:
        """Texts that are sizes."""
        self.assertEqual(octets, parse_size(text))

    @rows(
        decimal=("35 MB", 'Write "35 MiB".'),
        short=("10k", 'Write "10 KiB".'),
        case=("10 mib", 'Write "10 MiB".'),
        word=("10 bytes", 'Write "10 B".'),
        other=("10 min", "The unit is one of B, KiB, MiB, GiB, TiB."),
        bare=("10", "Write a whole number and one of B, KiB, MiB, GiB, TiB."),
        fraction=("1.5 MiB", "Write a whole number and one of B, KiB, MiB, GiB, TiB."),
        negative=("-1 B", "Write a whole number and one of B, KiB, MiB, GiB, TiB."),
        two_spaces=("1  B", "Write a whole number and one of B, KiB, MiB, GiB, TiB."),
        newline=("1 B\n", "Write a whole number and one of B, KiB, MiB, GiB, TiB."),
        digits=("٣ B", "Write a whole number and one of B, KiB, MiB, GiB, TiB."),
        empty=("", "Write a whole number and one of B, KiB, MiB, GiB, TiB."),
    )
    def test_refused(self, text: str, fix: str) -> None:
        """The message says what to write."""
        problem = self.assertRaises(BadQuantity, parse_size, text)
        self.assertEqual(fix, str(problem))

    @given(st.integers(0, 2**49))
    @settings(deadline=None)
    def test_round_trip(self, octets: int) -> None:
        """What is shown is read again."""
        self.assertEqual(octets, parse_size(show_size(octets)))

    @given(st.text())
    @settings(deadline=None)
    def test_any(self, text: str) -> None:
        """No text raises anything else."""
        for parse in (parse_size, parse_duration):
            try:
                self.assertGreaterEqual(parse(text), 0)
            except BadQuantity as problem:
                self.assertTrue(str(problem).endswith("."))


@tabled
class DurationTests(SynchronousTestCase):
    """A whole number and a unit of time."""

    @rows(
        milliseconds=("250 ms", 0.25),
        seconds=("30 s", 30.0),
        minutes=("5 min", 300.0),
        hours=("2 h", 7200.0),
        days=("1 d", 86_400.0),
    )
    def test_parse(self, text: str, seconds: float) -> None:
        """Texts that are durations."""
        self.assertEqual(seconds, parse_duration(text))

    @rows(
        word=("5 minutes", 'Write "5 min".'),
        ambiguous=("5 m", "The unit is one of ms, s, min, h, d."),
        size=("5 KiB", "The unit is one of ms, s, min, h, d."),
    )
    def test_refused(self, text: str, fix: str) -> None:
        """The message says what to write; "m" could be minutes or months."""
        problem = self.assertRaises(BadQuantity, parse_duration, text)
        self.assertEqual(fix, str(problem))

    @given(st.integers(0, 10**12))
    @settings(deadline=None)
    def test_round_trip(self, milliseconds: int) -> None:
        """What is shown is read again, to the millisecond."""
        seconds = milliseconds / 1000
        self.assertEqual(seconds, parse_duration(show_duration(seconds)))

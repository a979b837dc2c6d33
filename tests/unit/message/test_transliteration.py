"""Text in the letters of ASCII."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailapp.message.transliteration import to_ascii
from tests.rows import rows, tabled


@tabled
class ToAsciiTests(SynchronousTestCase):
    """What each sign becomes."""

    @rows(
        ascii=("a\r\n\x1b~", "a\r\n\x1b~"),
        accents=("àéîöũç ÅŻŠ naïve", "aeiouc AZS naive"),
        combined=("e\u0301", "e"),
        letters=("Straße Łódź Þór æøœ", "Strasse Lodz Thor aeooe"),
        quotes=("“a” \u2018b\u2019 «c»", "\"a\" 'b' <<c>>"),
        dashes=("a\u2013b\u2014c\u2011d", "a-b--c-d"),
        money=("5\xa0€, £3", "5 EUR, GBP3"),
        signs=("…•©™½→", "...*(c)(TM)1/2->"),
        ligature=("ﬁn", "fin"),
        wide=("\uff21\uff22\uff11", "AB1"),
        greek=("Ελλάδα", "Ellada"),
        russian=("Привет, объезд", "Privet, obieezd"),
        unknown=("日本 x 語", "? x ?"),
        known_between=("日é本", "?e?"),
        replaced=("a\ufffd\ufffdb", "a?b"),
        invisible=("a\u200b\ufeff\u202eb", "ab"),
        smile=("😀👍", ":-D(y)"),
        surrogate=("a\ud800b", "a?b"),
    )
    def test_table(self, text: str, expected: str) -> None:
        """As people type it."""
        self.assertEqual(to_ascii(text), expected)

    @given(st.text())
    def test_any(self, text: str) -> None:
        """Any text: ASCII, of a length that is bounded, and once is enough."""
        new = to_ascii(text)
        self.assertTrue(new.isascii())
        self.assertLessEqual(len(new), 18 * len(text))
        self.assertEqual(to_ascii(new), new)

    def test_all(self) -> None:
        """Every character there is becomes ASCII, in at most 18 characters."""
        longest = max(len(to_ascii(chr(code))) for code in range(0x20000))
        self.assertLessEqual(longest, 18)

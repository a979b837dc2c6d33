"""The screen that tests look at shows what a VT100 would."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from tests.interop.screen import COLUMNS, LINES, Screen
from tests.rows import rows, tabled


@tabled
class ScreenTests(SynchronousTestCase):
    """Each is written whole, and octet by octet."""

    @rows(
        lines=(b"one\r\ntwo", "one\ntwo"),
        placed=(b"\x1b[2;3Hb\x1b[1;1Ha", "a\n  b"),
        redrawn=(b"Saving 0%\x1b[1;8HDONE", "Saving DONE"),
        erased_right=(b"abc\b\b\x1b[K", "a"),
        erased_left=(b"abc\b\b\x1b[1K", "  c"),
        erased_below=(b"a\r\nb\r\nc\x1b[2;1H\x1b[J", "a"),
        cleared=(b"abc\x1b[H\x1b[J\x1b[Cd", " d"),
        wrapped=(b"x" * COLUMNS + b"y", "x" * COLUMNS + "\ny"),
        scrolled=(b"a\r\nb" + b"\r\n" * (LINES - 1), "b"),
        scrolled_down=(b"a\r\nb\x1b[1;1H\x1bMc", "c\na\nb"),
        part_scrolled=(b"a\r\nb\r\nc\r\nd\x1b[2;3r\x1b[3;1H\ne", "a\nc\ne\nd"),
        coloured=(b"\x1b[0;7mA\x1b[m\x0f\x1b(B\x00b", "Ab"),
    )
    def test_shows(self, octets: bytes, screen: str) -> None:
        """Also what is drawn over what was there before."""
        whole, cut = Screen(), Screen()
        whole.write(octets)
        for octet in octets:
            cut.write(bytes([octet]))
        self.assertEqual(str(whole).rstrip("\n"), screen)
        self.assertEqual(str(cut), str(whole))

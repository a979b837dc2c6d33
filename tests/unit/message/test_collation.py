"""i;unicode-casemap."""

from __future__ import annotations

import unicodedata

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailapp.message.collation import casemap
from tests.rows import rows, tabled

_TEXT = st.text(max_size=40)


@tabled
class CasemapTests(SynchronousTestCase):
    """RFC 5051, section 2."""

    @rows(
        ascii=("Hello, World 1", "HELLO, WORLD 1"),
        # the example of the RFC: U+01C4 becomes U+01C5, and that three
        dz=("\u01c4", "Dz\u030c"),
        dz_lower=("\u01c6", "Dz\u030c"),
        acute=("é", "E\u0301"),
        composed=("e\u0301", "E\u0301"),
        # no titlecase in UnicodeData.txt, only in SpecialCasing.txt
        sharp_s=("ß", "ß"),
        ligature=("ﬁ", "fi"),
        final_sigma=("ς", "Σ"),
        iota=("\u1fb3", "\u0391\u0345"),
        wide=("\uff21\uff42", "AB"),
        hangul=("각", "\u1100\u1161\u11a8"),
        roman=("ⅳ", "IV"),
        georgian=("ა", "ა"),
        surrogate=("\ud800", "\ud800"),
    )
    def test_characters(self, text: str, prepared: str) -> None:
        """Titlecase first, then decomposition."""
        self.assertEqual(prepared, casemap(text))

    def test_every_character(self) -> None:
        """Every character, by the two steps of the RFC."""
        for code in [*range(0x3000), *range(0xF900, 0x10000), 0x10428, 0x1D400]:
            character = chr(code)
            title = character.title()
            if len(title) > 1:
                title = character
            expected = unicodedata.normalize("NFKD", title)
            self.assertEqual(expected, casemap("\u0100" + character)[2:])
            if character.isascii():
                self.assertEqual(expected, casemap(character))

    @given(_TEXT, _TEXT)
    def test_pieces(self, one: str, other: str) -> None:
        """The form of a text is that of its pieces, so substrings are found."""
        self.assertEqual(casemap(one) + casemap(other), casemap(one + other))

    @given(_TEXT)
    def test_cases(self, text: str) -> None:
        """ASCII letters have no case."""
        swapped = "".join([c.swapcase() if c.isascii() else c for c in text])
        self.assertEqual(casemap(text), casemap(swapped))

"""Tests of mailapp.storage.maildir.letters."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from mailapp.storage.maildir.keywords import Keywords
from mailapp.storage.maildir.letters import of_keywords
from tests.rows import rows, tabled


@tabled
class ForwardedTests(SynchronousTestCase):
    """$Forwarded is P to some programs, and a keyword to Dovecot."""

    @rows(
        flag=({}, b"PS", b"PS"),
        keyword=({"b": "$forwarded"}, b"Sb", b"PSb"),
        either=({"b": "$Forwarded"}, b"P", b"Pb"),
        both=({"a": "x", "b": "$Forwarded"}, b"PSab", b"PSab"),
    )
    def test_both(self, known: dict[str, str], given: bytes, written: bytes) -> None:
        """Each is understood; where the keyword has a letter, both are written."""
        letters = of_keywords(Keywords(known))
        mask = letters.mask(given)
        self.assertTrue(mask >> letters.flags.index("$Forwarded") & 1)
        self.assertEqual(letters.of(mask), written)
        self.assertEqual(letters.mask(written), mask)
        gone = mask & ~(1 << letters.flags.index("$Forwarded"))
        rest = written.replace(b"P", b"").replace(b"b", b"")
        self.assertEqual(letters.of(gone), rest)

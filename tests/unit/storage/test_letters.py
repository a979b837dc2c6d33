"""Tests of mailapp.storage.maildir.letters."""

from __future__ import annotations

import os
from pathlib import Path
from string import ascii_lowercase

from twisted.trial.unittest import SynchronousTestCase

from mailapp.storage.files import Files
from mailapp.storage.maildir.keywords import Keywords, with_letters
from mailapp.storage.maildir.letters import of_keywords
from tests.rows import rows, tabled


@tabled
class ForwardedTests(SynchronousTestCase):
    """$Forwarded is P to some programs, and a keyword to Dovecot."""

    @rows(
        alone=({}, {"$Forwarded"}, {}, b"P"),
        beside=({"a": "x"}, {"$Forwarded"}, {"b": "$Forwarded"}, b"Pb"),
        there=({"c": "$forwarded"}, {"$Forwarded"}, {}, b"Pc"),
        other=({"a": "x"}, {"y"}, {"b": "y"}, b"b"),
        last=(
            dict(zip("abcdefghijklmnopqrstuvwxy", map(str, range(25)), strict=True)),
            {"$Forwarded", "word"},
            {"z": "word"},
            b"Pz",
        ),
        full=(
            dict(zip(ascii_lowercase, map(str, range(26)), strict=True)),
            {"$FORWARDED"},
            {},
            b"P",
        ),
    )
    def test_letter(
        self,
        before: dict[str, str],
        flags: set[str],
        more: dict[str, str],
        written: bytes,
    ) -> None:
        """Where there are keywords it gets a letter of theirs, if one is left."""
        files, path = Files(), self.mktemp()
        os.mkdir(path)
        file = Path(path, "dovecot-keywords")
        if before:
            file.write_bytes(Keywords(before).format())
        known = with_letters(files, path.encode(), frozenset(flags))
        self.assertEqual(known.by_letter, before | more)
        self.assertEqual(file.exists(), bool(before))
        self.assertEqual(known.letters(frozenset(flags)), written)

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

"""Tests of mailapp.sasl.prepare."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailapp.core.failures import SyntaxProblem
from mailapp.sasl.prepare import prepared_password, saslprep
from tests.rows import rows, tabled


@tabled
class SaslprepTests(SynchronousTestCase):
    """RFC 4013, section 3, and what the tables say."""

    @rows(
        soft_hyphen=("I\u00adX", "IX"),
        no_change=("user", "user"),
        case_kept=("USER", "USER"),
        feminine_ordinal=("\u00aa", "a"),
        roman_nine=("\u2168", "IX"),
        non_breaking_space=("a\u00a0b", "a b"),
        fraction=("\u00bd", "1\u20442"),
        hebrew=("\u05d0\u05d1", "\u05d0\u05d1"),
        unassigned_in_a_query=("\U0001f600", "\U0001f600"),
    )
    def test_prepared(self, text: str, expected: str) -> None:
        """The examples of the RFC come out as it says."""
        self.assertEqual(saslprep(text), expected)

    @rows(
        bell="\x07",
        nul="a\0b",
        mixed_directions="\u06271",
        only_soft_hyphen="\u00ad",
        empty="",
        private="\ue000",
        surrogate="\ud800",
        bidi_override="a\u202eb",
        tag="a\U000e0041",
        non_character="\ufffe",
        delete="\x7f",
    )
    def test_refused(self, text: str) -> None:
        """What is prohibited is refused, not repaired."""
        self.assertRaises(SyntaxProblem, saslprep, text)

    def test_unassigned_is_not_stored(self) -> None:
        """What Unicode 3.2 does not know can't be agreed upon (RFC 3454, section 7)."""
        self.assertRaises(SyntaxProblem, saslprep, "\U0001f600", stored=True)

    @settings(deadline=None, max_examples=200)
    @given(st.text(max_size=20))
    def test_stable(self, text: str) -> None:
        """Preparing twice is preparing once, and nothing else is raised."""
        try:
            prepared = saslprep(text)
        except SyntaxProblem:
            return
        self.assertEqual(saslprep(prepared), prepared)

    @settings(deadline=None, max_examples=100)
    @given(st.binary(max_size=20))
    def test_any_password(self, octets: bytes) -> None:
        """A password that can't be prepared is compared as it is."""
        prepared_password(octets)

    def test_password(self) -> None:
        """Both ends come to the same octets however the password was typed."""
        self.assertEqual(prepared_password("\u2168".encode()), b"IX")
        self.assertEqual(prepared_password(b"\xff"), b"\xff")
        self.assertEqual(prepared_password(b""), b"")

"""Octet classes against the text of their rules, over all 256 octets."""

from __future__ import annotations

from collections.abc import Set

from twisted.trial.unittest import SynchronousTestCase

from mailapp.core import abnf
from tests.rows import rows, tabled


def ranges(*pairs: tuple[int, int]) -> set[int]:
    """%d1-2 and so on."""
    return {octet for first, last in pairs for octet in range(first, last + 1)}


_LETTERS = ((65, 90), (97, 122))
_DIGITS = (48, 57)


@tabled
class ClassTests(SynchronousTestCase):
    """Each class has the octets of its rule and no other."""

    @rows(
        # RFC 5234, appendix B.1
        alpha=(abnf.ALPHA, ranges(*_LETTERS)),
        digit=(abnf.DIGIT, ranges(_DIGITS)),
        hexdig=(abnf.HEXDIG, ranges(_DIGITS, (65, 70), (97, 102))),
        ctl=(abnf.CTL, ranges((0, 31), (127, 127))),
        vchar=(abnf.VCHAR, ranges((33, 126))),
        utf8=(abnf.UTF8_NON_ASCII, ranges((128, 255))),
        alnum=(abnf.ALPHA_DIGIT, ranges(*_LETTERS, _DIGITS)),
        ldh=(abnf.LET_DIG_HYPHEN, ranges(*_LETTERS, _DIGITS, (45, 45))),
        # RFC 5322, section 3.2.3: VCHAR without specials
        atext=(abnf.ATEXT, ranges((33, 126)) - set(b'()<>[]:;@\\,."')),
        # RFC 5321, section 4.1.2
        qtext=(abnf.QTEXT_SMTP, ranges((32, 33), (35, 91), (93, 126))),
        # RFC 5321, section 4.1.3
        dcontent=(abnf.DCONTENT, ranges((33, 90), (94, 126))),
    )
    def test_octets(self, octets: Set[int], rule: set[int]) -> None:
        """All 256."""
        for octet in range(256):
            self.assertEqual(octet in octets, octet in rule, octet)
        self.assertEqual(set(octets), rule)

    def test_only(self) -> None:
        """Not empty, and of these octets alone."""
        test = abnf.only(abnf.DIGIT)
        self.assertTrue(test(b"0123456789"))
        self.assertFalse(test(b""))
        for octet in range(256):
            self.assertEqual(test(b"0" + bytes([octet])), octet in abnf.DIGIT)

    def test_not_unicode(self) -> None:
        """Digits of other scripts are no digits, nor is a line end left out."""
        self.assertFalse(abnf.is_digits("٣".encode()))
        self.assertFalse(abnf.is_digits(b"1\n"))
        self.assertFalse(abnf.is_atom(b"a.b"))

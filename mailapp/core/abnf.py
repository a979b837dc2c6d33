"""Octet classes of the core rules (RFC 5234, appendix B.1) and of RFC 5321 and 5322.

Each is a :class:`frozenset` of octet values, so that ``octet in ATEXT`` reads like
the rule; :func:`only` makes the fast test for whole strings.
"""

from __future__ import annotations

from collections.abc import Callable, Set
from typing import Final

ALPHA: Final = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz")
DIGIT: Final = frozenset(b"0123456789")
HEXDIG: Final = DIGIT | frozenset(b"ABCDEFabcdef")
CTL: Final = frozenset(range(32)) | {127}
VCHAR: Final = frozenset(range(33, 127))
UTF8_NON_ASCII: Final = frozenset(range(128, 256))

ALPHA_DIGIT: Final = ALPHA | DIGIT
LET_DIG_HYPHEN: Final = ALPHA_DIGIT | frozenset(b"-")
# RFC 5322, section 3.2.3
ATEXT: Final = ALPHA_DIGIT | frozenset(b"!#$%&'*+-/=?^_`{|}~")
# RFC 5321, section 4.1.2: qtextSMTP is 32-33, 35-91, 93-126
QTEXT_SMTP: Final = frozenset(range(32, 127)) - frozenset(b'"\\')
# RFC 5321, section 4.1.3: dcontent is 33-90, 94-126
DCONTENT: Final = VCHAR - frozenset(b"[\\]")


def only(octets: Set[int]) -> Callable[[bytes], bool]:
    """A test: is a string not empty and made of these octets alone?"""
    table = bytes(sorted(octets))

    def test(text: bytes) -> bool:
        return bool(text) and not text.translate(None, table)

    return test


is_digits: Final = only(DIGIT)
is_atom: Final = only(ATEXT)

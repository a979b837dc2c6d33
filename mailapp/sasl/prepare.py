"""SASLprep (RFC 4013), which SCRAM and PLAIN ask for, on the tables of the stdlib.

RFC 8265 would replace it, but RFC 5802, section 2.2 binds SCRAM to SASLprep, and both
ends must come to the same octets.
"""

from __future__ import annotations

import stringprep
import unicodedata
from collections.abc import Callable
from typing import Final

from mailapp.core.failures import SyntaxProblem

# RFC 4013, section 2.3, without C.1.2 (mapped to SPACE) and C.2.1 (in the next)
_PROHIBITED: Final[tuple[Callable[[str], bool], ...]] = (
    stringprep.in_table_c12,
    stringprep.in_table_c21_c22,
    stringprep.in_table_c3,
    stringprep.in_table_c4,
    stringprep.in_table_c5,
    stringprep.in_table_c6,
    stringprep.in_table_c7,
    stringprep.in_table_c8,
    stringprep.in_table_c9,
)
_NFKC: Final = unicodedata.ucd_3_2_0.normalize  # RFC 3454 is bound to Unicode 3.2


def saslprep(text: str, *, stored: bool = False) -> str:
    """Prepare a name or password.

    Args:
        text: as the user typed it.
        stored: it will be stored, so that unassigned code points are refused too.

    Raises:
        SyntaxProblem: it holds what must not be in a name or password, or is empty.
    """
    if text.isascii() and text.isprintable() and text:
        return text
    mapped = "".join(
        " " if stringprep.in_table_c12(c) else c
        for c in text
        if not stringprep.in_table_b1(c)
    )
    prepared = _NFKC("NFKC", mapped)
    if not prepared:
        reason = "empty text"
        raise SyntaxProblem(reason)
    for character in prepared:
        if any(table(character) for table in _PROHIBITED):
            reason = "character not allowed"
            raise SyntaxProblem(reason)
        if stored and stringprep.in_table_a1(character):
            reason = "character not in Unicode 3.2"
            raise SyntaxProblem(reason)
    _check_directions(prepared)
    return prepared


def _check_directions(text: str) -> None:
    """RFC 3454, section 6: right-to-left text holds nothing left-to-right."""
    right_to_left = [stringprep.in_table_d1(c) for c in text]
    if any(right_to_left) and (
        not (right_to_left[0] and right_to_left[-1])
        or any(stringprep.in_table_d2(c) for c in text)
    ):
        reason = "mixed text directions"
        raise SyntaxProblem(reason)


def prepared_password(octets: bytes) -> bytes:
    """A password that a client sent, prepared if that is possible.

    What is not UTF-8 or holds prohibited characters is compared as it is; it can only
    match an imported hash.
    """
    if octets.isascii() and octets:
        text = octets.decode("ascii")
        if text.isprintable():
            return octets
    try:
        return saslprep(octets.decode()).encode()
    except (UnicodeDecodeError, SyntaxProblem):
        return octets

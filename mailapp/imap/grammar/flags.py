r"""Flags: ``\Seen`` and its like in one spelling, keywords as written."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from mailapp.core.failures import SyntaxProblem
from mailapp.imap.grammar.reader import Reader

SYSTEM: Final = (r"\Seen", r"\Answered", r"\Flagged", r"\Deleted", r"\Draft")
KEYWORD_LIMIT: Final = 100
"""Octets of a keyword (threat 69)."""
FLAGS_MOST: Final = 100
"""Flags in one list."""
_BY_NAME: Final = {name[1:].upper().encode(): name for name in SYSTEM}


def flag(reader: Reader) -> str:
    r"""RFC 9051, section 9: ``flag``; no ``\Recent``, and no extension that is unknown.

    RFC 9051, section 2.3.2: nothing but what begins with ``\`` is a system flag, and
    those are the ones listed there.
    """
    if reader.skip(b"\\"):
        name = _BY_NAME.get(reader.atom().upper())
        if name is None:
            reason = "there is no such system flag"
            raise SyntaxProblem(reason)
        return name
    return keyword(reader)


def keyword(reader: Reader) -> str:
    """RFC 9051, section 9: ``flag-keyword``."""
    name = reader.atom()
    if len(name) > KEYWORD_LIMIT:
        reason = "a keyword is too long"
        raise SyntaxProblem(reason)
    return name.decode("ascii")


def flag_list(reader: Reader) -> frozenset[str]:
    """RFC 9051, section 9: ``flag-list``."""
    return frozenset(reader.listed(lambda: flag(reader), FLAGS_MOST))


def store_flags(reader: Reader) -> frozenset[str]:
    """As STORE has them: a list, or flags without parentheses."""
    if reader.peek() == ord("("):
        return flag_list(reader)
    found = [flag(reader)]
    while reader.skip(b" "):
        found.append(flag(reader))
        if len(found) > FLAGS_MOST:
            reason = "too many flags"
            raise SyntaxProblem(reason)
    return frozenset(found)


def encode(names: Iterable[str]) -> bytes:
    """A list as the server writes it."""
    return b"(%b)" % " ".join(names).encode("ascii")

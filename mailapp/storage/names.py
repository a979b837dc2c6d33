"""Mailbox names: what every store takes, and how INBOX is recognised."""

from __future__ import annotations

from functools import lru_cache
from typing import Final

from mailapp.storage.types import INBOX, BadName

MAX_LEVELS: Final = 20
"""Deepest hierarchy; clients draw trees by recursion."""
MAX_OCTETS: Final = 200
"""Longest name, all levels, in UTF-8."""


@lru_cache(1000)
def canonical(name: tuple[str, ...]) -> tuple[str, ...]:
    """The one spelling of a mailbox name.

    Only INBOX is case-blind (RFC 9051, section 5.1); every other name stays as it is.

    Raises:
        BadName: it is empty, too long, too deep, or holds control characters or
            lone surrogates.
    """
    if not name or len(name) > MAX_LEVELS or not all(name):
        raise BadName
    if any(ord(c) < ord(" ") or ord(c) == 127 for level in name for c in level):  # noqa: PLR2004  # DEL
        raise BadName
    try:
        octets = sum(len(level.encode("utf-8")) for level in name)
    except UnicodeEncodeError:
        raise BadName from None
    if octets > MAX_OCTETS:
        raise BadName
    # of ASCII: the upper case of a dotless i is an I, too
    if name[0].isascii() and name[0].upper() == INBOX[0]:
        return (*INBOX, *name[1:])
    return name

"""Flags and keywords that a mailbox here can have (pure)."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

SYSTEM: Final = {
    flag.lower(): flag
    for flag in ("\\Seen", "\\Answered", "\\Flagged", "\\Deleted", "\\Draft")
}
_KEYWORD: Final = re.compile(r"[!#$&'+,\-./0-9:;<=>?@A-Z\[^_`a-z|}~]{1,64}")


def kept(flags: Iterable[str]) -> tuple[frozenset[str], int]:
    r"""Those that can be kept, and how many can't.

    A keyword is an atom (RFC 9051, section 9, flag-keyword). ``\Recent`` is of a
    session and never of a message.
    """
    found = set()
    lost = 0
    for flag in flags:
        if flag.startswith("\\"):
            system = SYSTEM.get(flag.lower())
            if system is not None:
                found.add(system)
            elif flag.lower() != "\\recent":
                lost += 1
        elif _KEYWORD.fullmatch(flag):
            found.add(flag)
        else:
            lost += 1
    return frozenset(found), lost


def system_only(flags: Iterable[str]) -> frozenset[str]:
    """Without keywords."""
    return frozenset(flag for flag in flags if flag.startswith("\\"))

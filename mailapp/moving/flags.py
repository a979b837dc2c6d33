"""Flags and keywords that a mailbox here can have (pure)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from mailapp.storage.columns import SYSTEM_FLAGS, is_keyword

SYSTEM: Final = {flag.lower(): flag for flag in SYSTEM_FLAGS}


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
        elif is_keyword(flag):
            found.add(flag)
        else:
            lost += 1
    return frozenset(found), lost


def system_only(flags: Iterable[str]) -> frozenset[str]:
    """Without keywords."""
    return frozenset(flag for flag in flags if flag.startswith("\\"))

"""What somebody meant who wrote something else (pure)."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches


def nearest(written: object, names: Iterable[str]) -> str | None:
    """The most similar name, or None if none is similar."""
    plain = {_plain(name): name for name in names}
    found = get_close_matches(_plain(str(written))[:80], plain, n=1)
    return plain[found[0]] if found else None


def _plain(name: str) -> str:
    return name.lower().replace("_", "-")

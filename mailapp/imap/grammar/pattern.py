"""Matches mailbox names against the patterns of LIST (RFC 9051, section 6.3.9).

``*`` stands for any characters, ``%`` for any but the separator. All positions of the
pattern at which a name may be are one number with a bit for each; so the time is the
length of the name times that of the pattern divided by the width of a word, whatever
the pattern is (threat 59). Names and patterns are short: grammar/mailbox.py.
"""

from __future__ import annotations

from typing import Final

_WILD: Final = frozenset("*%")


class Pattern:
    """A pattern of LIST, ready to match.

    Args:
        text: decoded, with its reference in front.
        separator: of the levels of a name.
    """

    def __init__(self, text: str, separator: str) -> None:
        self._separator = separator
        self._places: dict[str, int] = {}  # bit n: character n of the pattern is this
        self._stars = 0
        self._percents = 0
        kept = _squeezed(text)
        for place, character in enumerate(kept):
            bit = 1 << place
            if character == "*":
                self._stars |= bit
            elif character == "%":
                self._percents |= bit
            else:
                self._places[character] = self._places.get(character, 0) | bit
        self._wild = self._stars | self._percents
        self._end = 1 << len(kept)
        self._start = self._past_wildcards(1)

    def matches(self, name: str) -> bool:
        """Does the whole name match?"""
        at = self._start
        for character in name:
            stay = self._stars if character == self._separator else self._wild
            # a wildcard takes the character and stays; a literal is passed
            at = (at & stay) | ((at & self._places.get(character, 0)) << 1)
            if not at:
                return False
            at = self._past_wildcards(at)
        return bool(at & self._end)

    def _past_wildcards(self, at: int) -> int:
        """A wildcard may stand for nothing; no two of them touch."""
        return at | ((at & self._wild) << 1)


def _squeezed(text: str) -> str:
    """Each run of wildcards as one: ``*`` if it has one, else ``%``."""
    kept: list[str] = []
    for character in text:
        if character in _WILD and kept and kept[-1] in _WILD:
            if character == "*":
                kept[-1] = "*"
        else:
            kept.append(character)
    return "".join(kept)

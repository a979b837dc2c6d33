"""Flags as bits of a mask, and as letters of a name."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from string import ascii_lowercase
from typing import Final

from attrs import field, frozen

from mailapp.storage.columns import SYSTEM_FLAGS
from mailapp.storage.maildir.keywords import SYSTEM, Keywords

_SYSTEM_LETTERS: Final = "".join(SYSTEM[flag] for flag in SYSTEM_FLAGS)
FORWARDED: Final = "$Forwarded"


@frozen(eq=False)
class Letters:
    """How one mailbox writes its flags.

    Attributes:
        flags: of the columns, by bit.
        bits: the bit of each ASCII letter. A letter without a meaning has one above
            all flags, so that it stays when other flags change.
    """

    flags: tuple[str, ...]
    bits: Mapping[str, int]
    _masks: dict[bytes, tuple[int, bool]] = field(factory=dict, init=False)
    _infos: dict[int, bytes] = field(factory=dict, init=False)

    def table(self, infos: Iterable[bytes]) -> Mapping[bytes, tuple[int, bool]]:
        """For each string of letters its mask, and whether it is as we write it."""
        for info in infos:
            if info not in self._masks:
                mask = self.mask(info)
                self._masks[info] = (mask, self.of(mask) == info)
        return self._masks

    def mask(self, info: bytes) -> int:
        """The bits of these letters."""
        mask = 0
        for letter in info.decode("ascii"):
            mask |= 1 << self.bits[letter]
        return mask

    def of(self, mask: int) -> bytes:
        """The letters of a mask, sorted."""
        known = self._infos.get(mask)
        if known is None:
            letters = [letter for letter, bit in self.bits.items() if mask >> bit & 1]
            known = self._infos[mask] = "".join(sorted(letters)).encode("ascii")
        return known


def of_keywords(keywords: Keywords) -> Letters:
    """The letters of a mailbox whose keywords are these.

    To mutt and mbsync $Forwarded is P, to Dovecot a keyword: where it has a letter of
    that kind both are written, and each is understood.
    """
    by_letter = dict(zip(_SYSTEM_LETTERS, SYSTEM_FLAGS, strict=True))
    by_letter[SYSTEM[FORWARDED]] = FORWARDED
    taken = {flag.lower() for flag in by_letter.values()}
    for letter, keyword in sorted(keywords.by_letter.items()):
        if keyword.lower() not in taken:
            taken.add(keyword.lower())
            by_letter[letter] = keyword
    bits = {letter: bit for bit, letter in enumerate(by_letter)}
    rest = [x for x in ascii_lowercase.upper() + ascii_lowercase if x not in bits]
    also = {x for x, y in keywords.by_letter.items() if y.lower() == FORWARDED.lower()}
    bits |= dict.fromkeys(also, bits[SYSTEM[FORWARDED]])
    rest = [x for x in rest if x not in also]
    bits |= {letter: 63 - at for at, letter in enumerate(rest)}
    return Letters(tuple(by_letter.values()), bits)

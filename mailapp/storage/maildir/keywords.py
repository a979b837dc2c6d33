"""Flags as letters of a file name, keywords by way of ``dovecot-keywords``.

The file maps 0 to 25, the letters a to z, to keywords; a line is ``<number> <name>``.
Dovecot, mbsync and others read it. A keyword is durable in it before a name uses its
letter, and no letter gets another meaning.

Sources: the page "Maildir" of the Dovecot documentation;
lib-storage/index/maildir/maildir-keywords.c of Dovecot 2.3, which reads the file again
when its mtime has become another second, and believes that it is locked by
``dovecot-uidlist.lock``.
"""

from __future__ import annotations

import re
from string import ascii_lowercase
from typing import Final

from attrs import frozen

from mailapp.storage.columns import is_keyword
from mailapp.storage.files import Files, read_whole, replace
from mailapp.storage.maildir.dotlock import dotlock
from mailapp.storage.maildir.layout import KEYWORDS
from mailapp.storage.types import BadName, TooMany

SYSTEM: Final = {
    "\\Draft": "D",
    "\\Flagged": "F",
    "\\Answered": "R",
    "\\Seen": "S",
    "\\Deleted": "T",
    "$Forwarded": "P",
}
_SECOND: Final = 1_000_000_000
_BY_LETTER: Final = {letter: flag for flag, letter in SYSTEM.items()}
_FOLDED: Final = {flag.lower(): letter for flag, letter in SYSTEM.items()}
_FORWARDED: Final = "$forwarded"
_LINE: Final = re.compile(rb"([0-9]{1,2}) ([\x21-\x7e]{1,255})")


@frozen
class Keywords:
    """The letters of one mailbox.

    Attributes:
        by_letter: what ``a`` to ``z`` mean.
    """

    by_letter: dict[str, str]

    def flags(self, letters: bytes) -> frozenset[str]:
        """The flags that the letters of a name mean; unknown letters mean none."""
        found = set()
        for letter in letters.decode("ascii"):
            flag = _BY_LETTER.get(letter) or self.by_letter.get(letter)
            if flag is not None:
                found.add(flag)
        return frozenset(found)

    def letters(self, flags: frozenset[str]) -> bytes:
        """The letters for these flags, sorted.

        Raises:
            KeyError: a keyword has no letter yet; see :meth:`missing`.
        """
        own = {name.lower(): letter for letter, name in self.by_letter.items()}
        found = set()
        for flag in map(str.lower, flags):
            letter = own.get(flag)
            if letter is not None:
                found.add(letter)
            if flag in _FOLDED or letter is None:
                found.add(_FOLDED[flag])
        return "".join(sorted(found)).encode("ascii")

    def missing(self, flags: frozenset[str]) -> list[str]:
        """The keywords among them that have no letter, sorted.

        $Forwarded has P. Where there are keywords it gets a letter of that kind, too,
        as long as one is left: to Dovecot it is nothing else.
        """
        own = {name.lower() for name in self.by_letter.values()}
        lettered = set(_FOLDED)
        if 0 < len(own) < len(ascii_lowercase):
            lettered.discard(_FORWARDED)
        return sorted(
            f for f in flags if f.lower() not in own and f.lower() not in lettered
        )

    def format(self) -> bytes:
        """The file."""
        lines = sorted(
            (ascii_lowercase.index(letter), name)
            for letter, name in self.by_letter.items()
        )
        return "".join(f"{number} {name}\n" for number, name in lines).encode("ascii")


def parse(octets: bytes) -> Keywords:
    """The file's meaning; lines that make no sense are passed over."""
    found: dict[str, str] = {}
    for line in octets.split(b"\n"):
        match = _LINE.fullmatch(line.rstrip(b"\r"))
        if match and int(match[1]) < len(ascii_lowercase):
            found.setdefault(ascii_lowercase[int(match[1])], match[2].decode("ascii"))
    return Keywords(found)


def read(files: Files, path: bytes) -> Keywords:
    """The keywords of a mailbox."""
    return parse(read_whole(files, path + b"/" + KEYWORDS) or b"")


def with_letters(files: Files, path: bytes, flags: frozenset[str]) -> Keywords:
    """The keywords, with a letter for each of these flags. The caller holds the turn.

    Raises:
        BadName: not a keyword (RFC 9051, section 9, flag-keyword), or over 64 octets.
        TooMany: all 26 letters are taken.
        Unavailable: Dovecot is busy with the mailbox.
    """
    known = read(files, path)
    if not known.missing(flags):
        return known
    with dotlock(files, path):
        known = _added(read(files, path), flags)
        replace(files, path, KEYWORDS, known.format(), _later(files, path))
    return known


def _added(known: Keywords, flags: frozenset[str]) -> Keywords:
    """With a letter for each of the flags."""
    missing = known.missing(flags)
    # what has P anyway comes last, and is left out where no letter is left for it
    missing.sort(key=lambda keyword: keyword.lower() == _FORWARDED)
    free = [letter for letter in ascii_lowercase if letter not in known.by_letter]
    if not all(map(is_keyword, missing)):
        raise BadName
    needed = [keyword for keyword in missing if keyword.lower() != _FORWARDED]
    if len(needed) > len(free):
        raise TooMany
    return Keywords(known.by_letter | dict(zip(free, missing, strict=False)))


def _later(files: Files, path: bytes) -> int:
    """An mtime that Dovecot takes for another one: it compares seconds."""
    now = files.now() // _SECOND
    try:
        return max(now, files.mtime(path + b"/" + KEYWORDS) // _SECOND + 1)
    except FileNotFoundError:
        return now

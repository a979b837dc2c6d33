r"""The form of a tray: entries that have just come, one behind the other (pure).

A tray is one file for many small entries, so that they cost one write and one sync
together, and no names. Each lies in a section, which begins at a multiple of 4096
octets, so that no block holds octets of two::

    mailapp-tray 1 NNNNNNNNNNNNNNNN oooooooo bbbbbbbbbb WAITS\n
    the octets of an entry's file, see record.py
    zeros up to the next section

The head has the name of the tray (16 hexadecimal digits that nobody can guess: so no
content looks like a section), the octets of the entry, and where the batch began that
was written with it (decimal). ``WAITS`` becomes ``ENDED``, in its place, when the tray
does not answer for the entry any more.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from attrs import frozen

BLOCK: Final = 4096
"""A section begins at a multiple of it."""
MOST: Final = 64 * 1024
"""Octets of an entry that may lie in a tray."""
ENDED: Final = b"ENDED"
STATE_AT: Final = 52
"""Where the state stands in a head."""
HEAD: Final = STATE_AT + 6
"""Octets of a head."""
_HEAD: Final = re.compile(
    rb"mailapp-tray 1 ([0-9a-f]{16}) (\d{8}) (\d{10}) (WAITS|ENDED)\n"
)
_NAME: Final = re.compile(r"[0-9a-f]{16}")


@frozen
class Place:
    """Where an entry lies that is in a tray.

    Attributes:
        tray: its name.
        start: of the section.
        octets: of the entry.
    """

    tray: str
    start: int
    octets: int

    @property
    def entry_start(self) -> int:
        """Where the entry begins."""
        return self.start + HEAD

    @property
    def end(self) -> int:
        """Where the next section begins."""
        return -(-(self.entry_start + self.octets) // BLOCK) * BLOCK


@frozen
class Section:
    """A section whose head is good.

    Attributes:
        batch_start: everything before it was synced when this was written.
        waits: the tray answers for the entry.
    """

    place: Place
    batch_start: int
    waits: bool


def encode_section(place: Place, batch_start: int, octets: bytes) -> bytes:
    """A section with its entry."""
    head = b"mailapp-tray 1 %b %08d %010d WAITS\n" % (
        place.tray.encode("ascii"),
        place.octets,
        batch_start,
    )
    return (head + octets).ljust(place.end - place.start, b"\0")


def decode_head(tray: str, start: int, octets: bytes) -> Section | None:
    """The section that begins with these octets; None: there is none."""
    match = _head(tray, octets)
    if match is None:
        return None
    place = Place(tray, start, int(match[2]))
    return Section(place, int(match[3]), match[4] != ENDED)


def waits(tray: str, octets: bytes) -> bool:
    """They begin with a section of this tray that answers for its entry."""
    match = _head(tray, octets)
    return match is not None and match[4] != ENDED


def _head(tray: str, octets: bytes) -> re.Match[bytes] | None:
    match = _HEAD.match(octets)
    return match if match and match[1] == tray.encode("ascii") else None


def sections(tray: str, octets: bytes) -> Iterator[Section]:
    """All sections of a tray, also those that lie in what may be another's entry."""
    for start in range(0, len(octets), BLOCK):
        section = decode_head(tray, start, octets[start : start + HEAD])
        if section is not None:
            yield section


def arrival_text(entry_id: str, place: Place | None) -> str:
    """An entry that has come, in a word or four, for another process."""
    if place is None:
        return entry_id
    return f"{entry_id} {place.tray} {place.start} {place.octets}"


def read_arrival(text: str) -> tuple[str, Place | None]:
    """What :func:`arrival_text` wrote.

    Raises:
        ValueError: it did not write this.
    """
    entry_id, *words = text.split(" ")
    if not words:
        return entry_id, None
    tray, start, octets = words
    if _NAME.fullmatch(tray) is None:
        raise ValueError(tray)
    return entry_id, Place(tray, int(start), int(octets))

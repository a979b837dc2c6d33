"""How messages get the UIDs that :mod:`mailapp.storage.maildir.given` keeps."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Final

from mailapp.storage.files import Files
from mailapp.storage.maildir.filename import unique_part
from mailapp.storage.maildir.gather import Gathered
from mailapp.storage.maildir.given import (
    Given,
    forget_given,
    in_turn,
    is_given,
    read_given,
    write_given,
)
from mailapp.storage.maildir.stems import Stems
from mailapp.storage.maildir.uids import Turn

MANY: Final = 20_000
"""So many messages of another program get UIDs first and other names later.

Fewer are named at the first look: half a second for 10,000, once. Until names tell the
UIDs, the index has no columns, and reading and searching take two to three times as
long; somebody who looks in for a moment, again and again, would never get there.
"""


@contextmanager
def given_uids(
    files: Files, path: bytes, mine: Turn, new: Sequence[bytes], gathered: Gathered
) -> Iterator[Sequence[bytes]]:
    """Take what was given UIDs; at the end give some to the others, if they are many.

    Yields:
        What is left of ``new``, the names there.
    """
    validity = mine.numbers.validity
    given = None
    if is_given(files, path):
        given = read_given(files, path, validity)
        new = _recovered(files, path, given, new, gathered)
    yield new
    if len(gathered.bare) >= MANY:
        _give(files, path, mine, given, gathered)
    if given is not None and not gathered.late:
        forget_given(files, path)


def _recovered(
    files: Files, path: bytes, given: Given, new: Sequence[bytes], gathered: Gathered
) -> Sequence[bytes]:
    """Gather what has a UID that its name does not tell; what is left of ``new``."""
    back, new = given.among(new)
    for name in back:  # another program put it there: see survey.return_to_cur
        place = name if b":" in name else name + b":2,"
        with suppress(FileNotFoundError):
            files.rename(path + b"/new/" + name, path + b"/cur/" + place)
            gathered.bare.add(place + b"/", 1)
    late, bare = given.among(gathered.bare)
    taken = set(gathered.uids)
    names: list[bytes] = []
    uids: list[int] = []
    for name in late:
        uid = given.uids[unique_part(name)]
        if uid in taken:
            bare.append(name)
        else:
            taken.add(uid)
            names.append(name)
            uids.append(uid)
    gathered.bare = Stems(bare)
    gathered.take_late(Stems(names), uids)
    return new


def _give(
    files: Files, path: bytes, mine: Turn, before: Given | None, gathered: Gathered
) -> None:
    # One that had a UID here gets its new one with its name: other processes go by the
    # old name as long as it is there.
    if b",V=%d" % mine.numbers.validity in gathered.bare.octets:
        return
    names = in_turn(gathered.bare)
    if names is None:
        return
    first = mine.take(len(names))
    write_given(files, path, mine.numbers.validity, before, first, names)
    gathered.take_late(names, range(first, first + len(names)))
    gathered.bare = Stems()

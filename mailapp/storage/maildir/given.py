"""UIDs of messages whose names do not tell them yet.

Who moves 100,000 messages in from another program should not wait until all of them
are read and renamed. So their UIDs are written down in one file, ``mailapp-given``, and
hold from then on. Names follow little by little; the file is removed when all tell
theirs.

The file has names as they were then. A message is known by the unique part of its name,
whatever happens to the rest of it.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterable, Sequence
from contextlib import suppress
from itertools import groupby, islice
from operator import itemgetter, lt
from typing import Final

from attrs import frozen

from mailapp.storage.files import Files, replace
from mailapp.storage.maildir.filename import arrival, unique_part
from mailapp.storage.maildir.stems import Stems, apart, in_parts

GIVEN: Final = b"mailapp-given"
GIVEN_LOCK: Final = b"mailapp-given.lock"
_HEAD: Final = re.compile(rb"1 ([0-9]{1,10}) ([0-9]{1,10})\n")
_CHUNK: Final = 1 << 20
_UIDL: Final = 70  # octets at most
_SECONDS: Final = b"0000000000."
_SECOND: Final = itemgetter(slice(len(_SECONDS)))
_ODD: Final = b"\0"
_SHAPES: Final = (
    bytes(octet if chr(octet).isprintable() else 0 for octet in range(0x7F))
    .translate(bytes.maketrans(b" 123456789", b"\x00000000000"))
    .ljust(256, _ODD)
)
"""Any digit is 0, and what no UIDL has is NUL."""


@frozen
class Given:
    """What the file says.

    Attributes:
        uids: by the unique part of the name.
        octets: of the file, without its head.
    """

    uids: dict[bytes, int]
    octets: bytes

    def among(self, names: Iterable[bytes]) -> tuple[list[bytes], list[bytes]]:
        """Names of messages that were given a UID, and the others."""
        known: list[bytes] = []
        others: list[bytes] = []
        uids = self.uids
        for name in names:
            (known if unique_part(name) in uids else others).append(name)
        return known, others


def is_given(files: Files, path: bytes) -> bool:
    """Is there the file?"""
    return files.exists(path + b"/" + GIVEN)


def read_given(files: Files, path: bytes, validity: int) -> Given:
    """UIDs that were given in a mailbox; none if the file is damaged."""
    octets = _whole(files, path + b"/" + GIVEN)
    head = _HEAD.match(octets)
    if head is None or int(head[1]) != validity:
        return Given({}, b"")
    rest = octets[head.end() :]
    if zlib.crc32(rest) != int(head[2]):
        return Given({}, b"")
    uids: dict[bytes, int] = {}
    parts = rest.split(b"/")
    at = 0
    while at + 2 < len(parts):
        first, count = int(parts[at]), int(parts[at + 1])
        at += 2 + count
        uniques = map(unique_part, parts[at - count : at])
        uids.update(zip(uniques, range(first, first + count), strict=True))
    return Given(uids, rest)


def _whole(files: Files, path: bytes) -> bytes:
    try:
        fd = files.open_read(path)
    except FileNotFoundError:
        return b""
    try:
        parts, size = [], 0
        while chunk := files.read(fd, size, _CHUNK):
            parts.append(chunk)
            size += len(chunk)
    finally:
        files.close(fd)
    return b"".join(parts)


def write_given(
    files: Files,
    path: bytes,
    validity: int,
    before: Given | None,
    first: int,
    names: Stems,
) -> None:
    """Give UIDs that follow one another, beside those given before; then durable."""
    known = b"" if before is None else before.octets
    section = b"%d/%d/" % (first, len(names))
    check = zlib.crc32(names.octets, zlib.crc32(section, zlib.crc32(known)))
    head = b"1 %d %d\n" % (validity, check)
    replace(files, path, GIVEN, b"".join([head, known, section, names.octets]))


def forget_given(files: Files, path: bytes) -> None:
    """All names tell their UIDs: make that durable, and let no other count."""
    files.sync_directory(path + b"/cur")
    with suppress(FileNotFoundError):
        files.unlink(path + b"/" + GIVEN)
        files.sync_directory(path)


def in_turn(names: Stems) -> Stems | None:
    """Names in order of arrival: 100,000 in 20 ms.

    None: they are not as usual, so each has to be looked at by itself. Usual ones begin
    with ten digits and a period, their unique parts can be UIDLs, and are different.
    """
    rising, last = True, b""
    for part in in_parts(names.octets):
        some = apart(part)
        if not _are_usual(part, some):
            return None
        if rising:
            seconds = [last, *map(_SECOND, some)]
            rising = all(map(lt, seconds, islice(seconds, 1, None)))
            last = seconds[-1]
    return names if rising else _parted(sorted(names))


def _are_usual(part: bytes, names: Sequence[bytes]) -> bool:
    """Do they begin with a second, and can their unique parts be UIDLs?"""
    shape = part.translate(_SHAPES)
    usual = shape.count(b"/" + _SECONDS) + shape.startswith(_SECONDS)
    if usual < len(names) or _ODD in shape:
        return False
    # most are short enough with all that is behind the unique part
    return (
        max(map(len, names)) <= _UIDL or max(map(len, map(unique_part, names))) <= _UIDL
    )


def _parted(rising: list[bytes]) -> Stems | None:
    """In each second in order of arrival: microseconds have one to six digits.

    None: two have one unique part.
    """
    parted = []
    for _, group in groupby(rising, _SECOND):
        some = list(group)
        if len(some) > 1:
            uniques = {unique_part(name) for name in some}
            if len(uniques) < len(some):
                return None
            some.sort(key=_arrival)
        parted += some
    return Stems(parted)


def _arrival(name: bytes) -> tuple[int, int, bytes]:
    return arrival(unique_part(name))

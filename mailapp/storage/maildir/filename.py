"""Names of message files.

``<unique>,S=<octets on disk>,W=<octets on the wire>`` ``[,D=<received>]``
``[,T=<saved>][,E=<email id>][,U=<uid>,V=<validity>]`` ``:2,<flags>``

The unique part is all before the first comma or colon and never changes, whatever other
programs do to the rest. S and W are Dovecot's. D is when the message was received, in
seconds since the epoch; without it a name of ours tells that by its beginning, and of
any other file the mtime does. T is when it came to its mailbox (RFC 8514), where the
beginning of the name does not tell that: it was moved there, or another program made
it. E is in a copy, and is what the unique part of the message is that it is a copy of
(RFC 8474). U is the UID and V the UIDVALIDITY it
was given under: a file that another program brought from elsewhere, name and all, has
no UID here. Names made by others are taken as they are; fields that are not ours are
kept when a file gets another name.

Sources: https://cr.yp.to/proto/maildir.html (the name and its info part), the page
"Maildir" of the Dovecot documentation (S and W).
"""

from __future__ import annotations

import hashlib
import re
from functools import lru_cache
from itertools import count
from typing import Final

from attrs import evolve, frozen

_NAME: Final = re.compile(rb"([^,:/]+)((?:,[^:/]*)?)(?::([^/]*))?", re.DOTALL)
_NUMBER: Final = re.compile(rb"0|[1-9][0-9]{0,18}")
_ARRIVAL: Final = re.compile(rb"([0-9]{1,11})\.(?:M([0-9]{1,9}))?")
_GUID: Final = re.compile(rb"[\x21-\x7e]{1,70}")
_OURS: Final = {b"S": 0, b"W": 1, b"D": 2, b"T": 3, b"U": 4, b"V": 5}
_MOMENT: Final = re.compile(rb",T=([0-9]{1,10})(?:[,:]|\Z)")
_EMAIL: Final = re.compile(rb",E=([!-+\-.0-9;-~]{1,70})(?:[,:]|\Z)")
_MADE_HERE: Final = re.compile(rb"([0-9]{10})\.M[0-9]{6}P[0-9]+R[0-9a-f]{12}Q")
_SAFE_HOST: Final = re.compile(r"[^A-Za-z0-9.-]")
MAX_UID: Final = 2**32 - 1
_NO_FLAGS: Final = b":2,"
_ROOM: Final = 175
"""Octets of a stem with fields of others: a UID and all letters go behind it."""


@frozen
class MessageName:
    """A parsed name.

    Attributes:
        unique: never empty; neither comma, colon nor slash in it.
        size: octets on disk, if the name tells.
        wire: octets with every line ending in CRLF, if the name tells.
        uid: with ``validity``, or neither.
        flags: info letters, sorted, each once.
        others: fields of other programs, as they stand.
        received: seconds since the epoch, if a field tells.
        saved: likewise.
        email: what a copy is a copy of.
    """

    unique: bytes
    size: int | None = None
    wire: int | None = None
    uid: int | None = None
    validity: int | None = None
    flags: bytes = b""
    others: tuple[bytes, ...] = ()
    received: int | None = None
    saved: int | None = None
    email: bytes | None = None

    def format(self) -> bytes:
        """The file name, with an info part."""
        parts = [self.unique]
        if self.size is not None:
            parts.append(b"S=%d" % self.size)
        if self.wire is not None:
            parts.append(b"W=%d" % self.wire)
        if self.received is not None:
            parts.append(b"D=%d" % self.received)
        if self.saved is not None:
            parts.append(b"T=%d" % self.saved)
        if self.email is not None:
            parts.append(b"E=%b" % self.email)
        if self.uid is not None and self.validity is not None:
            parts.append(b"U=%d" % self.uid)
            parts.append(b"V=%d" % self.validity)
        parts.extend(self.others)
        return b",".join(parts) + b":2," + self.flags


def parse(name: bytes) -> MessageName | None:
    """The parts of a name; None for one that no message has."""
    match = _NAME.fullmatch(name)
    if match is None or name.startswith(b"."):
        return None
    unique, fields, info = match.groups()
    numbers: list[int | None] = [None] * len(_OURS)
    others = []
    email = None
    for part in fields.split(b",")[1:]:
        key, equals, value = part.partition(b"=")
        place = _OURS.get(key) if equals else None
        if email is None and key == b"E" and _GUID.fullmatch(value):
            email = value
        elif place is None:
            others.append(part)
        elif numbers[place] is None and _NUMBER.fullmatch(value):
            numbers[place] = int(value)
    size, wire, received, saved, uid, validity = numbers
    if not (uid and validity and uid <= MAX_UID and validity <= MAX_UID):
        uid = validity = None
    flags = letters(info)
    return MessageName(
        unique,
        size,
        wire,
        uid,
        validity,
        flags,
        tuple(others),
        received,
        saved,
        email,
    )


def unique_part(name: bytes) -> bytes:
    """All before the first comma or colon, of a name that need not be parsed."""
    return name.partition(b":")[0].partition(b",")[0]


def size_of(name: MessageName) -> int:
    """Octets on disk, as far as the name tells."""
    return name.size if name.size is not None else name.wire or 0


def whole_stem(name: MessageName) -> bytes:
    """All before the UID; without the fields of others if there is no room for them."""
    own = evolve(name, size=size_of(name), uid=None, validity=None, flags=b"")
    stem = own.format().removesuffix(_NO_FLAGS)
    if len(stem) > _ROOM:
        stem = evolve(own, others=()).format().removesuffix(_NO_FLAGS)
    return stem


def received(name: MessageName) -> int | None:
    """When the message was received, if its name tells."""
    if name.received is not None:
        return name.received
    return made_here(name.unique)


def made_here(unique: bytes) -> int | None:
    """When a name of ours was made, in seconds; None: another program made it."""
    ours = _MADE_HERE.match(unique)
    return int(ours[1]) if ours else None


def saved(stem: bytes) -> int | None:
    """When a message came to its mailbox, if its name, or the stem of it, tells."""
    moment = _MOMENT.search(stem)
    return int(moment[1]) if moment else made_here(stem)


def email(stem: bytes) -> bytes:
    """What copies of a message have in common: a :func:`guid`, from a name."""
    original = _EMAIL.search(stem) if b",E=" in stem else None
    return original[1] if original else guid(stem.partition(b",")[0])


@lru_cache(maxsize=1024)
def letters(info: bytes | None) -> bytes:
    """The flag letters of an info part (what follows the colon), sorted."""
    if not info or not info.startswith(b"2,"):
        return b""
    found = {octet for octet in info[2:] if chr(octet).isalpha() and octet < 128}  # noqa: PLR2004  # ASCII
    return bytes(sorted(found))


def arrival(unique: bytes) -> tuple[int, int, bytes]:
    """Sorts by when messages came, as far as their names tell."""
    match = _ARRIVAL.match(unique)
    if match is None:
        return (0, 0, unique)
    return (int(match[1]), int(match[2] or 0), unique)


def guid(unique: bytes) -> bytes:
    """The unique part as a UIDL: itself, or if it can't be one, a hash of it.

    RFC 1939, section 7: 1 to 70 characters in the range 0x21 to 0x7E.
    """
    if _GUID.fullmatch(unique):
        return unique
    return b"x" + hashlib.sha256(unique).hexdigest()[:40].encode("ascii")


class UniqueNames:
    """Makes unique parts that no other process and no other call makes.

    ``<seconds>.M<microseconds>P<pid>R<random>Q<count>.<host>``: as cr.yp.to proposes,
    with a random number of the process beside its pid, as pids come again.

    Args:
        pid: of this process.
        random: 4 octets or more, from a good source, drawn by this process.
        host: names the machine; what can't stand in a file name is left out.
    """

    def __init__(self, pid: int, random: bytes, host: str) -> None:
        safe = _SAFE_HOST.sub("", host)[:20].strip(".") or "localhost"
        self._process = f"P{pid}R{random[:6].hex()}Q"
        self._host = f".{safe}"
        self._count = count()

    def next(self, now: int) -> bytes:
        """Another one; ``now`` is in nanoseconds since the epoch."""
        seconds, rest = divmod(now // 1000, 1_000_000)
        text = f"{seconds}.M{rest:06}{self._process}{next(self._count)}{self._host}"
        return text.encode("ascii")

r"""The lines that an mbox file adds to mail: where a message begins, and its flags.

The formats that are called mbox have in common that each message begins with a line
``From sender date`` (RFC 4155, appendix A). They differ in what is done about such
lines inside of messages:

* mboxo writes ``>`` before ``From `` at the begin of a line;
* mboxrd writes it also before ``>From `` and ``>>From ``, so it can be taken off again;
* mboxcl2 leaves them alone and tells by a Content-Length field where the message ends.

Sources: https://qmail.org/man/man5/mbox.html, the page "Mbox" of the Dovecot
documentation (Status, X-Status, X-Keywords), mailnews/base/public/nsMsgMessageFlags.idl
of Thunderbird (X-Mozilla-Status).
"""

from __future__ import annotations

import re
from calendar import timegm
from collections.abc import Callable
from typing import Final

from attrs import frozen

from mailapp.message.dates import MONTH_NUMBER

MARKER: Final = b"X-Mailapp-Export"
"""The last of the fields that our export writes before a message. Behind it stands the
message as it is, but for line ends and mboxrd's quoting."""
LINE_OCTETS: Final = 1000
"""A longer line begins no message."""
_DATE: Final = re.compile(
    rb"(?:^|\s)(?:mon|tue|wed|thu|fri|sat|sun),?\s+"
    rb"(?:(?P<m1>[a-z]{3})\s+(?P<d1>\d{1,2})|(?P<d2>\d{1,2})\s+(?P<m2>[a-z]{3}))"
    rb"(?:\s+(?P<y1>\d{4}))?"
    rb"\s+(?P<h>\d{1,2}):(?P<n>\d\d)(?::(?P<s>\d\d))?"
    rb"(?:\s+(?:[a-z][a-z0-9+-]*|(?P<z1>[+-]\d{4})))*"
    rb"(?:\s+(?P<y2>\d{4}))?(?:\s+(?P<z2>[+-]\d{4}))?\b",
    re.IGNORECASE,
)
_EMPTY: Final = re.compile(rb"From -?\s*")
_ADDED: Final = re.compile(
    rb"^(Status|X-Status|X-Keywords|X-UID|X-IMAP|X-IMAPbase|Content-Length"
    rb"|X-Mozilla-Status2?|X-Mozilla-Keys|" + MARKER + rb")"
    rb"[ \t]*:([^\n]*(?:\n[ \t][^\n]*)*)\n",
    re.IGNORECASE | re.MULTILINE,
)
_OURS: Final = re.compile(
    rb"Status:[ ]([RO]*)\nX-Status:[ ]([AFTD]*)\nX-Keywords:[ ]([^\n]*)\n"
    + MARKER
    + rb":[ ](whole|open),[ ]([0-9]{1,10})\n"
)
_QUOTED: Final = re.compile(rb"^>(>*From )", re.MULTILINE)
_TO_QUOTE: Final = re.compile(rb"^(>*From )", re.MULTILINE)
_STATUS: Final = {"R": "\\Seen", "D": "\\Deleted"}
_X_STATUS: Final = {
    "A": "\\Answered",
    "F": "\\Flagged",
    "T": "\\Draft",
    "D": "\\Deleted",
}
_MOZILLA: Final = {1: "\\Seen", 2: "\\Answered", 4: "\\Flagged", 0x1000: "$Forwarded"}
_EXPUNGED: Final = 8
_YEARS: Final = range(1970, 2107)
_LATEST: Final = 2**32 - 1
"""Seconds since the epoch that the store can tell, in February 2106."""


@frozen
class Added:
    """What the fields that belong to the file tell of a message.

    Attributes:
        flags: and keywords.
        length: octets of the body, if a field tells.
        left_out: it is no message, or one that waits to be taken out of the file.
    """

    flags: frozenset[str] = frozenset()
    length: int | None = None
    left_out: bool = False


@frozen
class Ours:
    """What our export wrote before a message.

    Attributes:
        open: the message does not end with a line end.
        received: seconds since the epoch.
        octets: of these fields.
    """

    flags: frozenset[str]
    open: bool
    received: int
    octets: int


def begins_message(line: bytes, *, after_blank: bool) -> bool:
    """Is it the line before a message? It begins with ``From ``.

    A date makes it one. Without date it is one only behind an empty line: Thunderbird
    writes ``From `` and nothing else (2023), in older versions ``From -``.
    """
    if date_of(line) is not None:
        return True
    return after_blank and _EMPTY.fullmatch(line) is not None


def date_of(line: bytes) -> int | None:
    """Its date in seconds since the epoch: UTC unless it tells (RFC 4155)."""
    found = _DATE.search(line[:LINE_OCTETS])
    if found is None:
        return None
    name = (found["m1"] or found["m2"]).lower()
    year = int(found["y2"] or found["y1"] or b"0")
    day = int(found["d1"] or found["d2"])
    hour, minute, second = int(found["h"]), int(found["n"]), int(found["s"] or b"0")
    if name not in MONTH_NUMBER or year not in _YEARS:
        return None
    seconds = timegm((year, MONTH_NUMBER[name], day, hour, minute, second))
    zone = found["z1"] or found["z2"]
    if zone is not None:
        offset = int(zone[1:3]) * 3600 + int(zone[3:5]) * 60
        seconds -= -offset if zone.startswith(b"-") else offset
    return max(0, min(seconds, _LATEST))


def take_ours(head: bytes) -> Ours | None:
    """What our export wrote before a message; None: another program wrote the file."""
    found = _OURS.match(head)
    if found is None:
        return None
    status, more, keywords, end, received = found.groups()
    flags = _letters(status, _STATUS) | _letters(more, _X_STATUS)
    flags |= frozenset(keywords.decode("ascii", "replace").split())
    return Ours(flags, end == b"open", int(received), found.end())


def take_added(head: bytes) -> tuple[bytes, Added]:
    """The header without the fields that belong to the file, and what they tell."""
    flags: set[str] = set()
    length: int | None = None
    left_out = False

    def take(found: re.Match[bytes]) -> bytes:
        nonlocal length, left_out
        name, value = found[1].lower(), found[2].strip()
        if name == b"content-length":
            length = int(value) if re.fullmatch(rb"\d{1,12}", value) else None
        elif name == b"x-imap":
            left_out = True  # the first "message" of UW-IMAP's and Pine's folders
        elif name == b"x-mozilla-status":
            bits = int(value, 16) if re.fullmatch(rb"[0-9a-fA-F]{1,8}", value) else 0
            left_out = left_out or bool(bits & _EXPUNGED)
            flags.update(flag for bit, flag in _MOZILLA.items() if bits & bit)
        else:
            flags.update(_TAKE.get(name, _nothing)(value))
        return b""

    cleaned = _ADDED.sub(take, head)
    return cleaned, Added(frozenset(flags), length, left_out)


def added_by_us(flags: frozenset[str], received: int, *, whole: bool) -> bytes:
    """What the export writes before a message. The inverse of :func:`take_ours`."""
    status = b"RO" if "\\Seen" in flags else b"O"
    more = "".join(x for x, flag in sorted(_X_STATUS.items()) if flag in flags)
    keywords = " ".join(sorted(f for f in flags if not f.startswith("\\")))
    lines = [
        b"Status: %b" % status,
        b"X-Status: %b" % more.encode("ascii"),
        b"X-Keywords: %b" % keywords.encode("ascii"),
        b"%b: %b, %d" % (MARKER, b"whole" if whole else b"open", received),
    ]
    return b"\n".join(lines) + b"\n"


def quoted(lines: bytes) -> bytes:
    """Whole lines as mboxrd writes them."""
    return _TO_QUOTE.sub(rb">\1", lines) if b"From " in lines else lines


def unquoted(lines: bytes) -> bytes:
    """The inverse of :func:`quoted`."""
    return _QUOTED.sub(rb"\1", lines) if b">From " in lines else lines


def in_lines(change: Callable[[bytes], bytes], piece: bytes, *, begins: bool) -> bytes:
    """Change lines, but not the rest of a line that does not begin here."""
    if begins:
        return change(piece)
    first, line_end, rest = piece.partition(b"\n")
    return first + line_end + change(rest)


def _letters(letters: bytes, table: dict[str, str]) -> frozenset[str]:
    return frozenset(table[x] for x in letters.decode("latin-1") if x in table)


def _words(value: bytes) -> frozenset[str]:
    return frozenset(value.decode("utf-8", "replace").split())


def _nothing(_value: bytes) -> frozenset[str]:
    return frozenset()


_TAKE: Final[dict[bytes, Callable[[bytes], frozenset[str]]]] = {
    b"status": lambda value: _letters(value, _STATUS),
    b"x-status": lambda value: _letters(value, _X_STATUS),
    b"x-keywords": _words,
    b"x-mozilla-keys": _words,
}

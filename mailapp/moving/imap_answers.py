"""Responses of an IMAP server as values (pure).

Servers are taken as they are: what is not understood in an untagged response is passed
over, as RFC 9051, section 7 asks of a client.
"""

from __future__ import annotations

import re
from calendar import timegm
from collections.abc import Sequence
from typing import Final

from attrs import frozen

from mailapp.imap.responses.mailbox import ranges_of, set_octets
from mailapp.message import modified_utf7
from mailapp.message.dates import MONTH_NUMBER

_TOKEN: Final = re.compile(
    rb'\s*(?:(?P<open>[()])|"(?P<quoted>(?:[^"\\]|\\.)*+)"'
    rb"|~?\{(?P<size>\d{1,7})\}\r\n|(?P<atom>(?:\[[^\]]*\]|[^\s()\"])+))",
    re.DOTALL,
)
_ESCAPED: Final = re.compile(rb"\\(.)", re.DOTALL)
_DATE: Final = re.compile(
    rb"\s*(\d{1,2})-([a-z]{3})-(\d{4}) (\d\d):(\d\d):(\d\d) ([+-])(\d\d)(\d\d)",
    re.IGNORECASE,
)
_DEEPEST: Final = 10

Value = bytes | list["Value"]
"""A string, atom or number; or a parenthesized list."""


@frozen
class Listed:
    r"""A mailbox of LIST or LSUB.

    Attributes:
        name: as the server wants to have it back.
        attributes: in lower case, with backslash.
        separator: of its levels; empty: there is no hierarchy.
    """

    name: bytes
    attributes: frozenset[str]
    separator: str

    def levels(self, prefix: bytes = b"") -> tuple[str, ...]:
        """The name as levels, without the prefix of its namespace."""
        name = self.name
        if prefix and name.startswith(prefix) and len(name) > len(prefix):
            name = name[len(prefix) :]
        text = decoded(name)
        parts = text.split(self.separator) if self.separator else [text]
        levels = tuple(part for part in parts if part)
        return ("INBOX", *levels[1:]) if levels[0].upper() == "INBOX" else levels


def values(octets: bytes) -> list[Value]:
    """What a response is made of; what is behind a mistake is left out."""
    whole: list[Value] = []
    stack = [whole]
    at = 0
    while (found := _TOKEN.match(octets, at)) is not None:
        at = found.end()
        if found["open"] == b"(":
            if len(stack) > _DEEPEST:
                break
            inner: list[Value] = []
            stack[-1].append(inner)
            stack.append(inner)
        elif found["open"] is not None:
            if len(stack) > 1:
                stack.pop()
        elif found["quoted"] is not None:
            stack[-1].append(_ESCAPED.sub(rb"\1", found["quoted"]))
        elif found["size"] is not None:
            size = int(found["size"])
            stack[-1].append(octets[at : at + size])
            at += size
        else:
            stack[-1].append(found["atom"])
    return whole


def fetched(octets: bytes) -> tuple[int, dict[bytes, Value]] | None:
    """Sequence number and items of ``* 1 FETCH (…)``; None: it is another response."""
    parts = values(octets)
    match parts:
        case [b"*", bytes(number), bytes(word), list(items), *_] if (
            number.isdigit() and word.upper() == b"FETCH"
        ):
            found: dict[bytes, Value] = {}
            for name, value in zip(items[::2], items[1::2], strict=False):
                if isinstance(name, bytes):
                    found[name.upper()] = value
            if len(items) % 2 and isinstance(items[-1], bytes):
                found[items[-1].upper()] = b""
            return int(number), found
    return None


def listed(octets: bytes, word: bytes = b"LIST") -> Listed | None:
    """A mailbox; None: it is another response, or no mailbox that can be selected."""
    match values(octets):
        case [
            b"*",
            bytes(own),
            list(attributes),
            bytes(separator),
            bytes(name),
            *_,
        ] if own.upper() == word and name:
            flags = frozenset(
                each.decode("ascii", "replace").lower()
                for each in attributes
                if isinstance(each, bytes)
            )
            between = "" if separator.upper() == b"NIL" else decoded(separator)
            return Listed(name, flags, between)
    return None


def namespaces(octets: bytes) -> tuple[bytes, list[bytes]] | None:
    """The prefix of one's own mailboxes, and those of others' (RFC 2342)."""
    match values(octets):
        case [b"*", bytes(word), own, *rest] if word.upper() == b"NAMESPACE":
            mine = _prefixes(own)
            others = [prefix for space in rest[:2] for prefix in _prefixes(space)]
            return (mine[0] if mine else b""), [prefix for prefix in others if prefix]
    return None


def number_in(octets: bytes, code: bytes) -> int | None:
    """The number of a response code as in ``* OK [UIDVALIDITY 7]``."""
    found = re.search(rb"\[" + code + rb" (\d{1,19})\]", octets, re.IGNORECASE)
    return int(found[1]) if found else None


def date_time(value: Value) -> int | None:
    """Seconds since the epoch (RFC 9051, section 9, date-time); None: it is none."""
    found = _DATE.match(value) if isinstance(value, bytes) else None
    if found is None or found[2].lower() not in MONTH_NUMBER:
        return None
    day, year, hour, minute, second = (int(found[n]) for n in (1, 3, 4, 5, 6))
    month = MONTH_NUMBER[found[2].lower()]
    offset = int(found[8]) * 3600 + int(found[9]) * 60
    seconds = timegm((year, month, day, hour, minute, second))
    return seconds + offset if found[7] == b"-" else seconds - offset


def flags_of(value: Value) -> frozenset[str]:
    """Flags and keywords."""
    if not isinstance(value, list):
        return frozenset()
    texts = (each for each in value if isinstance(each, bytes))
    return frozenset(each.decode("utf-8", "replace") for each in texts)


def decoded(name: bytes) -> str:
    """Modified UTF-7, or what servers send instead."""
    try:
        return modified_utf7.decode(name)
    except ValueError:
        return name.decode("utf-8", "replace")


def sequence_set(uids: Sequence[int]) -> bytes:
    """Rising UIDs as ``1:4,7``."""
    return set_octets(ranges_of(uids))


def quoted(octets: bytes) -> bytes:
    """A string that a command can have. What can't be quoted is refused elsewhere."""
    return b'"' + octets.replace(b"\\", b"\\\\").replace(b'"', b'\\"') + b'"'


def _prefixes(space: Value) -> list[bytes]:
    if not isinstance(space, list):
        return []
    firsts = (each[0] for each in space if isinstance(each, list) and each)
    return [first for first in firsts if isinstance(first, bytes)]

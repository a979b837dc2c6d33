"""A reader of what IMAP servers send, as strict as a strict client."""

from __future__ import annotations

import re
from typing import Any

_QUOTED = re.compile(rb'"((?:[^"\\\r\n\0\x80-\xff]|\\["\\])*)"')
_LITERAL = re.compile(rb"\{(\d+)\}\r\n")
_NUMBER = re.compile(rb"\d+")


def read(octets: bytes) -> tuple[Any, bytes]:
    """One value (octets, number, None or list) and what is behind it.

    Between the members of a list is one space; between two lists there may be none,
    as in 1*address and 1*body (RFC 9051, section 9).
    """
    stack: list[list[Any]] = [[]]
    position = 0
    while True:
        if octets.startswith(b"(", position):
            stack.append([])
            position += 1
            continue
        value, position = _member(octets, position)
        stack[-1].append(value)
        while True:
            if len(stack) == 1:
                return stack[0][0], octets[position:]
            if not octets.startswith(b")", position):
                break
            position += 1
            done = stack.pop()
            assert done, "an empty list"
            stack[-1].append(done)
        if octets.startswith(b" ", position):
            position += 1
        else:
            assert octets[position - 1 : position + 1] == b")(", octets[position:][:40]


def _member(octets: bytes, position: int) -> tuple[Any, int]:
    if octets.startswith(b"NIL", position):
        return None, position + 3
    found = _QUOTED.match(octets, position)
    if found is not None:
        return re.sub(rb"\\(.)", rb"\1", found[1]), found.end()
    found = _LITERAL.match(octets, position)
    if found is not None:
        end = found.end() + int(found[1])
        assert end <= len(octets), "a literal that is too short"
        value = octets[found.end() : end]
        assert b"\0" not in value, value
        return value, end
    found = _NUMBER.match(octets, position)
    assert found is not None, octets[position : position + 40]
    return int(found[0]), found.end()

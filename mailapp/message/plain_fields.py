"""Some fields of a header as nearly all mail has it, as they stand there.

All line ends are CRLF, there is no NUL, and no limit is near. For all else the answer
is None, and ``section`` finds them: in a list of all fields, which takes five times as
long to make.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

from mailapp.message.fields import FTEXT
from mailapp.message.line_ends import paired
from mailapp.message.plain_header import SIZE_LIMIT

_FIELD_END: Final = re.compile(rb"\n(?![ \t])").search


def plain_fields(octets: bytes, names: tuple[bytes, ...]) -> bytes | None:
    """The fields with these names, and the empty line. Hot.

    Args:
        octets: a beginning of a message.
        names: in any case.
    """
    begin = _begin(names)
    blank = octets.find(b"\r\n\r\n", 0, SIZE_LIMIT)
    if begin is None or blank < 0 or octets.startswith(b"\r\n"):
        return None
    text = b"\n" + octets[: blank + 2]
    if b"\0" in text or not paired(text[1:]):
        return None
    found = []
    for match in begin.finditer(text):
        end = _FIELD_END(text, match.end())
        if end is None:
            return None
        found.append(text[match.start() + 1 : end.end()])
    return b"".join([*found, b"\r\n"])


@lru_cache(maxsize=64)
def _begin(names: tuple[bytes, ...]) -> re.Pattern[bytes] | None:
    """Finds the line end before a field of these names; None: one is no name."""
    if not all(name and FTEXT.issuperset(name) for name in names):
        return None
    either = b"|".join(map(re.escape, names))
    return re.compile(rb"\n(?:%b)[ \t]*+:" % either, re.IGNORECASE)

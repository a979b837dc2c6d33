"""Full text: what is put in, and how it is asked, so that it finds what a scan finds.

The index has every three characters that follow each other, and where. So it answers
"is this string part of that text" exactly, for strings of three characters or more;
case and accents are gone before, by the casemap that a scan uses, too.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Final

from mailapp.message.imap_facts import read_structure
from mailapp.message.part import Part
from mailapp.message.searching import (
    BREAK,
    field_text,
    header_text,
    message_texts,
)
from mailapp.storage.types import TextQuery, Where

SHORTEST: Final = 3
_STOP: Final = "\1"
"""For NUL, at which SQLite stops, and for what is no character. Nobody finds it."""
_FIELDS: Final = (b"subject", b"from", b"to", b"cc", b"bcc")
COLUMNS: Final = ("subject", "sender", "recipient", "cc", "bcc", "header", "body")
"""Of the table, as :func:`texts_of` gives them."""
_ASKED: Final = {
    Where.TEXT: "header body",
    Where.BODY: "body",
    Where.SUBJECT: "subject",
    Where.FROM: "sender",
    Where.TO: "recipient",
    Where.CC: "cc",
    Where.BCC: "bcc",
}
_NO_CHARACTERS: Final = re.compile("[\ud800-\udfff]")


def texts_of(read: Callable[[int, int], bytes], size_octets: int) -> tuple[str, ...]:
    """The columns of one message, in the order of the table. Plain blocking work."""
    root = read_structure(read, size_octets)
    found: dict[bytes, list[str]] = {name: [] for name in _FIELDS}
    for field in root.header.fields:
        name = field.name.lower()
        if name in found:
            found[name].append(field_text(field))
    texts = [BREAK.join(some) for some in found.values()]
    texts.append(BREAK.join(header_text(part.header) for part in _parts(root)))
    texts.append("".join(message_texts(read, root, headers=False)))
    return tuple(map(_storable, texts))


def _storable(text: str) -> str:
    """With nothing in it that SQLite can't take. Mostly ASCII, and that quickly."""
    text = text.replace("\0", _STOP)
    return text if text.isascii() else _NO_CHARACTERS.sub(_STOP, text)


def _parts(root: Part) -> Iterator[Part]:
    rest = [root]
    while rest:
        part = rest.pop()
        yield part
        rest.extend(part.parts)


def answerable(query: TextQuery) -> bool:
    """Can the table answer that?"""
    needle = query.needle
    odd = _STOP in needle or "\0" in needle or _NO_CHARACTERS.search(needle)
    return len(needle) >= SHORTEST and not odd


def match(query: TextQuery) -> str:
    """How the table is asked."""
    quoted = query.needle.replace('"', '""')
    return f'{{{_ASKED[query.where]}}} : "{quoted}"'

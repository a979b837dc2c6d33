"""The first words of a message for a list of messages (RFC 8970)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import islice
from typing import Final

from mailapp.message.content import parse_disposition
from mailapp.message.part import Part
from mailapp.message.ranges import Read, chunks
from mailapp.message.text_parts import TextReader, is_html, is_text

LENGTH_LIMIT: Final = 200
"""Characters, as RFC 8970, section 3.3, advises."""
_PLAIN_OCTETS: Final = 16 * 1024
_HTML_OCTETS: Final = 128 * 1024
# Styles and scripts may come first, but nobody shall pay for megabytes of them.
_HTML_CHARACTERS: Final = 128 * 1024
_PARTS: Final = 100  # looked at to find one with words in it
_TRIES: Final = 3  # parts that are read
_ARMOUR: Final = "-----BEGIN PGP MESSAGE-----"
_BLANKS: Final = re.compile(r"[\s\x00-\x1f\x7f-\xa0\u200b-\u200f\u2028-\u202f\ufeff]+")


def preview(read: Read, root: Part) -> str:
    """At most ``LENGTH_LIMIT`` characters in one line; empty if there are no words.

    Args:
        read: gives octets of the message.
        root: its structure.
    """
    for part in islice(_candidates(root), _TRIES):
        html = is_html(part)
        most = _HTML_OCTETS if html else _PLAIN_OCTETS
        end = min(part.end, part.body_start + most)
        reader = TextReader(part, html_limit=_HTML_CHARACTERS)
        pieces = [reader.feed(chunk) for chunk in chunks(read, part.body_start, end)]
        text = "".join(pieces) + reader.finish()
        if _ARMOUR in text:
            return ""
        words = _words(_unquoted(text)) or _words(text)
        if words:
            return words
    return ""


def _candidates(root: Part) -> Iterator[Part]:
    """Text parts that are shown first (RFC 2046, section 5.1), in order."""
    rest, seen = [root], 0
    while rest and seen < _PARTS:
        part = rest.pop()
        seen += 1
        if part.content.is_multipart:
            parts = list(part.parts[:_PARTS])
            if part.content.subtype == b"alternative":
                # plain text is the cheapest; sorting keeps the order of the others
                parts.sort(key=lambda one: one.content.subtype != b"plain")
            rest.extend(reversed(parts))
        elif is_text(part) and not _is_attached(part):
            yield part


def _is_attached(part: Part) -> bool:
    value = part.header.value(b"content-disposition")
    disposition = None if value is None else parse_disposition(value)
    return disposition is not None and disposition.kind == b"attachment"


def _unquoted(text: str) -> str:
    """The text without what it quotes, who is quoted, and its signature."""
    if ">" not in text and "-- " not in text:
        return text
    lines: list[str] = []
    quoting = False
    for line in text.split("\n"):
        if line.rstrip("\r") == "-- ":
            break
        if not line.startswith(">"):
            lines.append(line)
            quoting = False
            continue
        if not quoting and lines and lines[-1].rstrip().endswith(":"):
            lines.pop()  # "On Monday somebody wrote:"
        quoting = True
    return "\n".join(lines)


def _words(text: str) -> str:
    """One line, each run of white space and invisible characters one space."""
    line = _BLANKS.sub(" ", text[: 2 * LENGTH_LIMIT]).strip(" ")
    if len(line) < LENGTH_LIMIT:  # it has much white space, or little else
        line = _BLANKS.sub(" ", text[: 64 * LENGTH_LIMIT]).strip(" ")
    return line[:LENGTH_LIMIT].rstrip(" ")

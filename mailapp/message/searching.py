"""The text of a message that SEARCH looks at (RFC 9051, section 6.4.4).

Headers and bodies are decoded (RFC 2047, transfer encodings, charsets), HTML is read
as text, and everything is casemapped (``collation``), as the words that are looked for
must be, too::

    needle = casemap("Müller")
    finder = Finder([needle])
    for text in message_texts(read, root, headers=True):
        if finder.feed(text):  # all were found
            break

An index that keeps what ``message_texts`` gives finds what a scan finds. It is a
generator, and what it holds is a chunk: between two pieces others may run.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from mailapp.message.collation import casemap
from mailapp.message.fields import Field, Header
from mailapp.message.part import Part
from mailapp.message.ranges import Read, chunks
from mailapp.message.text_parts import TextReader, is_html, is_searched
from mailapp.message.words import decode_text

TEXT_OCTETS: Final = 16 * 1024 * 1024
"""Octets of all text parts of one message that are looked at."""
BREAK: Final = "\n\0\n"
"""What stands between two parts or fields; no word that is looked for has it."""
_BREAK: Final = BREAK.encode()
_HTML_OCTETS: Final = 4 * 1024 * 1024  # enough for what ``html_text`` looks at


def field_text(field: Field) -> str:
    """One field, decoded, in one line, casemapped."""
    return casemap(decode_text(field.unfolded))


def field_texts(header: Header, name: bytes) -> list[str]:
    """Each field of this name.

    For HEADER, SUBJECT, FROM, TO, CC and BCC. Section 6.4.4: the empty string is part
    of every one of them, so a search for it asks whether the list is empty.
    """
    return list(map(field_text, header.all(name)))


def header_text(header: Header) -> str:
    """The whole header for TEXT: every field with its name, a line each."""
    lines = [
        b"%b: %b" % (found.name, found.unfolded) if found.name else found.unfolded
        for found in header.fields
    ]
    whole = _BREAK.join(lines)
    if whole.isascii() and b"=?" not in whole:  # then that is its text
        return casemap(whole.decode())
    texts = [
        f"{found.name.decode('latin-1')}: {decode_text(found.unfolded)}"
        if found.name
        else decode_text(found.unfolded)
        for found in header.fields
    ]
    return casemap(BREAK.join(texts))


def message_texts(read: Read, root: Part, *, headers: bool) -> Iterator[str]:
    """Pieces of the text of a message, casemapped; ``BREAK`` is between parts.

    Args:
        read: gives octets of the message.
        root: its structure.
        headers: with all header fields, those of MIME parts too, as TEXT wants; BODY
            has only those of messages that are in parts.
    """
    for piece in stretches(root, headers=headers):
        if isinstance(piece, str):
            yield piece
        else:
            yield from _part_texts(read, *piece)
        yield BREAK


def stretches(root: Part, *, headers: bool) -> Iterator[str | tuple[Part, int]]:
    """Where the text of a message is, for those who read it in another way.

    Gives the text of headers, and parts with the offset at which to stop reading them;
    see :func:`message_texts`, which has ``BREAK`` behind each.
    """
    room = TEXT_OCTETS
    rest = [(root, headers)]
    while rest:
        part, shown = rest.pop()
        # what a message in a part says of itself is text of that part
        enclosed = headers or part.content.is_message
        rest.extend([(child, enclosed) for child in reversed(part.parts)])
        if shown:
            yield header_text(part.header)
        if is_searched(part) and room > 0:
            end = min(part.end, part.body_start + room)
            if is_html(part):
                end = min(end, part.body_start + _HTML_OCTETS)
            room -= end - part.body_start
            yield part, end


def _part_texts(read: Read, part: Part, end: int) -> Iterator[str]:
    reader = TextReader(part)
    for chunk in chunks(read, part.body_start, end):
        text = reader.feed(chunk)
        if text:
            yield casemap(text)
    yield casemap(reader.finish())


class Finder:
    """Looks for several words in a text that comes in pieces.

    Args:
        needles: casemapped; an empty one is in every text.
    """

    def __init__(self, needles: Sequence[str]) -> None:
        self._missing = [needle for needle in dict.fromkeys(needles) if needle]
        self._tail = ""

    @property
    def missing(self) -> Sequence[str]:
        """Those that were not found yet."""
        return self._missing

    def feed(self, text: str) -> bool:
        """Take the next piece; were all found?"""
        if not self._missing:
            return True
        window = self._tail + text
        self._missing = [needle for needle in self._missing if needle not in window]
        longest = max(map(len, self._missing), default=1)
        # not [-0:], which would be all of it
        self._tail = window[len(window) - min(longest - 1, len(window)) :]
        return not self._missing

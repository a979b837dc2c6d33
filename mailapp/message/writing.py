"""Fields of our own: built from words that were checked, never by pasting text.

What breaks a field (CR, LF, NUL, other controls) can't get into one (threats 4, 17):
a word that holds such an octet is refused. Lines are folded at 78 octets and stay
below 998 (RFC 5322, section 2.1.1).
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final, NamedTuple

from mailapp.core import abnf
from mailapp.core.failures import SyntaxProblem
from mailapp.message.fields import FTEXT
from mailapp.message.words import encode_text

LINE_LENGTH: Final = 78
"""Octets of a line without CRLF that we aim at."""
LINE_LIMIT: Final = 998
"""Octets of a line without CRLF that none may pass."""

_SPACE: Final = re.compile(rb"[ \t]+")
_is_name: Final = abnf.only(FTEXT)
_BREAKING: Final = bytes(sorted(abnf.CTL - {ord("\t")}))


class Begun(NamedTuple):
    """A field up to some word: what later words do not change can be kept.

    Attributes:
        lines: those that are full, without their CRLF.
        line: the one that goes on.
        room: octets that it may have.
    """

    lines: tuple[bytes, ...]
    line: bytes
    room: int


def build_field(name: bytes, words: Iterable[bytes]) -> bytes:
    """A field with its CRLF: words with one space or one fold between any two.

    Raises:
        SyntaxProblem: the name or a word would break the field.
    """
    return end_field(begin_field(name), words)


def begin_field(name: bytes, words: Iterable[bytes] = ()) -> Begun:
    """The first words of a field.

    Raises:
        SyntaxProblem: the name is bad or a word empty or too long.
    """
    if not _is_name(name) or len(name) > LINE_LENGTH - 2:
        reason = "bad field name"
        raise SyntaxProblem(reason)
    # the first word stays in the first line: see below
    return _add(Begun((), name + b":", LINE_LIMIT), words)


def end_field(begun: Begun, words: Iterable[bytes]) -> bytes:
    """The whole field, with its CRLF, once its last words are known.

    Raises:
        SyntaxProblem: a word would break the field, also one of the first.
    """
    lines, line, _room = _add(begun, words)
    text = b"\r\n".join((*lines, line))
    if len(text.translate(None, _BREAKING)) != len(text) - 2 * len(lines):
        reason = "not fit for a header field"
        raise SyntaxProblem(reason)
    return text + b"\r\n"


def _add(begun: Begun, words: Iterable[bytes]) -> Begun:
    lines, line, room = begun
    for word in words:
        length = len(line) + 1 + len(word)
        if length > room:
            lines = (*lines, line)
            line, length = b" " + word, len(word) + 1
        else:
            line += b" " + word
        # A line of white space alone is obsolete syntax (RFC 5322, section 4.2).
        if length > LINE_LIMIT or not word or word.isspace():
            reason = "not fit for a header field"
            raise SyntaxProblem(reason)
        room = LINE_LENGTH
    return Begun(lines, line, room)


def build_text_field(name: bytes, text: str, *, utf8: bool = False) -> bytes:
    """An unstructured field such as Subject, from any one line of text.

    Args:
        name: the field's name.
        text: what a reader shall see.
        utf8: the message may hold UTF-8 in its header (RFC 6532); else text beyond
            ASCII becomes encoded-words (RFC 2047).

    Raises:
        SyntaxProblem: the text has CR, LF or NUL in it.
    """
    if any(mark in text for mark in "\r\n\0"):
        reason = "not fit for a header field"
        raise SyntaxProblem(reason)
    return build_field(name, encode_text(text, utf8=utf8))


def fold(line: bytes, length: int = LINE_LENGTH) -> bytes:
    """A field in one line, with CRLF put before some of its white space.

    That does not change its value (RFC 5322, section 2.2.3), and no line is white
    space alone (section 4.2). Lines are longer than ``length`` only where a word is.
    White space at the end is no part of the value, and is left out.
    """
    line = line.rstrip(b" \t")
    pieces: list[bytes] = []
    position = 0
    while len(line) - position > length:
        blank = _SPACE.match(line, position)
        first = (position if blank is None else blank.end()) + 1
        end = position + length + 1
        cut = max(line.rfind(b" ", first, end), line.rfind(b"\t", first, end))
        if cut < 0:
            found = _SPACE.search(line, max(first, end))
            if found is None:
                break
            cut = found.start()
        pieces.append(line[position:cut])
        position = cut
    return b"\r\n".join([*pieces, line[position:]])

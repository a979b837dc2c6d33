"""The lexical tokens of structured fields (RFC 5322, section 3.2; RFC 2045).

One pass, no recursion, no backtracking, so that the time is linear in the octets for
any input (threats 82, 83). White space separates and is not kept; a comment is one
token, however deep its parentheses nest.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from enum import Enum, Flag, auto
from typing import Final, NamedTuple

TOKEN_LIMIT: Final = 65_536
"""Tokens of one field."""
COMMENT_DEPTH: Final = 100
"""Parentheses that nest; a comment that is deeper swallows the rest of the field."""


class Kind(Enum):
    """What a token is."""

    ATOM = "atom"
    QUOTED = "quoted-string"
    LITERAL = "domain-literal"
    COMMENT = "comment"
    SPECIAL = "special"


class Token(NamedTuple):
    """One token.

    Attributes:
        kind: what it is.
        octets: its meaning: without quotes, parentheses, brackets and backslashes.
        start: its offset in the field.
    """

    kind: Kind
    octets: bytes
    start: int


class LexicalDefect(Flag):
    """What is wrong with the tokens."""

    NONE = 0
    UNTERMINATED = auto()  # a quoted-string, comment or literal without its end
    CONTROL = auto()  # a control other than white space
    TOO_DEEP = auto()
    TOO_MANY = auto()


RFC5322_SPECIALS: Final = b'()<>[]:;@\\,."'
# RFC 2045, section 5.1: "." is no special, "/", "?" and "=" are
MIME_SPECIALS: Final = b'()<>@,;:\\"/[]?='

_CONTROLS: Final = bytes([*range(1, 9), 11, 12, *range(14, 32), 127])
# Each is one class, repeated once: no way to backtrack.
_QUOTED_STOP: Final = re.compile(rb'["\\]')
_COMMENT_STOP: Final = re.compile(rb"[()\\]")
_LITERAL_STOP: Final = re.compile(rb"[\]\\]")


def _atoms(specials: bytes) -> re.Pattern[bytes]:
    """White space and then an atom, or none; the classes share no octet."""
    return re.compile(rb"[ \t\r\n\0]*([^ \t\r\n\0" + re.escape(specials) + rb"]*)")


_ATOM_5322: Final = _atoms(RFC5322_SPECIALS)
_ATOM_MIME: Final = _atoms(MIME_SPECIALS)


def tokenize(
    value: bytes, *, mime: bool = False, limit: int = TOKEN_LIMIT
) -> tuple[list[Token], LexicalDefect]:
    """Every token of a field's value; never raises.

    Args:
        value: raw or unfolded, which makes no difference.
        mime: RFC 2045's specials instead of RFC 5322's; brackets are then specials.
        limit: tokens at most.
    """
    atom = _ATOM_MIME if mime else _ATOM_5322
    openers = b'"(' if mime else b'"(['
    tokens: list[Token] = []
    defects = LexicalDefect.NONE
    if value.translate(None, _CONTROLS) != value:
        defects |= LexicalDefect.CONTROL
    position, size = 0, len(value)
    while found := atom.match(value, position):
        start, position = found.span(1)
        if start == position == size:
            break
        if len(tokens) >= limit:
            return tokens, defects | LexicalDefect.TOO_MANY
        if start < position:
            tokens.append(Token(Kind.ATOM, found[1], start))
            continue
        first = value[position : position + 1]
        if first in openers:
            token, position, flaw = _READERS[first](value, position)
            tokens.append(token)
            if flaw is not LexicalDefect.NONE:
                defects |= flaw
                # It is known that its end is not there: nobody looks again.
                openers = openers.replace(first, b"")
            continue
        tokens.append(Token(Kind.SPECIAL, first, position))
        position += 1
    return tokens, defects


_Read = tuple[Token, int, LexicalDefect]


def _unterminated(value: bytes, start: int) -> _Read:
    """The opening octet alone: what follows is read as if it stood outside.

    RFC 7103, sections 7.1.4 and 7.1.6: the address behind it is what was meant.
    """
    token = Token(Kind.SPECIAL, value[start : start + 1], start)
    return token, start + 1, LexicalDefect.UNTERMINATED


def _quoted(value: bytes, start: int) -> _Read:
    """quoted-string (RFC 5322, section 3.2.4)."""
    return _until(value, start, Kind.QUOTED, _QUOTED_STOP)


def _literal(value: bytes, start: int) -> _Read:
    """domain-literal (RFC 5322, section 3.4.1)."""
    return _until(value, start, Kind.LITERAL, _LITERAL_STOP)


def _until(value: bytes, start: int, kind: Kind, stop: re.Pattern[bytes]) -> _Read:
    """All up to the closing octet, with quoted-pairs resolved."""
    pieces: list[bytes] = []
    position = start + 1
    while (found := stop.search(value, position)) is not None:
        pieces.append(value[position : found.start()])
        if found.group() != b"\\":
            text = _unfolded(b"".join(pieces))
            return Token(kind, text, start), found.end(), LexicalDefect.NONE
        pieces.append(value[found.end() : found.end() + 1])
        position = found.end() + 1
    return _unterminated(value, start)


def _comment(value: bytes, start: int) -> _Read:
    """A comment and all that nests in it; inner parentheses are part of its text."""
    depth, position = 1, start + 1
    pieces: list[bytes] = []
    while (found := _COMMENT_STOP.search(value, position)) is not None:
        pieces.append(value[position : found.start()])
        position = found.end()
        if found.group() == b"\\":
            pieces.append(value[position : position + 1])
            position += 1
            continue
        depth += 1 if found.group() == b"(" else -1
        if depth == 0:
            text = _unfolded(b"".join(pieces))
            return Token(Kind.COMMENT, text, start), position, LexicalDefect.NONE
        if depth > COMMENT_DEPTH:
            token = Token(Kind.COMMENT, b"", start)
            return token, len(value), LexicalDefect.TOO_DEEP
        pieces.append(found.group())
    return _unterminated(value, start)


_READERS: Final[dict[bytes, Callable[[bytes, int], _Read]]] = {
    b'"': _quoted,
    b"(": _comment,
    b"[": _literal,
}


def _unfolded(text: bytes) -> bytes:
    """Without line ends: they belong to the folding, not to the text."""
    if b"\n" in text or b"\r" in text or b"\0" in text:
        return text.translate(None, b"\r\n\0")
    return text

"""Text beyond ASCII as encoded-words, wherever it stands in a field.

The parts of RFC 6857, section 3.1, that more than one kind of field needs.
"""

from __future__ import annotations

import binascii
import re
from typing import Final, NamedTuple

from mailapp.message.tokens import Kind, LexicalDefect, Token, tokenize
from mailapp.message.words import WORD_LIMIT, decode_text, encode_words

UNKNOWN_CHARSET: Final = b"unknown-8bit"
_SPACES: Final = re.compile(rb"([ \t]+)")
_WORD_ROOM: Final = (WORD_LIMIT - len(b"=??b??=") - len(UNKNOWN_CHARSET)) // 4 * 3


def is_utf8(octets: bytes) -> bool:
    """It is text as RFC 6532 has it."""
    try:
        octets.decode()
    except UnicodeDecodeError:
        return False
    return True


def unstructured(value: bytes) -> bytes:
    """Section 3.1.1: the words that are not ASCII, and no others, become encoded-words.

    Those side by side are encoded together with the white space between them, and with
    the encoded-words beside them: readers drop white space between two of these
    (RFC 2047, section 6.2).
    """
    pieces = _SPACES.split(value)
    new: list[bytes] = []
    run: list[bytes] = []
    for place in range(0, len(pieces), 2):
        word = pieces[place]
        space = pieces[place - 1] if place else b""
        if run and (not word.isascii() or b"=?" in word):
            run += (space, word)
            continue
        new.append(_encoded_run(run))
        run = []
        new.append(space)
        if word.isascii() and b"=?" not in word:
            new.append(word)
        else:
            run.append(word)
    new.append(_encoded_run(run))
    return b"".join(new)


def _encoded_run(run: list[bytes]) -> bytes:
    text = b"".join(run)
    return text if text.isascii() else encoded(text)


def encoded(octets: bytes) -> bytes:
    """All of it as encoded-words; encoded-words that are in it are read first.

    Octets that are no UTF-8 have a charset that nobody knows (RFC 1428, section 3).
    """
    if is_utf8(octets):
        return b" ".join(encode_words(decode_text(octets)))
    words: list[bytes] = []
    for start in range(0, len(octets), _WORD_ROOM):
        piece = octets[start : start + _WORD_ROOM]
        text = binascii.b2a_base64(piece, newline=False)
        words.append(b"=?%b?b?%b?=" % (UNKNOWN_CHARSET, text))
    return b" ".join(words)


class Span(NamedTuple):
    """A token and where it lies, as it stands."""

    token: Token
    start: int
    end: int


def spans_of(value: bytes, *, mime: bool = False) -> list[Span] | None:
    """All tokens; None: they can't be told apart."""
    tokens, flaws = tokenize(value, mime=mime)
    if flaws & ~LexicalDefect.CONTROL:
        return None
    starts = [token.start for token in tokens[1:]] + [len(value)]
    spans: list[Span] = []
    for token, after in zip(tokens, starts, strict=False):
        length = len(value[token.start : after].rstrip(b" \t"))
        spans.append(Span(token, token.start, token.start + length))
    return spans


def encode_comments(value: bytes, *, mime: bool = False) -> bytes | None:
    """Section 3.1.3: comments with encoded-words for text."""
    spans = spans_of(value, mime=mime)
    if spans is None:
        return None
    pieces: list[bytes] = []
    position = 0
    for token, start, end in spans:
        if token.kind is Kind.COMMENT and not token.octets.isascii():
            pieces += (value[position:start], b"(", encoded(token.octets), b")")
            position = end
    pieces.append(value[position:])
    return b"".join(pieces)

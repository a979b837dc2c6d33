"""Decoding a leaf's body (RFC 2045, section 6), in chunks cut anywhere.

Tolerant: what is no base64 is left out, a wrong escape stands for itself. Never raises.
"""

from __future__ import annotations

import binascii
from collections.abc import Iterable, Iterator
from typing import Final, Protocol

from mailapp.core import abnf
from mailapp.message.content import Encoding
from mailapp.message.words import decode_escapes

_ALPHABET: Final = abnf.ALPHA_DIGIT | frozenset(b"+/=")
_NOT_BASE64: Final = bytes(octet for octet in range(256) if octet not in _ALPHABET)
_LINE_LIMIT: Final = 65536


class Decoder(Protocol):
    """Takes encoded chunks, gives decoded ones."""

    def feed(self, octets: bytes) -> bytes:
        """Decode what can be decoded already."""

    def finish(self) -> bytes:
        """Decode the rest."""


class Identity:
    """7bit, 8bit, binary, and what we do not know."""

    def feed(self, octets: bytes) -> bytes:
        """The octets."""
        return octets

    def finish(self) -> bytes:
        """Nothing is left."""
        return b""


class Base64:
    """RFC 2045, section 6.8."""

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, octets: bytes) -> bytes:
        """Whole groups of four; padding in the middle begins a new group."""
        clean = self._rest + octets.translate(None, _NOT_BASE64)
        *closed, last = clean.split(b"=")
        whole = len(last) // 4 * 4
        self._rest = last[whole:]
        pieces = [_group(piece) for piece in closed if piece]
        pieces.append(binascii.a2b_base64(last[:whole]))
        return b"".join(pieces)

    def finish(self) -> bytes:
        """A group whose padding is missing."""
        rest, self._rest = self._rest, b""
        return _group(rest)


def _group(piece: bytes) -> bytes:
    """Base64 without its padding; a single octet that is too much is left out."""
    if len(piece) % 4 == 1:
        piece = piece[:-1]
    return binascii.a2b_base64(piece + b"=" * (-len(piece) % 4))


class QuotedPrintable:
    """RFC 2045, section 6.7."""

    def __init__(self) -> None:
        self._pieces: list[bytes] = []
        self._held = 0

    def feed(self, octets: bytes) -> bytes:
        """Whole lines; a line without end is given out in pieces."""
        lines_end = octets.rfind(b"\n") + 1
        if not lines_end and self._held + len(octets) <= _LINE_LIMIT:
            self._pieces.append(octets)
            self._held += len(octets)
            return b""
        text = b"".join(self._pieces) + octets
        cut = text.rfind(b"\n") + 1
        if not cut:
            cut = _safe_cut(text)
        self._pieces = [text[cut:]]
        self._held = len(text) - cut
        return _quoted_printable(text[:cut])

    def finish(self) -> bytes:
        """The last line, which has no end."""
        text = b"".join(self._pieces)
        self._pieces, self._held = [], 0
        return _quoted_printable(text.rstrip(b" \t")) if text else b""


def _safe_cut(text: bytes) -> int:
    """Where an endless line can be cut: outside ``=XX``, not behind white space."""
    cut = len(text.rstrip(b" \t\r"))
    escape = text.rfind(b"=", max(0, cut - 2), cut)
    cut = escape if escape >= 0 else cut
    return cut or len(text)


def _quoted_printable(text: bytes) -> bytes:
    """Whole lines, or a piece of one."""
    if (
        b"=" not in text
        and b" \r" not in text
        and b" \n" not in text
        and b"\t" not in text
    ):
        return text
    pieces: list[bytes] = []
    for line in text.split(b"\n"):
        pieces.append(_line(line))
        pieces.append(b"\n")
    pieces.pop()
    return b"".join(_without_soft_breaks(pieces))


def _line(line: bytes) -> bytes:
    """A line without its LF: trailing white space is no part of it (rule 3)."""
    end = b"\r" if line.endswith(b"\r") else b""
    return line[: len(line) - len(end)].rstrip(b" \t") + end


def _without_soft_breaks(pieces: list[bytes]) -> Iterator[bytes]:
    """Pairs of line and LF, decoded; ``=`` at the end of a line takes its end away."""
    joined = False
    for piece in pieces:
        if piece == b"\n" and joined:
            joined = False
            continue
        line = piece.removesuffix(b"\r")
        joined = line.endswith(b"=")
        if joined:
            yield decode_escapes(line[:-1])
        else:
            yield decode_escapes(piece)


def decoder_for(encoding: Encoding) -> Decoder:
    """A new decoder."""
    match encoding:
        case Encoding.BASE64:
            return Base64()
        case Encoding.QUOTED_PRINTABLE:
            return QuotedPrintable()
        case _:
            return Identity()


def decode_leaf(chunks: Iterable[bytes], encoding: Encoding) -> Iterator[bytes]:
    """A body's chunks, decoded."""
    decoder = decoder_for(encoding)
    for chunk in chunks:
        if decoded := decoder.feed(chunk):
            yield decoded
    if rest := decoder.finish():
        yield rest

"""Parameters of structured MIME fields, and RFC 2231: charsets and continuations.

The octets are kept as they were sent (what BODYSTRUCTURE wants); ``decode_parameters``
is the only way from there to text, so that a file name means the same to everybody
who asks (threat 81).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from enum import Flag, auto
from typing import Final, NamedTuple
from urllib.parse import quote_from_bytes, unquote_to_bytes

from mailapp.core import abnf
from mailapp.message.charsets import decode, decode_raw
from mailapp.message.tokens import MIME_SPECIALS, Kind, Token
from mailapp.message.words import decode_text

PARAMETER_LIMIT: Final = 256
"""Parameters of one field, each segment of a continuation counted."""
SEGMENT_LIMIT: Final = 100
"""Segments of one continued parameter; what follows is left out."""
_CHUNK: Final = 60
_is_token: Final = abnf.only(abnf.VCHAR - frozenset(MIME_SPECIALS))
# RFC 2231, section 7: attribute-char


class ParameterDefect(Flag):
    """What is wrong with parameters."""

    NONE = 0
    MALFORMED = auto()  # no name, no value, or octets that belong to neither
    DUPLICATE = auto()  # the first one wins
    AMBIGUOUS = auto()  # both ``name`` and ``name*``; the latter wins
    GAP = auto()  # a segment is missing; what follows it is left out
    TOO_MANY = auto()


class Parameter(NamedTuple):
    """One parameter as it was sent.

    Attributes:
        name: in lower case, with ``*0*`` and the like.
        value: without quotes.
    """

    name: bytes
    value: bytes


def read_parameters(
    value: bytes, tokens: Sequence[Token]
) -> tuple[tuple[Parameter, ...], ParameterDefect]:
    """``*(";" attribute "=" value)`` (RFC 2045, section 5.1).

    A value that should have been quoted and was not, such as ``name=a b.txt``, goes on
    to the next semicolon.
    """
    parameters: list[Parameter] = []
    defects = ParameterDefect.NONE
    group: list[Token] = []
    for token in [*tokens, Token(Kind.SPECIAL, b";", len(value))]:
        if token.kind is not Kind.SPECIAL or token.octets != b";":
            group.append(token)
            continue
        if group:
            parameter, malformed = _parameter(value, group, token.start)
            if malformed:
                defects |= ParameterDefect.MALFORMED
            if parameter is not None and len(parameters) >= PARAMETER_LIMIT:
                return tuple(parameters), defects | ParameterDefect.TOO_MANY
            if parameter is not None:
                parameters.append(parameter)
        group = []
    return tuple(parameters), defects


def _parameter(
    value: bytes, group: list[Token], end: int
) -> tuple[Parameter | None, bool]:
    """One parameter from the tokens between two semicolons; was it malformed?"""
    if group[-1].kind is Kind.COMMENT:
        end = group[-1].start
    words = [token for token in group if token.kind is not Kind.COMMENT]
    if len(words) < 2 or words[0].kind is not Kind.ATOM or words[1].octets != b"=":  # noqa: PLR2004
        return None, bool(words)
    name = words[0].octets.lower()
    if len(words) == 2:  # noqa: PLR2004 - an empty value
        return Parameter(name, b""), True
    if len(words) == 3 and words[2].kind in {Kind.ATOM, Kind.QUOTED}:  # noqa: PLR2004
        return Parameter(name, words[2].octets), False
    return Parameter(name, value[words[2].start : end].strip()), True


def decode_parameters(
    parameters: Iterable[Parameter],
) -> tuple[dict[bytes, str], ParameterDefect]:
    """Name to text, with charsets, percent signs and continuations resolved."""
    plain: dict[bytes, bytes] = {}
    extended: dict[bytes, dict[int, tuple[bytes, bool]]] = {}
    defects = ParameterDefect.NONE
    for name, value in parameters:
        base, index, encoded = _split_name(name)
        if index is None:
            segments, key = None, None
            if base in plain:
                defects |= ParameterDefect.DUPLICATE
            plain.setdefault(base, value)
            continue
        segments, key = extended.setdefault(base, {}), index
        if key in segments:
            defects |= ParameterDefect.DUPLICATE
        elif len(segments) >= SEGMENT_LIMIT or key >= SEGMENT_LIMIT:
            defects |= ParameterDefect.TOO_MANY
        else:
            segments[key] = value, encoded
    texts = {name: _plain_text(value) for name, value in plain.items()}
    for base, segments in extended.items():
        if base in plain:
            defects |= ParameterDefect.AMBIGUOUS
        text, gap = _join(segments)
        if gap:
            defects |= ParameterDefect.GAP
        if text is not None:
            texts[base] = text
    return texts, defects


def _split_name(name: bytes) -> tuple[bytes, int | None, bool]:
    """``name*3*`` as name, segment and whether it is percent-encoded.

    A whole extended value (``name*``) is segment -1; a plain parameter has none.
    """
    base, star, rest = name.partition(b"*")
    if not star or not base:
        return name, None, False
    if not rest:
        return base, -1, True
    encoded = rest.endswith(b"*")
    digits = rest[:-1] if encoded else rest
    # RFC 2231, section 3: no leading zeroes, no gaps
    if not digits.isdigit() or len(digits) > 4 or (digits[0] == 48 and digits != b"0"):  # noqa: PLR2004
        return name, None, False
    return base, int(digits), encoded


def _join(segments: dict[int, tuple[bytes, bool]]) -> tuple[str | None, bool]:
    """The text of one extended parameter, and whether segments had to be left out."""
    if -1 in segments:
        return _extended(segments[-1][0]), len(segments) > 1
    count = 0
    while count in segments:
        count += 1
    if not count:
        return None, True
    gap = count < len(segments)
    first, encoded = segments[0]
    if not encoded:
        pieces = [_octets(*segments[n]) for n in range(count)]
        return decode_raw(b"".join(pieces)), gap
    charset, octets = _charset_and_octets(first)
    octets += b"".join([_octets(*segments[n]) for n in range(1, count)])
    return decode(octets, charset), gap


def _octets(value: bytes, encoded: bool) -> bytes:  # noqa: FBT001 - a pair taken apart
    return unquote_to_bytes(value) if encoded else value


def _extended(value: bytes) -> str:
    charset, octets = _charset_and_octets(value)
    return decode(octets, charset)


def _charset_and_octets(value: bytes) -> tuple[str, bytes]:
    """``charset'language'octets``; without the apostrophes it is all octets."""
    if value.count(b"'") < 2:  # noqa: PLR2004 - RFC 2231, section 4
        return "utf-8", unquote_to_bytes(value)
    charset, _language, octets = value.split(b"'", 2)
    return charset.decode("latin-1") or "us-ascii", unquote_to_bytes(octets)


def _plain_text(value: bytes) -> str:
    """A value without RFC 2231; many programs put encoded-words there all the same."""
    return decode_text(value)


def encode_parameter(name: bytes, text: str) -> list[bytes]:
    """``name=value`` as one or more words to be joined by ``; ``.

    A token, a quoted-string, or the segments of RFC 2231 where it is neither.
    """
    if (
        text.isascii()
        and text.isprintable()
        and len(text) <= _CHUNK
        and "=?" not in text
    ):
        octets = text.encode()
        if _is_token(octets):
            return [name + b"=" + octets]
        quoted = octets.replace(b"\\", b"\\\\").replace(b'"', b'\\"')
        return [name + b'="' + quoted + b'"']
    return encode_extended(name, text.encode("utf-8", "replace"))


def encode_extended(
    name: bytes, octets: bytes, charset: bytes = b"utf-8"
) -> list[bytes]:
    """``name*=charset''octets`` (RFC 2231, section 4), in segments if it is long."""
    encoded = charset + b"''" + quote_from_bytes(octets, "").encode()
    if len(encoded) <= _CHUNK:
        return [name + b"*=" + encoded]
    segments: list[bytes] = []
    start = 0
    while start < len(encoded):
        end = start + _CHUNK
        # never cut inside %XX
        end -= next(
            (back for back in (1, 2) if encoded[end - back : end - back + 1] == b"%"), 0
        )
        segments.append(name + b"*%d*=" % len(segments) + encoded[start:end])
        start = end
    return segments

"""What the MIME fields of a part say (RFC 2045; RFC 2183), defects as flags."""

from __future__ import annotations

from enum import Enum, Flag, auto
from functools import cached_property, lru_cache
from typing import Final

from attrs import frozen

from mailapp.message.fields import Header, unfold
from mailapp.message.parameters import (
    Parameter,
    ParameterDefect,
    decode_parameters,
    read_parameters,
)
from mailapp.message.plain_header import CONTENT_ENCODING, CONTENT_TYPE
from mailapp.message.plain_parameters import plain_value
from mailapp.message.shown import media_type
from mailapp.message.tokens import Kind, LexicalDefect, Token, tokenize

_TOKEN_LIMIT: Final = 2048
# Most parts are of a few types, whose fields are read once; a boundary is never met
# again.
_COMMON_LENGTH: Final = 100


class ContentDefect(Flag):
    """What is wrong with a part's fields."""

    NONE = 0
    BAD_TYPE = auto()  # no type "/" subtype: text/plain is assumed
    BAD_PARAMETERS = auto()
    BAD_TOKENS = auto()
    DUPLICATE_TYPE = auto()  # threat 87: the first one wins
    DUPLICATE_ENCODING = auto()
    UNKNOWN_ENCODING = auto()


class Encoding(Enum):
    """Content-Transfer-Encoding (RFC 2045, section 6).

    Attributes:
        shown: as BODYSTRUCTURE has it.
    """

    SEVEN_BIT = b"7bit"
    EIGHT_BIT = b"8bit"
    BINARY = b"binary"
    QUOTED_PRINTABLE = b"quoted-printable"
    BASE64 = b"base64"
    UNKNOWN = b"x-unknown"

    __hash__ = object.__hash__  # there is one object of each: no need to hash names

    def __init__(self, octets: bytes) -> None:
        self.shown: Final = b'"%b"' % octets.upper()


_ENCODINGS: Final = {encoding.value: encoding for encoding in Encoding}
_SEVEN_BIT: Final = Encoding.SEVEN_BIT
_UNKNOWN: Final = Encoding.UNKNOWN


@frozen
class ContentType:
    """A media type.

    Attributes:
        type: in lower case.
        subtype: in lower case.
        parameters: as sent.
        defects: what was wrong with the field.
    """

    type: bytes
    subtype: bytes
    parameters: tuple[Parameter, ...] = ()
    defects: ContentDefect = ContentDefect.NONE

    def parameter(self, name: bytes) -> bytes | None:
        """The octets of the first parameter of this name, given in lower case."""
        for parameter in self.parameters:
            if parameter.name == name:
                return parameter.value
        return None

    def texts(self) -> dict[bytes, str]:
        """All parameters as text (RFC 2231)."""
        return decode_parameters(self.parameters)[0]

    @cached_property
    def shown(self) -> bytes:
        """As BODYSTRUCTURE has it; of a common type written once for all parts."""
        return media_type(self.type, self.subtype, self.parameters)

    @property
    def is_multipart(self) -> bool:
        """It has parts of its own."""
        return self.type == b"multipart"

    @property
    def is_message(self) -> bool:
        """It is a whole message (RFC 2046, section 5.2.1; RFC 6532, section 3.7)."""
        return self.type == b"message" and self.subtype in {b"rfc822", b"global"}


@frozen
class Disposition:
    """Content-Disposition (RFC 2183).

    Attributes:
        kind: ``inline``, ``attachment`` or another word, in lower case.
        parameters: as sent.
    """

    kind: bytes
    parameters: tuple[Parameter, ...] = ()

    def texts(self) -> dict[bytes, str]:
        """All parameters as text (RFC 2231)."""
        return decode_parameters(self.parameters)[0]


# RFC 2045, section 5.2
TEXT_PLAIN: Final = ContentType(
    b"text", b"plain", (Parameter(b"charset", b"us-ascii"),)
)
# RFC 2046, section 5.1.5
MESSAGE_RFC822: Final = ContentType(b"message", b"rfc822")


def parse_content_type(
    value: bytes | None, default: ContentType = TEXT_PLAIN
) -> ContentType:
    """A Content-Type value; ``default`` for None.

    What can't be read is text/plain (RFC 2045, section 5.2), flagged.
    """
    if value is None:
        return default
    if len(value) <= _COMMON_LENGTH and b"oundary" not in value:
        return _common_type(value)
    return _parse_type(value)


def _parse_type(value: bytes) -> ContentType:
    line = unfold(value)
    plain = plain_value(line)
    if plain is not None and plain[1] is not None:
        return ContentType(plain[0], plain[1], plain[2])
    tokens, parameters, defects = _read(line)
    # type "/" subtype
    if (
        len(tokens) < 3  # noqa: PLR2004
        or tokens[0].kind is not Kind.ATOM
        or tokens[1].octets != b"/"
        or tokens[2].kind is not Kind.ATOM
    ):
        return ContentType(
            TEXT_PLAIN.type,
            TEXT_PLAIN.subtype,
            TEXT_PLAIN.parameters,
            defects | ContentDefect.BAD_TYPE,
        )
    if len(tokens) > 3:  # noqa: PLR2004
        defects |= ContentDefect.BAD_PARAMETERS
    main, _, sub = (token.octets.lower() for token in tokens[:3])
    return ContentType(main, sub, parameters, defects)


_common_type: Final = lru_cache(maxsize=1024)(_parse_type)


def parse_disposition(value: bytes) -> Disposition | None:
    """A Content-Disposition value; None: it has no disposition type."""
    line = unfold(value)
    plain = plain_value(line)
    if plain is not None:
        return Disposition(plain[0], plain[2])
    tokens, parameters, _ = _read(line)
    if not tokens or tokens[0].kind is not Kind.ATOM:
        return None
    return Disposition(tokens[0].octets.lower(), parameters)


def _read(line: bytes) -> tuple[list[Token], tuple[Parameter, ...], ContentDefect]:
    """The tokens before the first semicolon, without comments, and the parameters."""
    tokens, flaws = tokenize(line, mime=True, limit=_TOKEN_LIMIT)
    defects = ContentDefect.NONE
    if flaws is not LexicalDefect.NONE:
        defects |= ContentDefect.BAD_TOKENS
    head: list[Token] = []
    rest = len(tokens)
    for place, token in enumerate(tokens):
        if token.kind is Kind.SPECIAL and token.octets == b";":
            rest = place + 1
            break
        if token.kind is not Kind.COMMENT:
            head.append(token)
    parameters, wrong = read_parameters(line, tokens[rest:])
    names = [parameter.name for parameter in parameters]
    if wrong is not ParameterDefect.NONE or len(set(names)) != len(names):
        defects |= ContentDefect.BAD_PARAMETERS
    return head, parameters, defects


def parse_encoding(value: bytes | None) -> Encoding:
    """A Content-Transfer-Encoding value; 7bit for None."""
    if value is None:
        return Encoding.SEVEN_BIT
    known = _ENCODINGS.get(value.strip(b" \t").lower())
    if known is not None:
        return known
    tokens, _ = tokenize(value, mime=True, limit=_TOKEN_LIMIT)
    for token in tokens:
        if token.kind is not Kind.COMMENT:
            return _ENCODINGS.get(token.octets.lower(), Encoding.UNKNOWN)
    return Encoding.UNKNOWN


def content_of(
    header: Header, default: ContentType = TEXT_PLAIN
) -> tuple[ContentType, Encoding, ContentDefect]:
    """Type and encoding of the part that this header is the header of.

    The first of several fields wins, and that there were several is flagged, since a
    scanner and a reader may differ about it (threat 87).
    """
    if not header.is_listed:  # and so has each of both fields only once
        said = header.known.get
        return content_said(said(CONTENT_TYPE), said(CONTENT_ENCODING), default)
    types: list[bytes] = []
    encodings: list[bytes] = []
    for field in header.fields:
        # the length tells nearly all others apart
        if len(field.name) == len(CONTENT_TYPE):
            if field.name.lower() == CONTENT_TYPE:
                types.append(field.value)
        elif (
            len(field.name) == len(CONTENT_ENCODING)
            and field.name.lower() == CONTENT_ENCODING
        ):
            encodings.append(field.value)
    content, encoding, defects = content_said(
        types[0] if types else None, encodings[0] if encodings else None, default
    )
    if len(types) > 1:
        defects |= ContentDefect.DUPLICATE_TYPE
    if len(encodings) > 1:
        defects |= ContentDefect.DUPLICATE_ENCODING
    return content, encoding, defects


def content_said(
    content_type: bytes | None,
    content_encoding: bytes | None,
    default: ContentType = TEXT_PLAIN,
) -> tuple[ContentType, Encoding, ContentDefect]:
    """The same from the values of the fields, if there is no more than one of each."""
    content = parse_content_type(content_type, default)
    if content_encoding is None:
        return content, _SEVEN_BIT, content.defects
    encoding = _ENCODINGS.get(content_encoding) or parse_encoding(content_encoding)
    if encoding is _UNKNOWN:
        return content, encoding, content.defects | ContentDefect.UNKNOWN_ENCODING
    return content, encoding, content.defects

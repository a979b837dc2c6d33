"""BODY and BODYSTRUCTURE (RFC 9051, section 7.5.2) of a tree of parts.

Types, names of parameters and encodings are in upper case, as the RFC prints them; no
case means anything in them. What can't be said of a part as it is, is said of what can
be fetched (``section``):

* a multipart without parts has one: a text/plain that is its body;
* a message that could not be opened, as it is too deep (threat 79) or encoded, is an
  application/octet-stream.
"""

from __future__ import annotations

from typing import Final, NamedTuple
from urllib.parse import quote_from_bytes

from mailapp.message.content import TEXT_PLAIN, Encoding, parse_disposition
from mailapp.message.envelope import EMPTY, envelope
from mailapp.message.parameters import Parameter, decode_parameters
from mailapp.message.part import Part, PartDefect
from mailapp.message.quoting import NIL, nstring, string
from mailapp.message.tokens import Kind, tokenize

OUTPUT_LIMIT: Final = 1024 * 1024
"""Octets after which parts are described without the words of their headers."""
_TOKEN_LIMIT: Final = 256
_US_ASCII: Final = b'("CHARSET" "US-ASCII")'
_NO_PLACES: Final = b" NIL NIL NIL"
_CLOSED: Final = PartDefect.TOO_DEEP | PartDefect.ENCODED_CONTAINER
_NAMED: Final = frozenset(
    {b"content-id", b"content-description", b"content-md5", b"content-disposition"}
    | {b"content-language", b"content-location", b"content-transfer-encoding"}
)


class Structures(NamedTuple):
    """Both forms, each with its parentheses.

    Attributes:
        body: without extension data.
        bodystructure: with all of it.
    """

    body: bytes
    bodystructure: bytes


def structures(root: Part) -> Structures:
    """Describe a message and all that is in it.

    The depth of a tree is bounded by the scanner (``structure.DEPTH_LIMIT``).
    """
    writer = _Writer()
    writer.write(root)
    return Structures(b"".join(writer.body), b"".join(writer.bodystructure))


class _Writer:
    """Collects the pieces of both forms, in order, so that depth costs no copies."""

    def __init__(self) -> None:
        self.body: list[bytes] = []
        self.bodystructure: list[bytes] = []
        self._room = OUTPUT_LIMIT

    def write(self, part: Part) -> None:
        """A part and what is in it."""
        values = part.header.values(_NAMED) if self._room > 0 else {}
        if part.content.is_multipart:
            self._multipart(part, values)
        else:
            self._single(part, values)

    def _both(self, octets: bytes) -> None:
        self.body.append(octets)
        self.bodystructure.append(octets)
        self._room -= len(octets)

    def _extension(self, octets: bytes) -> None:
        self.bodystructure.append(octets)
        self._room -= len(octets)

    def _multipart(self, part: Part, values: dict[bytes, bytes]) -> None:
        self._both(b"(")
        for child in part.parts:
            self.write(child)
        if not part.parts:
            self._text(part.size_octets, part.lines)
        self._both(b" " + string(part.content.subtype.upper()))
        parameters = part.content.parameters
        self._extension(b" %b%b" % (self._parameters(parameters), self._places(values)))
        self._both(b")")

    def _text(self, size_octets: int, lines: int) -> None:
        """Text that nothing is known of."""
        self._both(
            b'("TEXT" "PLAIN" %b NIL NIL "7BIT" %d %d' % (_US_ASCII, size_octets, lines)
        )
        self._extension(b" NIL" + _NO_PLACES)
        self._both(b")")

    def _single(self, part: Part, values: dict[bytes, bytes]) -> None:
        content = part.content
        main, sub = content.type.upper(), content.subtype.upper()
        opened = content.is_message
        if opened and part.defects & _CLOSED:
            main, sub, opened = b"APPLICATION", b"OCTET-STREAM", False
        self._both(
            b"(%b %b %b %b %b %b %d"
            % (
                string(main),
                string(sub),
                self._parameters(content.parameters),
                nstring(values.get(b"content-id")),
                nstring(values.get(b"content-description")),
                _encoding(part.encoding, values),
                part.size_octets,
            )
        )
        if opened:
            self._message(part)
        elif main == b"TEXT":
            self._both(b" %d" % part.lines)
        self._extension(
            b" %b%b" % (nstring(values.get(b"content-md5")), self._places(values))
        )
        self._both(b")")

    def _message(self, part: Part) -> None:
        """Envelope, structure and lines of the message in a part."""
        if part.parts:
            inner = part.parts[0]
            shown = envelope(inner.header) if self._room > 0 else EMPTY
            self._both(b" %b " % shown)
            self.write(inner)
        else:  # the part's own header had no end, so there is nothing
            self._both(b" %b " % EMPTY)
            self._text(0, 0)
        self._both(b" %d" % part.lines)

    def _parameters(self, parameters: tuple[Parameter, ...]) -> bytes:
        """Names and values, or NIL."""
        if parameters == TEXT_PLAIN.parameters:
            return _US_ASCII
        return _pairs(parameters) if self._room > 0 else NIL

    def _places(self, values: dict[bytes, bytes]) -> bytes:
        """Disposition, language and location, each with a space before it."""
        if not values:
            return _NO_PLACES
        value = values.get(b"content-disposition")
        disposition = None if value is None else parse_disposition(value)
        shown = NIL
        if disposition is not None:
            kind = string(disposition.kind.upper())
            shown = b"(%b %b)" % (kind, self._parameters(disposition.parameters))
        location = values.get(b"content-location")
        return b" %b %b %b" % (
            shown,
            _language(values.get(b"content-language")),
            # RFC 2557, section 4.4.1: white space is the folding of a long URI
            NIL if location is None else string(b"".join(location.split())),
        )


def _encoding(encoding: Encoding, values: dict[bytes, bytes]) -> bytes:
    """The encoding's name, also one that we do not know."""
    if encoding is Encoding.UNKNOWN:
        word = _words(values.get(b"content-transfer-encoding", b""))
        return string(b"".join(word[:1]).upper() or encoding.value.upper())
    return b'"%b"' % encoding.value.upper()


def _language(value: bytes | None) -> bytes:
    """One tag, or a list of several (RFC 3282, section 2)."""
    tags = [] if value is None else _words(value)
    if not tags:
        return NIL
    if len(tags) == 1:
        return string(tags[0])
    return b"(%b)" % b" ".join([string(tag) for tag in tags])


def _words(value: bytes) -> list[bytes]:
    """The tokens of a field, without comments and commas."""
    tokens, _ = tokenize(value, mime=True, limit=_TOKEN_LIMIT)
    return [token.octets for token in tokens if token.kind is Kind.ATOM]


def _pairs(parameters: tuple[Parameter, ...]) -> bytes:
    """Names and values, or NIL.

    RFC 9051, section 7.5.2: continuations are put together, charsets become UTF-8. The
    name then keeps its star, and the value the form of RFC 2231, section 4, as all
    servers send it and clients decode it.
    """
    if not parameters:
        return NIL
    if any(b"*" in parameter.name for parameter in parameters):
        parameters = _joined(parameters)
    pairs = [b"%b %b" % (string(name.upper()), string(v)) for name, v in parameters]
    return b"(%b)" % b" ".join(pairs)


def _joined(parameters: tuple[Parameter, ...]) -> tuple[Parameter, ...]:
    """Each parameter once, at the place of its first segment."""
    extended: dict[bytes, list[Parameter]] = {}
    for parameter in parameters:
        base, star, _ = parameter.name.partition(b"*")
        if star and base:
            extended.setdefault(base, []).append(parameter)
    found: list[Parameter] = []
    for parameter in parameters:
        base, star, _ = parameter.name.partition(b"*")
        if not star or not base:
            found.append(parameter)
        elif base in extended:
            segments = extended.pop(base)
            text = decode_parameters(segments)[0].get(base)
            if text is None:  # no segment can be used
                found += segments
            elif any(segment.name.endswith(b"*") for segment in segments):
                octets = text.encode("utf-8", "replace")
                value = b"utf-8''" + quote_from_bytes(octets, "").encode()
                found.append(Parameter(base + b"*", value))
            else:
                found.append(Parameter(base, text.encode("utf-8", "replace")))
    return tuple(found)

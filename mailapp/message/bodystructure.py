"""BODY and BODYSTRUCTURE (RFC 9051, section 7.5.2) of a tree of parts.

Encodings are in upper case, as the RFC prints them; no case means anything in them.
What can't be said of a part as it is, is said of what can be fetched (``section``):

* a multipart without parts has one: a text/plain that is its body;
* a message that could not be opened, as it is too deep (threat 79) or encoded, is an
  application/octet-stream.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, NamedTuple

from mailapp.message.content import TEXT_PLAIN, Encoding, parse_disposition
from mailapp.message.envelope import EMPTY, envelope
from mailapp.message.parameters import Parameter
from mailapp.message.part import Part, PartDefect
from mailapp.message.quoting import NIL, nstring, string
from mailapp.message.shown import parameter_list
from mailapp.message.tokens import Kind, tokenize

OUTPUT_LIMIT: Final = 1024 * 1024
"""Octets after which parts are described without the words of their headers."""
_TOKEN_LIMIT: Final = 256
_NO_PLACES: Final = b" NIL NIL NIL"
_NO_EXTENSION: Final = b" NIL NIL NIL NIL)"
_CLOSED: Final = PartDefect.TOO_DEEP | PartDefect.ENCODED_CONTAINER
_TOLD: Final = frozenset(
    {b"content-id", b"content-description", b"content-md5", b"content-disposition"}
    | {b"content-language", b"content-location"}
)
_NOTHING: Final[Mapping[bytes, bytes]] = {}
_UNKNOWN: Final = Encoding.UNKNOWN


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
    if _is_plain(root):
        octets = _plain(root)
        return Structures(octets + b")", octets + _NO_EXTENSION)
    writer = _Writer()
    writer.write(root)
    return Structures(b"".join(writer.body), b"".join(writer.bodystructure))


def _is_plain(part: Part) -> bool:
    """A text of which no more is said than its type and encoding."""
    return (
        part.content.type == b"text"
        and part.encoding is not _UNKNOWN
        and _TOLD.isdisjoint(part.header.known)
    )


def _plain(part: Part) -> bytes:
    """What comes before its extension data. Hot."""
    size = part.end - part.body_start
    return b"(%b NIL NIL %b %d %d" % (
        part.content.shown,
        part.encoding.shown,
        size,
        part.lines,
    )


class _Writer:
    """Collects the pieces of both forms, in order, so that depth costs no copies."""

    def __init__(self) -> None:
        self.body: list[bytes] = []
        self.bodystructure: list[bytes] = []
        self._room = OUTPUT_LIMIT

    def write(self, part: Part) -> None:
        """A part and what is in it."""
        known = part.header.known if self._room > 0 else _NOTHING
        if part.content.is_multipart:
            self._multipart(part, known)
        elif self._room > 0 and _is_plain(part):
            octets = _plain(part)
            self.body.append(octets + b")")
            self.bodystructure.append(octets + _NO_EXTENSION)
            self._room -= len(octets) + len(_NO_EXTENSION)
        else:
            self._single(part, known)

    def _both(self, octets: bytes) -> None:
        self.body.append(octets)
        self.bodystructure.append(octets)
        self._room -= len(octets)

    def _extension(self, octets: bytes) -> None:
        self.bodystructure.append(octets)
        self._room -= len(octets)

    def _multipart(self, part: Part, values: Mapping[bytes, bytes]) -> None:
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
            b"(%b NIL NIL %b %d %d"
            % (TEXT_PLAIN.shown, Encoding.SEVEN_BIT.shown, size_octets, lines)
        )
        self._extension(b" NIL" + _NO_PLACES)
        self._both(b")")

    def _single(self, part: Part, values: Mapping[bytes, bytes]) -> None:
        content = part.content
        main, sub, opened = content.type, content.subtype, content.is_message
        if opened and part.defects & _CLOSED:
            main, sub, opened = b"application", b"octet-stream", False
        self._both(
            b"(%b %b %b %b %b %b %d"
            % (
                string(main.upper()),
                string(sub.upper()),
                self._parameters(content.parameters),
                nstring(values.get(b"content-id")),
                nstring(values.get(b"content-description")),
                _encoding(part.encoding, values),
                part.size_octets,
            )
        )
        if opened:
            self._message(part)
        elif content.type == b"text":
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
        if self._room > 0 or parameters == TEXT_PLAIN.parameters:
            return parameter_list(parameters)
        return NIL

    def _places(self, values: Mapping[bytes, bytes]) -> bytes:
        """Disposition, language and location, each with a space before it."""
        if _TOLD.isdisjoint(values):
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


def _encoding(encoding: Encoding, values: Mapping[bytes, bytes]) -> bytes:
    """The encoding's name, also one that we do not know."""
    if encoding is _UNKNOWN:
        word = _words(values.get(b"content-transfer-encoding", b""))
        return string(b"".join(word[:1]).upper() or encoding.value.upper())
    return encoding.shown


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

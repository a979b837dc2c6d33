"""The 7-bit rule: any message as valid 7-bit MIME, without loss, or a reason why not.

RFC 5321, section 2.4, and RFC 6152, section 3: to a server without 8BITMIME no octet
over 127 is sent, and none has its high bit cleared either. The message is converted
part by part, each as RFC 2045, section 6.4, allows; who sends it to nobody because of
an :class:`Obstacle` makes a bounce of it.

Linear in the octets; the message, its new form and one encoded part are in memory.
"""

from __future__ import annotations

from collections.abc import Iterator
from enum import Enum
from typing import Final

from attrs import frozen

from mailapp.message import transfer
from mailapp.message.content import Encoding
from mailapp.message.encodings import decode_leaf
from mailapp.message.fields import Field, HeaderDefect
from mailapp.message.line_ends import ToWire, paired
from mailapp.message.part import Part, PartDefect
from mailapp.message.splice import Edit, splice
from mailapp.message.structure import scan
from mailapp.message.writing import LINE_LIMIT, build_field, fold

_LINE_OCTETS: Final = LINE_LIMIT + len(b"\r\n")
_TRANSPARENT: Final = {Encoding.SEVEN_BIT, Encoding.EIGHT_BIT, Encoding.BINARY}
_UNLISTED: Final = HeaderDefect.HEADER_TOO_LONG | HeaderDefect.TOO_MANY_FIELDS
# A multipart or message that we could not divide as its sender did.
_UNDIVIDED: Final = (
    PartDefect.NO_BOUNDARY
    | PartDefect.NO_PARTS
    | PartDefect.TOO_DEEP
    | PartDefect.ENCODED_CONTAINER
)


class Obstacle(Enum):
    """Why a message has no 7-bit form.

    ``HEADER`` calls for SMTPUTF8 (or 5.6.7), the others for 8BITMIME (or 5.6.3).
    """

    HEADER = "its header has octets that only SMTPUTF8 can carry"
    PARTIAL = "a message/partial may only be 7bit"
    REPORT = "this kind of message part may not be encoded"
    SIGNED = "encoding it would break its signature"
    ENCRYPTED = "encrypted content may not be changed"
    UNKNOWN_ENCODING = "its content-transfer-encoding is not known"
    STRUCTURE = "its MIME structure is broken"


@frozen
class SevenBit:
    """The message, fit for any server: ASCII without NUL in CRLF lines up to 998."""

    octets: bytes


@frozen
class NotConvertible:
    """It can't be sent without an extension."""

    reason: Obstacle


class _ObstacleError(Exception):
    """Ends the walk through the parts; never leaves this module."""

    def __init__(self, reason: Obstacle) -> None:
        super().__init__(reason)
        self.reason = reason


def is_seven_bit(octets: bytes) -> bool:
    """No octet over 127, no NUL, no CR or LF alone, no line over 998 octets.

    RFC 2045, section 2.7. A few passes at the speed of memory.
    """
    if not octets.isascii() or b"\0" in octets:
        return False
    return paired(octets) and not has_long_line(octets)


def has_long_line(octets: bytes) -> bool:
    """A line has more than 998 octets (RFC 5322, section 2.1.1).

    Looks at one LF in about a thousand octets: the last that a window of the longest
    legal line has.
    """
    position, size = 0, len(octets)
    while size - position > LINE_LIMIT:
        lf = octets.rfind(b"\n", position, position + _LINE_OCTETS)
        if lf < 0:
            return True
        position = lf + 1
    return False


def convert(octets: bytes) -> SevenBit | NotConvertible:
    """The 7-bit form of a message; the same octets where they are that already.

    A message without any CR has its lines in the local form; they become CRLF.
    """
    if b"\r" not in octets:
        octets = octets.replace(b"\n", b"\r\n")
    if is_seven_bit(octets):
        return SevenBit(octets)
    root = scan(octets)
    if root.defects & PartDefect.TOO_MANY_PARTS:
        return NotConvertible(Obstacle.STRUCTURE)
    try:
        return SevenBit(splice(octets, _Conversion(octets).message(root)))
    except _ObstacleError as obstacle:
        return NotConvertible(obstacle.reason)


class _Conversion:
    """Walks through a message and says what must be changed, in order."""

    def __init__(self, octets: bytes) -> None:
        self._octets = octets

    def message(self, part: Part) -> Iterator[Edit]:
        """A whole message: it needs MIME-Version if it is to be MIME."""
        added = []
        names = {field.name.lower() for field in part.header.fields}
        if b"mime-version" not in names:
            added.append(build_field(b"MIME-Version", [b"1.0"]))
        if b"content-type" not in names:
            added.append(self._text_type(part))
        yield from self._part(part, b"".join(added))

    def _text_type(self, part: Part) -> bytes:
        """RFC 1428, section 3: text of which nobody knows the charset."""
        body = self._octets[part.body_start : part.end]
        charset = b"us-ascii" if body.isascii() else b"unknown-8bit"
        return build_field(b"Content-Type", [b"text/plain;", b"charset=" + charset])

    def _part(self, part: Part, added: bytes = b"") -> Iterator[Edit]:
        """A part with all below it; ``added`` are fields for when it is encoded."""
        content = part.content
        if part.parts and content.subtype != b"global":
            subtype = content.subtype if content.is_multipart else b""
            if subtype in {b"signed", b"encrypted"}:
                yield from self._opaque(part, subtype)
            elif content.is_multipart:
                yield from self._multipart(part)
            else:
                yield from self._header(part, self._relabelled(part))
                yield from self.message(part.parts[0])
        else:
            yield from self._leaf(part, added)

    def _opaque(self, part: Part, subtype: bytes) -> Iterator[Edit]:
        """RFC 1847, sections 2.1 and 2.2: no octet of it may change on the way."""
        if not self._is_fit(part.body_start, part.end):
            signed = subtype == b"signed"
            raise _ObstacleError(Obstacle.SIGNED if signed else Obstacle.ENCRYPTED)
        yield from self._header(part, self._relabelled(part))

    def _multipart(self, part: Part) -> Iterator[Edit]:
        """RFC 2046, section 5.1: its parts are converted, itself it is 7bit."""
        if part.encoding not in _TRANSPARENT:
            if not self._is_fit(part.body_start, part.end):
                raise _ObstacleError(Obstacle.STRUCTURE)
            yield from self._header(part, None)
            return
        yield from self._header(part, self._relabelled(part))
        first, last = part.parts[0], part.parts[-1]
        # the preamble, up to the line of the first delimiter
        delimiter = self._octets.rfind(b"\n", 0, first.header_start - 1) + 1
        delimiter = max(part.body_start, delimiter)
        yield from self._ignored(part.body_start, delimiter)
        end = delimiter
        for child in part.parts:
            yield from self._delimiter(end, child.header_start)
            yield from self._part(child)
            end = child.end
        # the closing delimiter with its line, and the epilogue
        closing = self._octets.find(b"\n--", last.end, part.end)
        line_end = self._octets.find(b"\n", closing + 1, part.end)
        epilogue = part.end if closing < 0 or line_end < 0 else line_end + 1
        yield from self._delimiter(last.end, epilogue)
        yield from self._ignored(epilogue, part.end)

    def _ignored(self, start: int, end: int) -> Iterator[Edit]:
        """A preamble or epilogue, which nobody reads (RFC 2046, section 5.1.1).

        What does not fit is escaped all the same, so that nothing is lost.
        """
        if not self._is_fit(start, end):
            yield Edit(start, end, transfer.quoted_printable(self._octets[start:end]))

    def _delimiter(self, start: int, end: int) -> Iterator[Edit]:
        """The lines between two parts: only their line ends may be mended."""
        if not self._is_fit(start, end):
            mended = ToWire().convert(self._octets[start:end])
            if not is_seven_bit(mended):
                raise _ObstacleError(Obstacle.STRUCTURE)
            yield Edit(start, end, mended)

    def _leaf(self, part: Part, added: bytes) -> Iterator[Edit]:
        start, end = part.body_start, part.end
        if self._is_fit(start, end):
            yield from self._header(part, self._relabelled(part))
            return
        _check_leaf(part)
        body = self._octets[start:end]
        if part.encoding not in _TRANSPARENT:
            # It has a line that is too long, or octets that no encoder writes.
            body = b"".join(decode_leaf([body], part.encoding))
        if part.content.type in {b"text", b"message"}:
            encoding, encoded = transfer.shortest(body)
        else:
            encoding, encoded = Encoding.BASE64, transfer.base64(body)
        encoded = self._ended(encoded, encoding, last=end == len(self._octets))
        yield from self._header(part, encoding, added)
        yield Edit(start, end, encoded)

    @staticmethod
    def _ended(encoded: bytes, encoding: Encoding, *, last: bool) -> bytes:
        """A message ends with CRLF; a part in a multipart has that of the delimiter."""
        if encoding is Encoding.BASE64:
            return encoded if last else encoded.removesuffix(b"\r\n")
        # A soft line break belongs to no line (RFC 2045, section 6.7, rule 5).
        return encoded + b"=\r\n" if last and encoded[-2:] != b"\r\n" else encoded

    @staticmethod
    def _relabelled(part: Part) -> Encoding | None:
        """7bit for what said 8bit or binary and is neither any more."""
        wrong = part.encoding in {Encoding.EIGHT_BIT, Encoding.BINARY}
        return Encoding.SEVEN_BIT if wrong else None

    def _header(
        self, part: Part, encoding: Encoding | None, added: bytes = b""
    ) -> Iterator[Edit]:
        """The header section, with this encoding if it is not None."""
        section = self._octets[part.header_start : part.body_start]
        if not section.isascii() or b"\0" in section:
            raise _ObstacleError(Obstacle.HEADER)
        new = section
        if encoding is not None:
            if part.header.defects & _UNLISTED:
                raise _ObstacleError(Obstacle.HEADER)
            new = _with_encoding(section, part.header.fields, encoding, added)
        new = _mended(new)
        if new != section:
            yield Edit(part.header_start, part.body_start, new)

    def _is_fit(self, start: int, end: int) -> bool:
        return is_seven_bit(self._octets[start:end])


def _check_leaf(part: Part) -> None:
    """May this leaf be encoded?"""
    content = part.content
    if part.encoding is Encoding.UNKNOWN:
        raise _ObstacleError(Obstacle.UNKNOWN_ENCODING)
    if content.is_multipart:
        raise _ObstacleError(Obstacle.STRUCTURE)
    # RFC 6532, section 3.5: message/global and its kin may have any encoding
    if content.type != b"message" or content.subtype.startswith(b"global"):
        return
    if content.subtype == b"partial":  # RFC 2046, section 5.2.2
        raise _ObstacleError(Obstacle.PARTIAL)
    if part.defects & _UNDIVIDED:
        raise _ObstacleError(Obstacle.STRUCTURE)
    raise _ObstacleError(Obstacle.REPORT)  # RFC 2045, section 6.4


def _with_encoding(
    section: bytes, fields: tuple[Field, ...], encoding: Encoding, added: bytes
) -> bytes:
    """The header with one Content-Transfer-Encoding: where the first one was."""
    new = added + build_field(b"Content-Transfer-Encoding", [encoding.value])
    edits: list[Edit] = []
    for field in fields:
        if field.is_named(b"content-transfer-encoding"):
            edits.append(Edit(field.start, field.end, new))
            new = b""
    if new:
        end = fields[-1].end if fields else 0
        edits.append(Edit(end, end, new))
    return splice(section, edits)


def _mended(section: bytes) -> bytes:
    """CRLF at the end of each line, and none of them over 998 octets."""
    section = ToWire().convert(section)
    if not paired(section):
        raise _ObstacleError(Obstacle.HEADER)
    if not has_long_line(section):
        return section
    # Folding changes no value; what has no white space can't be folded.
    lines = section.split(b"\r\n")
    section = b"\r\n".join(
        [fold(x, LINE_LIMIT) if len(x) > LINE_LIMIT else x for x in lines]
    )
    if has_long_line(section):
        raise _ObstacleError(Obstacle.HEADER)
    return section

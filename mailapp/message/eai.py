"""Internationalized messages for clients that know nothing of them (RFC 6857).

POP3 without UTF8 and IMAP without UTF8=ACCEPT show a message whose header has UTF-8 in
it as a surrogate: each header field in ASCII, as much of it kept as ASCII can say. This
is RFC 6857 and not the shorter way of RFC 6858, which leaves out what it can't show.

Bodies stay as they are, octet by octet, with two exceptions: the header of a message
inside the message, and the recipients of a delivery status notification.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from mailapp.message.content import Encoding
from mailapp.message.eai_fields import downgrade_field
from mailapp.message.fields import HEADER_LIMIT, Field, parse_header, unfold
from mailapp.message.part import Part
from mailapp.message.splice import Edit, splice
from mailapp.message.structure import scan
from mailapp.message.writing import fold

_GROUP_LIMIT: Final = 10_000
"""Recipients of a delivery status notification that are looked at."""
_ASCII: Final = bytes(range(128)) + b"?" * 128
_REPORTS: Final = {
    b"delivery-status",
    b"global-delivery-status",
    b"disposition-notification",
    b"global-disposition-notification",
}
_RECIPIENTS: Final = {b"original-recipient", b"final-recipient"}


def downgrade(octets: bytes) -> bytes:
    """The message with no octet over 127 in any header; often the message itself.

    Linear. Doing it again changes nothing.
    """
    if octets.isascii():
        return octets
    return splice(octets, _part(octets, scan(octets)))


def _part(octets: bytes, part: Part) -> Iterator[Edit]:
    """What changes in a part and all below it (RFC 6857, section 4.1)."""
    if part.content.is_message and part.content.subtype == b"global" and part.parts:
        yield from _header(octets, part, as_rfc822=True)
    else:
        yield from _header(octets, part)
    if part.parts:
        for child in part.parts:
            yield from _part(octets, child)
    elif part.content.type == b"message" and part.content.subtype in _REPORTS:
        yield from _report(octets, part)


def _header(octets: bytes, part: Part, *, as_rfc822: bool = False) -> Iterator[Edit]:
    """The fields of a header that are not ASCII.

    Args:
        octets: the message.
        part: whose header it is.
        as_rfc822: a message/global that is no longer one, since its own header is
            downgraded too (RFC 6532, section 3.7).
    """
    base = part.header_start
    section = octets[base : part.body_start]
    if section.isascii() and not as_rfc822:
        return
    end = 0
    for field in part.header.fields:
        end = field.end
        raw = section[field.start : end]
        if as_rfc822 and field.is_named(b"content-type"):
            start = raw.lower().find(b"message/global")
            if start >= 0:
                raw = raw[:start] + b"message/rfc822" + raw[start + 14 :]
                yield Edit(base + field.start, base + end, _ascii(field, raw))
                continue
        if not raw.isascii():
            yield Edit(base + field.start, base + end, _ascii(field, raw))
    # Fields that are beyond every limit are not read; they are ASCII all the same.
    if not section[end:].isascii():
        rest = section[end:].translate(_ASCII)
        yield Edit(base + end, part.body_start, rest)


def _ascii(field: Field, raw: bytes) -> bytes:
    """A field as it stands, in ASCII and with the same line ends."""
    if raw.isascii():
        return raw
    if not field.name:
        return raw.translate(_ASCII)  # no field, so nobody reads it
    line_end = b"\r\n" if raw.endswith(b"\r\n") else b"\n" if raw[-1:] == b"\n" else b""
    name, value = downgrade_field(field.name, unfold(raw.partition(b":")[2]))
    line = fold(name + b": " + value)
    return (line if line_end != b"\n" else line.replace(b"\r\n", b"\n")) + line_end


def _report(octets: bytes, part: Part) -> Iterator[Edit]:
    """Recipients in a report, which are fields in groups (RFC 6857, section 4.2)."""
    if part.encoding in {Encoding.BASE64, Encoding.QUOTED_PRINTABLE}:
        return
    body = octets[part.body_start : min(part.end, part.body_start + HEADER_LIMIT)]
    if body.isascii():
        return
    position = 0
    for _ in range(_GROUP_LIMIT):
        group = parse_header(body, position)
        for field in group.fields:
            raw = body[field.start : field.end]
            if field.name.lower() in _RECIPIENTS and not raw.isascii():
                start, end = part.body_start + field.start, part.body_start + field.end
                yield Edit(start, end, _ascii(field, raw))
        position = group.body_start
        if position >= len(body):
            return

"""Delivery status notifications: what became of a message, for people and programs.

RFC 3464 in the container of RFC 6522, and RFC 6533 for senders with SMTPUTF8. Every
octet of a report is ASCII, except in the header of one whose addresses are not; so it
passes everywhere that the message came from.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from enum import Enum
from typing import Final

from attrs import frozen

from mailapp.core.address import Address
from mailapp.core.envelope import OriginalRecipient
from mailapp.core.failures import SyntaxProblem
from mailapp.core.status import is_reply
from mailapp.message.content import Encoding
from mailapp.message.dates import format_date
from mailapp.message.dsn_words import Action, Told, letter, subject
from mailapp.message.fields import Header, parse_header
from mailapp.message.sevenbit import SevenBit, convert, is_seven_bit
from mailapp.message.transfer import quoted_printable, shortest
from mailapp.message.words import decode_text, encode_phrase
from mailapp.message.writing import build_field, build_text_field

_TEXT_LIMIT: Final = 900  # characters of what a server said: less than a line may have
_MESSAGE_ID: Final = re.compile(rb"<[!-;=?-~]{1,250}>\Z")
_PRIVATE: Final = (b"message-id", b"date")


class Returned(Enum):
    """What of the message a report brings back."""

    FULL = "full"
    HEADER = "header"
    TRACES = "traces"  # Message-ID and Date: the rest is to be seen over TLS only


@frozen
class Fate:
    """What became of the message for one recipient.

    Attributes:
        recipient: where it was sent.
        action: of RFC 3464, section 2.3.3.
        status: enhanced code with its class.
        at: seconds since the epoch, of the last attempt.
        text: what was said: a reply in one line, or our own words.
        host: the name of the server that said it, or that our words are about; empty:
            there is none.
        original: of the ORCPT parameter.
        retried_until: seconds since the epoch, of a delay.
        expired: it failed since its time was up.
    """

    recipient: Address
    action: Action
    status: str
    at: float
    text: str = ""
    host: str = ""
    original: OriginalRecipient | None = None
    retried_until: float | None = None
    expired: bool = False


@frozen
class Report:
    """All that a report says.

    Attributes:
        id: in the Message-ID; unique with the host.
        host: this server.
        author: whom people may answer.
        sender: of the message; gets the report.
        fates: one or more.
        arrived_at: seconds since the epoch, of the message.
        now: seconds since the epoch, of the report.
        envelope_id: of the ENVID parameter.
        utf8: the sender's server takes SMTPUTF8, since the message came with it.
        content: the message, or its header section.
        returned: what of that the report brings back.
        hold_request: of the HOLDFOR or HOLDUNTIL parameter, for example ``for;60``.
    """

    id: str
    host: str
    author: Address
    sender: Address
    fates: Sequence[Fate]
    arrived_at: float
    now: float
    envelope_id: str | None = None
    utf8: bool = False
    content: bytes = b""
    returned: Returned = Returned.HEADER
    hold_request: str | None = None


def build(report: Report) -> bytes:
    """The report as a message with CRLF lines.

    Raises:
        SyntaxProblem: an address of ours would break a field.
    """
    header = parse_header(report.content)
    parts = (
        _for_people(report, header),
        _for_programs(report),
        _content(report, header),
    )
    boundary = _boundary(report, parts)
    delimiter = b"--" + boundary + b"\r\n"
    body = b"".join([delimiter + part + b"\r\n" for part in parts])
    return b"".join(
        (
            _header(report, header, boundary),
            b"\r\nThis is a report in three parts (RFC 3464).\r\n\r\n",
            body,
            b"--" + boundary + b"--\r\n",
        )
    )


def _boundary(report: Report, parts: Iterable[bytes]) -> bytes:
    """One that stands in none of the parts."""
    name = re.sub(r"[^A-Za-z0-9]", "", report.id)[:40].encode()
    number, whole = 0, b"".join(parts)
    while b"--report-%b-%d" % (name, number) in whole:
        number += 1
    return b"report-%b-%d" % (name, number)


def _header(report: Report, original: Header, boundary: bytes) -> bytes:
    name = encode_phrase("Mail delivery")
    about = original.value(b"message-id") or b""
    lines = [
        build_field(b"Date", [format_date(int(report.now))]),
        build_field(b"From", [*name, b"<" + report.author.encode() + b">"]),
        build_field(b"To", [b"<" + report.sender.encode() + b">"]),
        build_text_field(b"Subject", subject(_told(report))),
        build_field(b"Message-ID", [f"<{report.id}@{report.host}>".encode()]),
    ]
    if _MESSAGE_ID.match(about):
        # RFC 3834, section 3.1.6
        lines += [
            build_field(b"In-Reply-To", [about]),
            build_field(b"References", [about]),
        ]
    lines += [
        build_field(b"Auto-Submitted", [b"auto-replied"]),  # RFC 3834, section 5
        build_field(b"MIME-Version", [b"1.0"]),
        build_field(
            b"Content-Type",
            [
                b"multipart/report;",
                b"report-type=delivery-status;",
                b'boundary="' + boundary + b'"',
            ],
        ),
    ]
    return b"".join(lines)


# ---- the part for people


def _told(report: Report) -> Sequence[Told]:
    return [
        Told(
            _readable(str(fate.recipient)),
            fate.action,
            fate.status,
            _readable(fate.text),
            _readable(fate.host),
            _readable(fate.original.address) if fate.original else "",
            fate.expired,
            None
            if fate.retried_until is None
            else format_date(int(fate.retried_until)).decode(),
        )
        for fate in report.fates
    ]


def _for_people(report: Report, original: Header) -> bytes:
    about = [("Message-ID", b"message-id"), ("Date", b"date")]
    if report.returned is not Returned.TRACES:
        about = [("Subject", b"subject"), ("To", b"to"), *about]
    lines = [
        (name, _readable(decode_text(value))[:200])
        for name, key in about
        if (value := original.value(key))
    ]
    text = letter(_told(report), lines, report.host, str(report.author))
    return _leaf(b"text/plain", text.replace("\n", "\r\n").encode(), text=True)


def _readable(text: str) -> str:
    """One line without anything that a terminal obeys."""
    return "".join([c if c.isprintable() else " " for c in text[:_TEXT_LIMIT]]).strip()


def _leaf(kind: bytes, body: bytes, *, text: bool = False) -> bytes:
    """A part; what is not plain ASCII is encoded."""
    words = [kind]
    if text:
        words = [
            kind + b";",
            b"charset=" + (b"us-ascii" if body.isascii() else b"utf-8"),
        ]
    lines = [build_field(b"Content-Type", words)]
    if not is_seven_bit(body):
        encoding, body = shortest(body)
        lines.append(build_field(b"Content-Transfer-Encoding", [encoding.value]))
    return b"".join((*lines, b"\r\n", body))


# ---- the part for programs


def _for_programs(report: Report) -> bytes:
    utf8 = report.utf8
    blocks = [b"".join(_message_fields(report))]
    blocks += [b"".join(_recipient_fields(fate, utf8=utf8)) for fate in report.fates]
    body = b"\r\n".join(blocks)
    if body.isascii():
        return _leaf(b"message/delivery-status", body)
    # RFC 6533, section 4.4: this one may be encoded. Not base64: people look at it.
    lines = [
        build_field(b"Content-Type", [b"message/global-delivery-status"]),
        build_field(b"Content-Transfer-Encoding", [Encoding.QUOTED_PRINTABLE.value]),
    ]
    return b"".join((*lines, b"\r\n", quoted_printable(body)))


def _message_fields(report: Report) -> Iterator[bytes]:
    """RFC 3464, section 2.2; ENVID only if it was given (RFC 3461, section 6.3)."""
    if report.envelope_id is not None:
        yield _line(b"Original-Envelope-Id", report.envelope_id, utf8=report.utf8)
    yield _typed(b"Reporting-MTA", "dns", report.host)
    yield build_field(b"Arrival-Date", [format_date(int(report.arrived_at))])
    if report.hold_request is not None:
        # RFC 4865, section 5.1.2
        yield _line(b"Future-Release-Request", report.hold_request, utf8=report.utf8)


def _recipient_fields(fate: Fate, *, utf8: bool) -> Iterator[bytes]:
    """RFC 3464, section 2.3."""
    original = fate.original
    if original is not None:
        kind = original.kind
        address = original.address
        if kind.lower() == "utf-8" and not utf8:
            address = _xtext(address)
        yield _typed(b"Original-Recipient", kind, address, utf8=utf8)
    recipient = str(fate.recipient)
    if fate.recipient.is_ascii:
        yield _typed(b"Final-Recipient", "rfc822", recipient)
    else:
        address = recipient if utf8 else _xtext(recipient)
        yield _typed(b"Final-Recipient", "utf-8", address, utf8=utf8)
    yield build_field(b"Action", [fate.action.value.encode()])
    yield build_field(b"Status", [fate.status.encode()])
    # RFC 3464, sections 2.3.5 and 2.3.6: only what a server has told us names it, and
    # only a reply of SMTP is of the type smtp
    told = bool(fate.host) and is_reply(fate.text)
    if told:
        yield _typed(b"Remote-MTA", "dns", fate.host)
    if fate.text:
        kind = "smtp" if told else "x-mailapp"
        yield _typed(b"Diagnostic-Code", kind, fate.text, utf8=utf8)
    yield build_field(b"Last-Attempt-Date", [format_date(int(fate.at))])
    if fate.retried_until is not None and fate.action is Action.DELAYED:
        yield build_field(b"Will-Retry-Until", [format_date(int(fate.retried_until))])


def _typed(name: bytes, kind: str, value: str, *, utf8: bool = False) -> bytes:
    return _line(name, f"{kind}; {value}", utf8=utf8)


def _line(name: bytes, value: str, *, utf8: bool) -> bytes:
    """A field of text that others gave: what would break it is a question mark."""
    words = _readable(value).encode("utf-8" if utf8 else "ascii", "replace").split()
    try:
        return build_field(name, words)
    except SyntaxProblem:
        return build_field(name, [b"?"])


def _xtext(address: str) -> str:
    r"""``utf-8-addr-xtext``: ``\x{20AC}`` and the like (RFC 6533, section 3)."""
    return "".join(
        [
            c if "!" <= c <= "~" and c not in "\\+=" else f"\\x{{{ord(c):02X}}}"
            for c in address
        ]
    )


# ---- the message


def _content(report: Report, header: Header) -> bytes:
    """The message or its header, such that it is 7-bit.

    A message that has no 7-bit form comes back as its header; message/global may be
    encoded as it is (RFC 6532, section 3.5).
    """
    octets = report.content
    match report.returned:
        case Returned.TRACES:
            lines = [f for f in header.fields if f.name.lower() in _PRIVATE]
            octets = b"".join([octets[f.start : f.end] for f in lines])
        case Returned.FULL:
            found = convert(octets)
            if isinstance(found, SevenBit):
                return _leaf(b"message/rfc822", found.octets)
            if report.utf8:
                return _leaf(b"message/global", octets)
            octets = _header_section(octets, header)
        case Returned.HEADER:
            octets = _header_section(octets, header)
    if report.utf8 and not octets.isascii():
        return _leaf(b"message/global-headers", octets)
    return _leaf(b"text/rfc822-headers", octets, text=not octets.isascii())


def _header_section(octets: bytes, header: Header) -> bytes:
    """Without the empty line."""
    end = header.fields[-1].end if header.fields else 0
    return octets[:end]

"""The header of a message that its author hands in (RFC 6409): mended, or refused.

What is missing and has one right value is added: Date, Message-ID, the From of who
logged in, and the Sender that several authors need. Bcc is taken out. Nothing else is
touched: what was there stays octet for octet. What can be read in two ways, or can't be
answered, is refused, because here its author can still be told (RFC 6409, sections 4.2,
5.1 and 6.3).
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Final

from attrs import frozen

from mailapp.core.address import Address
from mailapp.core.failures import SyntaxProblem
from mailapp.message.addresses import (
    AddressDefect,
    AddressList,
    Mailbox,
    format_mailbox,
    parse_addresses,
)
from mailapp.message.dates import format_date
from mailapp.message.fields import Field, Header, HeaderDefect, parse_header
from mailapp.message.splice import Edit, splice
from mailapp.message.writing import build_field

_IDENTITIES: Final = frozenset({b"from", b"sender", b"resent-from", b"resent-sender"})
_ADDRESSES: Final = _IDENTITIES | {
    b"reply-to",
    b"to",
    b"cc",
    b"resent-to",
    b"resent-cc",
}
_BLIND: Final = frozenset({b"bcc", b"resent-bcc"})
# RFC 5322, section 3.6: at most one of each
_SINGLE: Final = frozenset(
    {b"date", b"from", b"sender", b"reply-to", b"to", b"cc", b"message-id", b"subject"}
    | {b"in-reply-to", b"references"}
)
# What a recipient's client reads as it was meant all the same.
_TOLERATED: Final = (
    AddressDefect.ROUTE
    | AddressDefect.SPACED
    | AddressDefect.BRACKETS
    | AddressDefect.BAD_NAME
    | AddressDefect.EMPTY
)
_DEFECTS: Final = {
    HeaderDefect.NOT_A_FIELD: "the header has a line that is no field",
    HeaderDefect.SPACE_BEFORE_COLON: "a header field has a space before its colon",
    HeaderDefect.FIELD_TOO_LONG: "a header field is too long",
    HeaderDefect.HEADER_TOO_LONG: "the header is too long",
    HeaderDefect.TOO_MANY_FIELDS: "the header has too many fields",
    HeaderDefect.BARE_LINE_END: "a line of the header has no proper end",
    HeaderDefect.NUL: "the header has a NUL",
}


@frozen
class Submission:
    """What is known beside the message.

    Attributes:
        now: seconds since the epoch.
        message_id: without angle brackets; unique.
        sender: whose login it is, or None.
        author: stands in a From that is missing; None: it must be there.
        utf8: the header may hold UTF-8 (RFC 6532).
        short_domains: those of our domains that have no dot.
    """

    now: float
    message_id: str
    sender: Address | None
    author: Address | None = None
    utf8: bool = False
    short_domains: Collection[str] = ()


def mend(octets: bytes, submission: Submission) -> bytes:
    """A header section as it goes on.

    Args:
        octets: whole lines with CRLF, without the empty line.
        submission: where the missing fields come from.

    Raises:
        SyntaxProblem: answered 554 5.6.0; the reason is for the author.
    """
    header = read_submitted(octets)
    authors = _check_addresses(header, submission.short_domains)
    edits = [
        Edit(field.start, field.end, b"")
        for field in header.fields
        if field.name.lower() in _BLIND
    ]
    return b"".join(_missing(header, submission, authors)) + splice(octets, edits)


def read_submitted(octets: bytes) -> Header:
    """A header that all programs read alike; it may lack a From.

    Raises:
        SyntaxProblem: it is none.
    """
    header = parse_header(octets)
    for defect, reason in _DEFECTS.items():
        if defect in header.defects:
            raise SyntaxProblem(reason)
    seen: set[bytes] = set()
    for field in header.fields:
        name = field.name.lower()
        if name in seen:
            reason = f"the header has more than one {field.name.decode()}"
            raise SyntaxProblem(reason)
        if name in _SINGLE:
            seen.add(name)
    return header


def identities(header: Header) -> Sequence[Address]:
    """Everybody whom the message names as its author or sender.

    Also those of resent blocks, which readers show as well.

    Raises:
        SyntaxProblem: one of them can be read in two ways (threats 28, 94).
    """
    found: list[Address] = []
    for field in header.fields:
        if field.name.lower() in _IDENTITIES:
            found.extend(_identities_of(field))
    return found


def _identities_of(field: Field) -> Sequence[Address]:
    """Exact, or refused: no defect is tolerated where it is about who somebody is."""
    listed = parse_addresses(field.value)
    if listed.defects is not AddressDefect.NONE or not listed.mailboxes:
        raise _improper(field)
    found = [_exact(mailbox, field) for mailbox in listed.mailboxes]
    is_sender = field.name.lower().endswith(b"sender")
    if is_sender and not (len(found) == 1 and isinstance(listed.entries[0], Mailbox)):
        raise _improper(field)
    return found


def _exact(mailbox: Mailbox, field: Field) -> Address:
    address = mailbox.address
    if address is None or b"=?" in mailbox.local_part or b"=?" in mailbox.domain:
        # an encoded-word is no part of an address (RFC 2047, section 5)
        raise _improper(field)
    return address


def _check_addresses(header: Header, short_domains: Collection[str]) -> int:
    """Look at every address; how many authors there are."""
    authors = 0
    for field in header.fields:
        name = field.name.lower()
        if name not in _ADDRESSES:
            continue
        if name in _IDENTITIES:
            addresses = _identities_of(field)
            if name == b"from":
                authors = len(addresses)
        else:
            addresses = _recipients(parse_addresses(field.value), field)
        for address in addresses:
            _check_domain(address, field, short_domains)
    return authors


def _recipients(listed: AddressList, field: Field) -> Sequence[Address]:
    found = [mailbox.address for mailbox in listed.mailboxes]
    known = [address for address in found if address is not None]
    if listed.defects & ~_TOLERATED or len(known) != len(found):
        raise _improper(field)
    return known


def _check_domain(
    address: Address, field: Field, short_domains: Collection[str]
) -> None:
    """RFC 6409, section 4.2: who alters a header must see to full domains in it."""
    domain = address.domain
    if "." not in domain and not address.is_literal and domain not in short_domains:
        reason = f"{field.name.decode()} has an address without a full domain"
        raise SyntaxProblem(reason)


def _missing(header: Header, submission: Submission, authors: int) -> Sequence[bytes]:
    """The fields that are added (RFC 6409, sections 8.1 to 8.3)."""
    there = {field.name.lower() for field in header.fields}
    added: list[bytes] = []
    if b"date" not in there:
        added.append(build_field(b"Date", [format_date(int(submission.now))]))
    if b"message-id" not in there:
        word = f"<{submission.message_id}>".encode()
        added.append(build_field(b"Message-ID", [word]))
    if b"from" not in there:
        # RFC 5322, section 3.6: it must be there
        reason = "the header has no From"
        added.append(_identity(b"From", submission.author, submission, reason))
    elif authors > 1 and b"sender" not in there:
        # RFC 5322, section 3.6.2: with several authors Sender must be there
        reason = "the header has several authors and no Sender"
        added.append(_identity(b"Sender", submission.sender, submission, reason))
    return added


def _identity(
    name: bytes, address: Address | None, submission: Submission, reason: str
) -> bytes:
    """A field that names who logged in."""
    if address is None or not (submission.utf8 or address.is_ascii):
        raise SyntaxProblem(reason)
    return build_field(name, format_mailbox(address, utf8=submission.utf8))


def _improper(field: Field) -> SyntaxProblem:
    return SyntaxProblem(f"{field.name.decode()} has no proper address")

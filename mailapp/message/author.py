"""Whose message it says it is: one extractor for everybody who decides by From.

RFC 9989, section 11.5: what does not have exactly one author domain must not slip
through for that reason; so the answer is that domain or None, and nothing between.
"""

from __future__ import annotations

from typing import Final

from mailapp.message.addresses import AddressDefect, parse_addresses
from mailapp.message.fields import Header, HeaderDefect, unfold

_SHADOWS: Final = (
    HeaderDefect.NUL
    | HeaderDefect.FIELD_TOO_LONG
    | HeaderDefect.HEADER_TOO_LONG
    | HeaderDefect.TOO_MANY_FIELDS
)


def author_domain(header: Header) -> str | None:
    """The one domain in From, in A-labels, or None: there is not exactly one.

    What DMARC is about (RFC 9989, section 4.2). None for anything that two programs
    could read in two ways: no From or several, a From that is hidden in a line that is
    no field, a mailbox that is not well-formed, mailboxes of two domains, a route, a
    header that was too long to be seen whole.
    """
    fields = header.all(b"from")
    if len(fields) != 1 or header.defects & _SHADOWS or _has_shadow(header):
        return None
    if b"\r" in fields[0].value.replace(b"\r\n", b""):
        return None
    addresses = parse_addresses(fields[0].value)
    if addresses.defects is not AddressDefect.NONE:
        return None
    domains: set[str] = set()
    for mailbox in addresses.mailboxes:
        address = mailbox.address
        if address is None or address.is_literal or b"=?" in mailbox.local_part:
            return None
        domains.add(address.domain)
    return domains.pop() if len(domains) == 1 else None


def _has_shadow(header: Header) -> bool:
    """A line that is no field and yet reads as From to somebody (threat 94)."""
    for found in header.fields:
        if not found.name:
            name = unfold(found.value).partition(b":")[0]
            if bytes(octet for octet in name if 32 < octet < 127).lower() == b"from":  # noqa: PLR2004
                return True
    return False

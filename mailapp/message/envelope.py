"""ENVELOPE of a message (RFC 9051, section 7.5.2), as octets that every client reads.

Encoded-words stay as they are, quotes are removed, and what is beyond ASCII, which a
quoted string may not have, is a literal.
"""

from __future__ import annotations

from typing import Final

from mailapp.message.addresses import Group, Mailbox, parse_addresses
from mailapp.message.fields import Header
from mailapp.message.plain_addresses import plain_mailboxes
from mailapp.message.quoting import NIL, nstring, string

EMPTY: Final = b"(NIL NIL NIL NIL NIL NIL NIL NIL NIL NIL)"
"""The envelope of a message without a header."""
_NAMES: Final = frozenset(
    {b"date", b"subject", b"from", b"sender", b"reply-to", b"to", b"cc", b"bcc"}
    | {b"in-reply-to", b"message-id"}
)


def envelope(header: Header) -> bytes:
    """The parenthesized list; of fields that may be there once the first one counts."""
    value_of = header.values(_NAMES).get
    author = addresses(value_of(b"from"))
    sender = addresses(value_of(b"sender"))
    reply_to = addresses(value_of(b"reply-to"))
    return b"(%b %b %b %b %b %b %b %b %b %b)" % (
        nstring(value_of(b"date")),
        nstring(value_of(b"subject")),
        author,
        author if sender is NIL else sender,
        author if reply_to is NIL else reply_to,
        addresses(value_of(b"to")),
        addresses(value_of(b"cc")),
        addresses(value_of(b"bcc")),
        nstring(value_of(b"in-reply-to")),
        nstring(value_of(b"message-id")),
    )


def addresses(value: bytes | None) -> bytes:
    """The list of address structures of an unfolded field; NIL if there are none."""
    if not value:
        return NIL
    plain = plain_mailboxes(value)
    if plain is not None:
        pieces = [
            b"(%b NIL %b %b)" % (nstring(name), string(local), string(domain))
            for name, local, domain in plain
        ]
        return b"(%b)" % b"".join(pieces)
    pieces = []
    for entry in parse_addresses(value).entries:
        if isinstance(entry, Group):
            # a group is between two structures without a host
            pieces.append(b"(NIL NIL %b NIL)" % string(entry.name))
            pieces += [_address(member) for member in entry.members]
            pieces.append(b"(NIL NIL NIL NIL)")
        else:
            pieces.append(_address(entry))
    return b"(%b)" % b"".join(pieces) if pieces else NIL


def _address(mailbox: Mailbox) -> bytes:
    """One structure. What is missing is empty, as NIL would make it a group."""
    return b"(%b %b %b %b)" % (
        nstring(mailbox.name),
        nstring(mailbox.route),
        string(mailbox.local_part),
        string(mailbox.domain),
    )

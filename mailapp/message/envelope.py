"""ENVELOPE of a message (RFC 9051, section 7.5.2), as octets that every client reads.

Encoded-words stay as they are, quotes are removed, and what is beyond ASCII, which a
quoted string may not have, is a literal.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Final

from mailapp.message.addresses import Group, Mailbox, parse_addresses
from mailapp.message.fields import Header
from mailapp.message.plain_addresses import plain_mailboxes
from mailapp.message.quoting import NIL, QUOTED_LIMIT, nstring, string

EMPTY: Final = b"(NIL NIL NIL NIL NIL NIL NIL NIL NIL NIL)"
"""The envelope of a message without a header."""
# A mailbox is full of the same people, mailing lists, and its owner.
_LISTED: Final = b"(%b)"
_BARE: Final = b'(NIL NIL "%b" "%b")'
_NAMED: Final = b'("%b" NIL "%b" "%b")'
_COMMON_LENGTH: Final = 200


def envelope(header: Header) -> bytes:
    """The parenthesized list; of fields that may be there once the first one counts."""
    value_of = header.known.get
    author = addresses(value_of(b"from"))
    sender, reply_to = value_of(b"sender"), value_of(b"reply-to")
    return b"(%b %b %b %b %b %b %b %b %b %b)" % (
        nstring(value_of(b"date")),
        nstring(value_of(b"subject")),
        author,
        _or_author(sender, author) if sender else author,
        _or_author(reply_to, author) if reply_to else author,
        addresses(value_of(b"to")),
        addresses(value_of(b"cc")),
        addresses(value_of(b"bcc")),
        nstring(value_of(b"in-reply-to")),
        nstring(value_of(b"message-id")),
    )


def _or_author(value: bytes, author: bytes) -> bytes:
    found = addresses(value)
    return author if found is NIL else found


def addresses(value: bytes | None) -> bytes:
    """The list of address structures of an unfolded field; NIL if there are none."""
    if not value:
        return NIL
    return _common(value) if len(value) <= _COMMON_LENGTH else _addresses(value)


def _addresses(value: bytes) -> bytes:
    plain = plain_mailboxes(value)
    if plain is not None:
        if value.isascii() and len(value) <= QUOTED_LIMIT:
            # so what is in it can stand between quotes
            return _LISTED % b"".join(
                [
                    _BARE % (local, domain)
                    if name is None
                    else _NAMED % (name, local, domain)
                    for name, local, domain in plain
                ]
            )
        return _LISTED % b"".join(
            [
                b"(%b NIL %b %b)" % (nstring(name), string(local), string(domain))
                for name, local, domain in plain
            ]
        )
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


_common: Final = lru_cache(maxsize=4096)(_addresses)


def _address(mailbox: Mailbox) -> bytes:
    """One structure. What is missing is empty, as NIL would make it a group."""
    return b"(%b %b %b %b)" % (
        nstring(mailbox.name),
        nstring(mailbox.route),
        string(mailbox.local_part),
        string(mailbox.domain),
    )

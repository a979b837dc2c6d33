"""What SORT and THREAD compare of a message (RFC 5256; RFC 5957), ready to be kept."""

from __future__ import annotations

import re
from typing import Final

from attrs import frozen

from mailapp.message.addresses import Group, Mailbox, parse_addresses
from mailapp.message.charsets import decode_raw
from mailapp.message.collation import casemap
from mailapp.message.dates import sent_date
from mailapp.message.fields import Header
from mailapp.message.plain_addresses import first_plain_mailbox
from mailapp.message.subjects import base_subject
from mailapp.message.tokens import Kind, tokenize

REFERENCE_LIMIT: Final = 1000
"""Message IDs of one References field; of more the last ones count."""
KEY_LIMIT: Final = 1000
"""Characters of a key; what follows orders nothing."""
_TOKEN_LIMIT: Final = 64
_FIRST_OCTETS: Final = 8192  # of an address list, of which only the first one counts
# A msg-id. Each branch begins with another octet: nothing is tried twice.
_MESSAGE_ID: Final = re.compile(rb'<((?:[^<>"\\]|"(?:[^"\\]|\\.)*+"|\\.)*)>', re.DOTALL)
_ID_TEXT: Final = rb"[^\x00-\x20\x7f()<>\[\]:;@\\,\"]++"
_PLAIN_ID: Final = re.compile(_ID_TEXT + b"@" + _ID_TEXT).fullmatch
_BREAKS: Final = bytes.maketrans(b"\0\r\n", b"   ")
_LINKS: Final = frozenset({b"message-id", b"references", b"in-reply-to"})
_NAMES: Final = _LINKS | {b"date", b"subject", b"from", b"to", b"cc"}


@frozen
class SortKeys:
    """The keys of one message; texts are casemapped UTF-8, ordered as octets are.

    Attributes:
        sent: seconds since the epoch (RFC 5256, section 2.2), or None: the internal
            date counts.
        offset_minutes: the zone of the Date field, east of UTC, 0 if it has none;
            ``(sent + offset_minutes * 60) // 86400`` is the day that SENTON means.
        subject: the base subject; empty if there is none.
        is_reply: the subject is that of a reply or forward.
        from_mailbox: addr-mailbox of the first From address; empty if there is none.
        to_mailbox: of To.
        cc_mailbox: of Cc.
        from_display: how RFC 5957 shows that address.
        to_display: of To.
        message_id: normalized, without angle brackets; empty if it has no valid one.
        references: Message IDs of ancestors, oldest first.
    """

    sent: int | None = None
    offset_minutes: int = 0
    subject: bytes = b""
    is_reply: bool = False
    from_mailbox: bytes = b""
    to_mailbox: bytes = b""
    cc_mailbox: bytes = b""
    from_display: bytes = b""
    to_display: bytes = b""
    message_id: bytes = b""
    references: tuple[bytes, ...] = ()

    def encode(self) -> bytes:
        """As octets for a cache."""
        return b"\0".join(
            (
                b"" if self.sent is None else b"%d" % self.sent,
                b"%d" % self.offset_minutes,
                self.subject,
                b"r" if self.is_reply else b"",
                self.from_mailbox,
                self.to_mailbox,
                self.cc_mailbox,
                self.from_display,
                self.to_display,
                self.message_id,
                b"\n".join(self.references),
            )
        )

    @classmethod
    def decode(cls, octets: bytes) -> SortKeys:
        """What ``encode`` wrote.

        Raises:
            ValueError: somebody else wrote it.
        """
        sent, offset, subject, reply, *texts, references = octets.split(b"\0")
        from_mailbox, to_mailbox, cc_mailbox, from_display, to_display, own = texts
        return cls(
            int(sent) if sent else None,
            int(offset),
            subject,
            bool(reply),
            from_mailbox,
            to_mailbox,
            cc_mailbox,
            from_display,
            to_display,
            own,
            tuple(references.split(b"\n")) if references else (),
        )


def sort_keys(header: Header) -> SortKeys:
    """The keys of the message with this header."""
    values = header.values(_NAMES)
    date = sent_date(values.get(b"date", b""))
    base, is_reply = base_subject(values.get(b"subject", b""))
    author = _first(values.get(b"from"))
    to = _first(values.get(b"to"))
    own = message_ids(values.get(b"message-id", b""))
    return SortKeys(
        None if date is None else date.epoch_seconds,
        0 if date is None else date.offset_minutes or 0,
        _key(base),
        is_reply,
        _mailbox_key(author),
        _mailbox_key(to),
        _mailbox_key(_first(values.get(b"cc"))),
        _display_key(author),
        _display_key(to),
        own[0] if own else b"",
        _references(values),
    )


def _references(values: dict[bytes, bytes]) -> tuple[bytes, ...]:
    """Those of References, else the first one of In-Reply-To."""
    found = message_ids(values.get(b"references", b""))
    if found:
        return tuple(found[-REFERENCE_LIMIT:])
    return tuple(message_ids(values.get(b"in-reply-to", b""))[:1])


def thread_root(header: Header) -> bytes:
    """The oldest ancestor that a message names, else itself; empty: it names none."""
    values = header.values(_LINKS)
    for name in (b"references", b"in-reply-to", b"message-id"):
        found = message_ids(values.get(name, b""))
        if found:
            return found[0]
    return b""


def message_ids(value: bytes) -> list[bytes]:
    """Every valid msg-id of an unfolded field, without quotes, comments and brackets.

    RFC 5256, section 3: differences in quoting must not make them different.
    """
    found: list[bytes] = []
    for inner in _MESSAGE_ID.findall(value):
        if _PLAIN_ID(inner):
            found.append(inner)
            continue
        tokens, _ = tokenize(inner, limit=_TOKEN_LIMIT)
        words = [
            b"[%b]" % token.octets if token.kind is Kind.LITERAL else token.octets
            for token in tokens
            if token.kind is not Kind.COMMENT
        ]
        if b"@" in words[1:-1]:
            found.append(b"".join(words).translate(_BREAKS))
    return found


def _first(value: bytes | None) -> Mailbox | Group | None:
    """The first address structure of the envelope's list, which may begin a group."""
    if not value:
        return None
    plain = first_plain_mailbox(value)
    if plain is not None:
        return Mailbox(*plain)
    entries = parse_addresses(value[:_FIRST_OCTETS]).entries
    return entries[0] if entries else None


def _mailbox_key(entry: Mailbox | Group | None) -> bytes:
    match entry:
        case None:
            return b""
        case Group(name):
            return _key(decode_raw(name))
        case Mailbox(_, local_part):
            return _key(decode_raw(local_part))


def _display_key(entry: Mailbox | Group | None) -> bytes:
    """RFC 5957, section 3: the name, else the address, else the local-part."""
    if not isinstance(entry, Mailbox):
        return _mailbox_key(entry)
    name = _key(entry.display_name)
    if name or not entry.domain:
        return name or _mailbox_key(entry)
    return _key(decode_raw(entry.local_part + b"@" + entry.domain))


def _key(text: str) -> bytes:
    prepared = casemap(text[:KEY_LIMIT])[:KEY_LIMIT]
    return prepared.encode("utf-8", "replace").translate(_BREAKS)

"""The fields that MIME and ENVELOPE need, of a header as nearly all mail has it.

All line ends are CRLF, there is no NUL, and no limit is near. For all else the answer
is None, and ``fields`` reads it. No object is made for a field, so this takes a third
of the time of a list of all of them.
"""

from __future__ import annotations

from typing import Final

SIZE_LIMIT: Final = 16_384
"""Octets; so also fewer fields than ``fields.COUNT_LIMIT``."""
CONTENT_TYPE: Final = b"content-type"
CONTENT_ENCODING: Final = b"content-transfer-encoding"
KNOWN: Final = frozenset(
    {b"date", b"subject", b"from", b"sender", b"reply-to", b"to", b"cc", b"bcc"}
    | {b"in-reply-to", b"message-id", CONTENT_TYPE, CONTENT_ENCODING}
    | {b"content-id", b"content-description", b"content-md5", b"content-disposition"}
    | {b"content-language", b"content-location"}
)
"""Their names, in lower case."""
LISTS: Final = frozenset({b"to", b"cc", b"bcc"})
"""Of these several are one list (RFC 5322, section 4.5.3)."""
_FOLDS: Final = (b" ", b"\t")
_ONCE: Final = frozenset({CONTENT_TYPE, CONTENT_ENCODING})
_OTHERS: Final = (
    b"Received Return-Path Delivered-To DKIM-Signature MIME-Version References"
    b" Authentication-Results Received-SPF List-Id List-Unsubscribe Precedence"
    b" X-Mailer X-Spam-Status X-Spam-Level ARC-Seal ARC-Message-Signature"
    b" ARC-Authentication-Results User-Agent"
).split()


def _spellings() -> dict[bytes, bytes]:
    """As names are nearly always written: the name to take them for, or none."""
    known = {name: name for name in KNOWN}
    known |= {name.title(): name for name in KNOWN}
    known |= {b"Message-ID": b"message-id", b"Content-ID": b"content-id"}
    known |= {b"CC": b"cc", b"BCC": b"bcc"}
    return known | dict.fromkeys(_OTHERS, b"")


_SPELLINGS: Final = _spellings()


def plain_header(octets: bytes) -> dict[bytes, bytes] | None:
    """Name to unfolded value, as ``fields.Header.known``. Hot.

    Args:
        octets: of the section, without the last field's line end.
    """
    if len(octets) > SIZE_LIMIT or b"\0" in octets:
        return None
    lines = octets.split(b"\r\n")
    within = b"".join(lines)  # in which to look takes half the time of counting
    if b"\r" in within or b"\n" in within:
        return None
    found: dict[bytes, bytes] = {}
    rest = b""  # of a value that is folded: its later lines come first
    for line in reversed(lines):
        written, colon, value = line.partition(b":")
        name = _SPELLINGS.get(written)
        if name is None:
            if line[:1] in _FOLDS:
                rest = line + rest
                continue
            name = _spelled(written)
        if name and colon:
            value = (value + rest).strip(b" \t")
            if name in found:
                if name in _ONCE:
                    return None  # a defect (threat 87)
                if name in LISTS:
                    value += b"," + found[name]
            found[name] = value
        rest = b""
    return found


def _spelled(written: bytes) -> bytes:
    """The name that somebody wrote otherwise; empty: none that is known."""
    name = written.rstrip(b" \t").lower()  # RFC 5322, section 4.5.8
    return name if name in KNOWN else b""

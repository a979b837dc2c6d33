"""Strings as IMAP writes them (RFC 9051, section 4.3): atom, quoted, literal or NIL.

What is here can be sent to every client: a quoted string is ASCII without CR, LF and
NUL, all else is a literal. Only a client that asked for UTF-8 (``utf8=True``: after
ENABLE of IMAP4rev2 or UTF8=ACCEPT) is sent it between quotes.
"""

from __future__ import annotations

import re
from typing import Final

from mailapp.core import abnf

NIL: Final = b"NIL"
QUOTED_LIMIT: Final = 1000
"""Octets of a quoted string; what is longer is a literal, so that lines stay short."""
# RFC 9051, section 9: ASTRING-CHAR is ATOM-CHAR or "]"
_ASTRING_CHAR: Final = abnf.VCHAR - frozenset(b'(){%*"\\')
_is_astring: Final = abnf.only(_ASTRING_CHAR)
_PLAIN: Final = re.compile(rb'[^\x00\r\n"\\\x80-\xff]{0,%d}+' % QUOTED_LIMIT).fullmatch
_UNQUOTED: Final = (0, 10, 13)
_SENDABLE: Final = bytes([0x80, *range(1, 256)])


def without_nul(octets: bytes) -> bytes:
    """The octets with 0x80 for each NUL, which no literal may have.

    RFC 9051, section 9: CHAR8 is %x01-ff. The length, and so each offset, stays.
    """
    return octets.translate(_SENDABLE) if b"\0" in octets else octets


def literal(octets: bytes) -> bytes:
    """``{n}``, CRLF and the octets (RFC 9051, section 4.3)."""
    return b"{%d}\r\n%b" % (len(octets), without_nul(octets))


def literal8(octets: bytes) -> bytes:
    """``~{n}``, CRLF and any octets (RFC 9051, section 4.3.1)."""
    return b"~{%d}\r\n%b" % (len(octets), octets)


def string(octets: bytes, *, utf8: bool = False) -> bytes:
    """A quoted string where it can be one, else a literal."""
    if _PLAIN(octets):
        return b'"%b"' % octets
    if len(octets) > QUOTED_LIMIT or not (
        octets.isascii() or (utf8 and _is_utf8(octets))
    ):
        return literal(octets)
    for octet in _UNQUOTED:
        if octet in octets:
            return literal(octets)
    return b'"%b"' % octets.replace(b"\\", b"\\\\").replace(b'"', b'\\"')


def nstring(octets: bytes | None, *, utf8: bool = False) -> bytes:
    """A string, or NIL for None."""
    return NIL if octets is None else string(octets, utf8=utf8)


def astring(octets: bytes, *, utf8: bool = False) -> bytes:
    """An atom where it can be one, else a string.

    ``NIL`` is quoted: some clients take it for no string at all.
    """
    if len(octets) <= QUOTED_LIMIT and _is_astring(octets) and octets.upper() != NIL:
        return octets
    return string(octets, utf8=utf8)


def _is_utf8(octets: bytes) -> bool:
    try:
        octets.decode()
    except UnicodeDecodeError:
        return False
    return True

"""Writing a leaf's body in octets that pass everywhere (RFC 2045, section 6).

The counterpart of ``encodings``, which reads. Linear; lines have at most 76 octets.
"""

from __future__ import annotations

import binascii
import re
from typing import Final

from mailapp.message.content import Encoding

LINE_LENGTH: Final = 76
"""Octets of a line without its CRLF (RFC 2045, section 6.7, rule 5)."""
_CHUNK: Final = 57 * 1024  # octets that fill whole lines of base64
_SAFE: Final = bytes(o for o in (9, 10, 13, *range(32, 127)) if o != ord("="))
# RFC 2045, section 6.7: rules 1 and 3, then line ends that are no CRLF (rule 4).
# RFC 2049, section 3: what an MTA or a mailbox file might change at a line's start;
# and "--", so that no line can be taken for a delimiter. One octet of look-ahead.
_ESCAPED: Final = re.compile(
    rb"[\x00-\x08\x0b\x0c\x0e-\x1f=\x7f-\xff]+"
    rb"|[ \t](?=\r\n|\Z)|\r(?!\n)|(?<!\r)\n"
    rb"|^(?:\.|-(?=-)|F(?=rom ))",
    re.MULTILINE,
)
_LONG_LINE: Final = re.compile(rb"^[^\r\n]{77,}", re.MULTILINE)
_ESCAPE: Final = ord("=")


def quoted_printable(text: bytes) -> bytes:
    """Text with CRLF lines in quoted-printable (RFC 2045, section 6.7).

    CR and LF that stand alone are escaped, so that decoding gives each octet again. A
    last line without CRLF stays one.
    """
    return _LONG_LINE.sub(_break, _ESCAPED.sub(_escape, text))


def _escape(found: re.Match[bytes]) -> bytes:
    return b"=" + found[0].hex("=").upper().encode()


def _break(found: re.Match[bytes]) -> bytes:
    """A long line with soft line breaks, none of them inside ``=XX``."""
    line = found[0]
    pieces: list[bytes] = []
    position, lead = 0, b""
    while len(lead) + len(line) - position > LINE_LENGTH:
        end = position + LINE_LENGTH - 1 - len(lead)
        if line[end - 1] == _ESCAPE:
            end -= 1
        elif line[end - 2] == _ESCAPE:
            end -= 2
        pieces.append(lead + line[position:end])
        position, lead = end, b""
        if line.startswith((b".", b"-", b"From "), position):
            lead = b"=%02X" % line[position]
            position += 1
    pieces.append(lead + line[position:])
    return b"=\r\n".join(pieces)


def base64(octets: bytes) -> bytes:
    """Octets in base64 (RFC 2045, section 6.8); every line has its CRLF."""
    lines: list[bytes] = []
    for start in range(0, len(octets), _CHUNK):
        piece = binascii.b2a_base64(octets[start : start + _CHUNK], newline=False)
        lines += [
            piece[at : at + LINE_LENGTH] for at in range(0, len(piece), LINE_LENGTH)
        ]
    return b"".join([b"%b\r\n" % line for line in lines])


def base64_length(length: int) -> int:
    """Octets that ``base64`` makes of so many."""
    encoded = (length + 2) // 3 * 4
    return encoded + -(-encoded // LINE_LENGTH) * 2


def shortest(text: bytes) -> tuple[Encoding, bytes]:
    """Text in quoted-printable, or in base64 if that is shorter."""
    other = base64_length(len(text))
    # Known before the work is done: each octet that is not safe becomes three.
    if len(text) + 2 * len(text.translate(None, _SAFE)) <= other:
        encoded = quoted_printable(text)
        if len(encoded) <= other:
            return Encoding.QUOTED_PRINTABLE, encoded
    return Encoding.BASE64, base64(text)

"""Modified UTF-7 (RFC 3501, section 5.1.3): how names of mailboxes become ASCII.

IMAP4rev1 and POP2 show names in it, and Maildir++ has it in the names of directories,
there with more characters in base64.
"""

from __future__ import annotations

import re
from base64 import b64decode, b64encode
from typing import Final

_RUNS: Final = re.compile(r"&|[^\x20-\x7e]+")
_SHIFTS: Final = re.compile(rb"&([A-Za-z0-9+,]*+)-")


def encode(name: str) -> bytes:
    """A name; what is printable ASCII stands for itself, but for the ampersand."""
    return _RUNS.sub(_run, name).encode("ascii")


def decode(octets: bytes) -> str:
    """The inverse of :func:`encode`. One name has one form (threat 109).

    Controls, which no name should have, are left to the caller where there is no
    ampersand.

    Raises:
        ValueError: no name encodes to this.
    """
    text = octets.decode("ascii")
    if "&" not in text:
        return text
    parts = []
    position = 0
    for match in _SHIFTS.finditer(octets):
        parts.append(text[position : match.start()])
        position = match.end()
        parts.append(unshift(match[1]))
    name = "".join([*parts, text[position:]])
    if encode(name) != octets:
        msg = "not as it would be written"
        raise ValueError(msg)
    return name


def shift(text: str) -> bytes:
    """Some characters, none of them an ampersand, between ``&`` and ``-``."""
    packed = b64encode(text.encode("utf-16-be")).rstrip(b"=")
    return b"&%b-" % packed.replace(b"/", b",")


def unshift(packed: bytes) -> str:
    """What stands between ``&`` and ``-``; nothing is the ampersand itself.

    Raises:
        ValueError: it is no base64 of UTF-16.
    """
    if not packed:
        return "&"
    padded = packed.replace(b",", b"/") + b"=" * (-len(packed) % 4)
    return b64decode(padded, validate=True).decode("utf-16-be")


def _run(match: re.Match[str]) -> str:
    return "&-" if match[0] == "&" else shift(match[0]).decode("ascii")

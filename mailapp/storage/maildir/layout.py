"""Where accounts and mailboxes lie: ``<root>/<domain>/<user>`` and Maildir++ below.

INBOX is the account's directory itself; the mailbox A/B is its subdirectory ``.A.B``.
Every name maps to exactly one directory and back, and none leads out of its place.

Sources: "Maildir++" in Courier's maildir documentation (``.`` between levels; US-ASCII
but for period, slash and ampersand stands for itself, the rest is modified UTF-7).
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

from mailapp.message.modified_utf7 import shift, unshift
from mailapp.storage.names import canonical
from mailapp.storage.types import INBOX, AccountId, BadName, NoSuch

PARTS: Final = (b"cur", b"new", b"tmp")
UIDS: Final = b"mailapp-uids"
UIDS_LOCK: Final = b"mailapp-uids.lock"
COUNTER: Final = b"mailapp-counter"
COUNTER_LOCK: Final = b"mailapp-counter.lock"
KEYWORDS: Final = b"dovecot-keywords"
MAILDROP_LOCK: Final = b"mailapp-maildrop.lock"
QUOTA: Final = b"maildirsize"
STAGING: Final = b".staging"
"""Beside the domains; no domain's directory begins with a dot."""
_NAME_MAX: Final = 255
_PLAIN: Final = re.compile(r"[\x20-\x25\x27-\x2d\x30-\x7e]")
_RUNS: Final = re.compile(
    r"[\x20-\x25\x27-\x2d\x30-\x7e]+|[^\x20-\x25\x27-\x2d\x30-\x7e]+"
)
_ENCODED: Final = re.compile(rb"&([A-Za-z0-9+,]*)-|([\x20-\x25\x27-\x2d\x30-\x7e]+)")
_UNSAFE: Final = re.compile(rb"[\x00-\x20%/\\:\x7f]|^\.")


@lru_cache(maxsize=4096)
def account_path(root: bytes, account: AccountId) -> bytes:
    """The directory of an account.

    An octet that is not safe in a file name is written ``%`` and two hex digits.

    Raises:
        NoSuch: there can be no such account.
    """
    user, at, domain = account.rpartition("@")
    if not (user and at and domain):
        raise NoSuch
    return root + b"/" + _safe(domain) + b"/" + _safe(user)


def _safe(part: str) -> bytes:
    try:
        octets = part.encode("utf-8")
    except UnicodeEncodeError:
        raise NoSuch from None
    safe = _UNSAFE.sub(lambda match: b"%%%02X" % match[0][0], octets)
    if len(safe) > _NAME_MAX:
        raise NoSuch
    return safe


def folder_directory(name: tuple[str, ...]) -> bytes:
    """What to add to the account's path; empty for INBOX.

    Raises:
        BadName: no mailbox can have this name.
    """
    name = canonical(name)
    if name == INBOX:
        return b""
    directory = b"".join(b"." + encode_level(level) for level in name)
    if len(directory) > _NAME_MAX:
        raise BadName
    return directory


def folder_name(directory: bytes) -> tuple[str, ...] | None:
    """The mailbox of a subdirectory; None if none of ours has this spelling."""
    if not directory.startswith(b".") or directory in {b".", b".."}:
        return None
    try:
        name = tuple(decode_level(level) for level in directory[1:].split(b"."))
        return name if folder_directory(name) == directory else None
    except (BadName, ValueError):
        return None


def encode_level(level: str) -> bytes:
    """One level in modified UTF-7, with period and slash encoded as well.

    RFC 3501, section 5.1.3.
    """
    return b"".join(
        run.encode("ascii") if _PLAIN.match(run) else _shifted(run)
        for run in _RUNS.findall(level)
    )


def _shifted(run: str) -> bytes:
    """Ampersands stand as ``&-``; the octets between them go to base64."""
    parts = []
    for index, piece in enumerate(run.split("&")):
        if index:
            parts.append(b"&-")
        if piece:
            parts.append(shift(piece))
    return b"".join(parts)


def decode_level(octets: bytes) -> str:
    """The inverse of :func:`encode_level`.

    Raises:
        ValueError: it is not modified UTF-7.
    """
    parts = []
    at = 0
    while at < len(octets):
        match = _ENCODED.match(octets, at)
        if match is None:
            raise ValueError
        at = match.end()
        if match[2] is not None:
            parts.append(match[2].decode("ascii"))
        else:
            parts.append(unshift(match[1]))
    return "".join(parts)

"""Names of mailboxes as names of files and folders, and back (pure).

In a tree of files a level is called as it is, but for what no file can be called or
what another program would take for something else; that stands in modified UTF-7 (RFC
3501, section 5.1.3), which is read wherever it is well-formed.
"""

from __future__ import annotations

import re
from typing import Final

from mailapp.message.modified_utf7 import shift, unshift

_ENCODED: Final = re.compile(r"&([A-Za-z0-9+,]*)-")
_UNSAFE: Final = re.compile(
    r"^\.|[/\x00-\x1f\x7f]|\.(?=(?:mbox|sbd|gz)$)", re.IGNORECASE
)
_FILE_ENDS: Final = (".gz", ".mbox")
_DIRECTORY_ENDS: Final = (".sbd", ".mbox")
MBOX: Final = ".mbox"


def level_of_file(name: bytes) -> str:
    """What an mbox file of this name holds: ``Archive.mbox.gz`` is Archive."""
    text = _text(name)
    for end in _FILE_ENDS:
        text = _without_end(text, end)
    return _plain(text)


def level_of_directory(name: bytes) -> str:
    """A folder of mailboxes: Thunderbird's ``Archive.sbd`` is Archive."""
    text = _text(name)
    for end in _DIRECTORY_ENDS:
        if text.lower().endswith(end):
            return _plain(_without_end(text, end))
    return _plain(text)


def levels_of_plus(directory: bytes) -> tuple[str, ...]:
    """A subfolder of Maildir++: ``.Archive.2020`` is Archive/2020."""
    levels = (_plain(level) for level in _text(directory)[1:].split("."))
    return tuple(level for level in levels if level)


def file_name(level: str) -> str:
    """What a level is called in a tree of files, without an end."""
    safe = level.replace("&", "&-")
    return _UNSAFE.sub(lambda found: shift(found[0]).decode("ascii"), safe)


def _text(name: bytes) -> str:
    """UTF-8, or what else it may be: some old clients wrote Latin-1."""
    try:
        return name.decode("utf-8")
    except UnicodeDecodeError:
        return name.decode("latin-1")


def _without_end(text: str, end: str) -> str:
    cut = len(text) - len(end)
    return text[:cut] if cut > 0 and text.lower().endswith(end) else text


def _plain(text: str) -> str:
    return _ENCODED.sub(_decoded, text)


def _decoded(found: re.Match[str]) -> str:
    try:
        return unshift(found[1].encode("ascii"))
    except ValueError:
        return found[0]

"""Mailbox names in POP2: ``INBOX``, ``Archive``, ``Work/2024`` or ``Work.2024``.

RFC 937, page 4, leaves the names to the system. Octets are ASCII, so other characters
are written as IMAP4rev1 writes them, in modified UTF-7 (RFC 3501, section 5.1.3).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from mailapp.message import modified_utf7
from mailapp.storage.types import INBOX, INBOX_ID, Folder, FolderId

_INBOX: Final = INBOX[0].encode("ascii")
_SEPARATORS: Final = (b"/", b".")


def is_inbox(mailbox: bytes) -> bool:
    """INBOX is blind to case, as everywhere."""
    return mailbox.upper() == _INBOX


def find(mailbox: bytes, folders: Sequence[Folder]) -> FolderId | None:
    """The mailbox of this name; None: the account has none.

    Levels are separated by ``/`` or by ``.``; where both would fit, ``/`` counts.
    """
    if is_inbox(mailbox):
        return INBOX_ID
    for separator in _SEPARATORS:
        head, _, _ = mailbox.partition(separator)
        name = mailbox
        if is_inbox(head):
            name = _INBOX + mailbox[len(head) :]
        for folder in folders:
            if separator.join(map(modified_utf7.encode, folder.name)) == name:
                return folder.id
    return None

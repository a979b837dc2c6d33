"""What LIST and STATUS may ask for."""

from __future__ import annotations

from enum import Enum


class ListSelection(Enum):
    """RFC 5258, section 3.1; RFC 6154, section 2: which mailboxes."""

    SUBSCRIBED = "SUBSCRIBED"
    REMOTE = "REMOTE"
    RECURSIVEMATCH = "RECURSIVEMATCH"
    SPECIAL_USE = "SPECIAL-USE"


class ListReturn(Enum):
    """RFC 5258, section 3.2; RFC 6154, section 2: what of them; STATUS stands apart."""

    SUBSCRIBED = "SUBSCRIBED"
    CHILDREN = "CHILDREN"
    SPECIAL_USE = "SPECIAL-USE"


class StatusItem(Enum):
    """The value is what command and response call it."""

    MESSAGES = b"MESSAGES"
    UIDNEXT = b"UIDNEXT"
    UIDVALIDITY = b"UIDVALIDITY"
    UNSEEN = b"UNSEEN"
    DELETED = b"DELETED"
    SIZE = b"SIZE"  # RFC 8438
    RECENT = b"RECENT"  # RFC 3501 only
    HIGHESTMODSEQ = b"HIGHESTMODSEQ"  # RFC 7162, section 3.1.7
    MAILBOXID = b"MAILBOXID"  # RFC 8474, section 4.3
    APPENDLIMIT = b"APPENDLIMIT"  # RFC 7889, section 3.1
    DELETED_STORAGE = b"DELETED-STORAGE"  # RFC 9208, section 4.1.4

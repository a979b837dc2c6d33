"""THREADID (RFC 8474, section 5.2): which messages belong together.

It is worked out from the message alone, and so is the same in every mailbox, after a
restart, and after an index was lost. It stands for the oldest ancestor that References
names, as replies carry it along from one to the next. A reply to a reply that has only
In-Reply-To, as some old clients write, begins a thread of its own.
"""

from __future__ import annotations

import hashlib
from base64 import urlsafe_b64encode
from collections.abc import Callable, Iterable
from typing import Final

from mailapp.message.fields import Header
from mailapp.message.sorting import thread_root

_OCTETS: Final = 15  # of the hash: 20 characters, and none of them is "="


def thread_id(header: Header, octets: Callable[[], Iterable[bytes]]) -> bytes:
    """``objectid`` of the thread of a message: T, and letters, digits, - and _.

    Args:
        header: of the message.
        octets: of the header; asked for where no Message ID is in it, by which others
            could have referred to the message: it is alone then, with its copies.
    """
    root = thread_root(header)
    found = hashlib.sha256(b"id:" + root if root else b"header:")
    if not root:
        for some in octets():
            found.update(some)
    return b"T" + urlsafe_b64encode(found.digest()[:_OCTETS])

"""Address lists as nearly all mail has them, read without tokens.

``Name <local@domain>``, ``"Name" <local@domain>`` and ``local@domain`` with commas
between them. For all else the answer is None, and ``addresses`` reads it.
"""

from __future__ import annotations

import re
from typing import Final

_LENGTH_LIMIT: Final = 8192
# What ``tokens`` takes for an atom, without controls. All repeats are possessive, so
# that nothing is tried twice.
_ATEXT: Final = rb"[^\x00-\x20\x7f()<>\[\]:;@\\,.\"]"
_DOTTED: Final = rb"%b++(?:\.%b++)*+" % (_ATEXT, _ATEXT)
_PHRASE: Final = rb"[^\x00-\x20\x7f()<>\[\]:;@\\,\"]++"
_MAILBOX: Final = re.compile(
    rb"[ \t]*+(?:"
    rb'(?:"([^\x00\r\n"\\]*+)"|(%b(?: %b)*+))?[ \t]*+<(%b)@(%b)>'
    rb"|(%b)@(%b)"
    rb")[ \t]*+(,|\Z)" % (_PHRASE, _PHRASE, _DOTTED, _DOTTED, _DOTTED, _DOTTED)
)

PlainMailbox = tuple[bytes | None, bytes, bytes]
"""Display-name or None, local-part and domain."""


def plain_mailboxes(value: bytes) -> list[PlainMailbox] | None:
    """All mailboxes of an unfolded list; None: it has something else in it."""
    if len(value) > _LENGTH_LIMIT:
        return None
    found: list[PlainMailbox] = []
    position = 0
    while True:
        mailbox = _MAILBOX.match(value, position)
        if mailbox is None:
            return None
        quoted, phrase, local, domain, bare_local, bare_domain, end = mailbox.groups()
        if local is None:
            found.append((None, bare_local, bare_domain))
        else:
            found.append((phrase if quoted is None else quoted, local, domain))
        if not end:
            return found
        position = mailbox.end()

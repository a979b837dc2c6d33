"""Address lists as nearly all mail has them, read without tokens.

``Name <local@domain>``, ``"Name" <local@domain>`` and ``local@domain`` with commas
between them. For all else the answer is None, and ``addresses`` reads it.
"""

from __future__ import annotations

import re
from typing import Final

_LENGTH_LIMIT: Final = 8192
# What ``tokens`` takes for an atom, without controls. Repeats of one octet are
# possessive, those of groups part at another octet: nothing is tried twice.
_ATEXT: Final = rb"[^\x00-\x20\x7f()<>\[\]:;@\\,.\"]"
_DOTTED: Final = rb"%b++(?:\.%b++)*" % (_ATEXT, _ATEXT)
_PHRASE: Final = rb"[^\x00-\x20\x7f()<>\[\]:;@\\,\"]++"
_MAILBOX: Final = re.compile(
    rb"[ \t]*+(?:"
    rb'(?:"([^\x00\r\n"\\]*+)"|(%b(?: %b)*))?[ \t]*+<(%b)@(%b)>'
    rb"|(%b)@(%b)"
    rb")[ \t]*+(,|\Z)" % (_PHRASE, _PHRASE, _DOTTED, _DOTTED, _DOTTED, _DOTTED)
)
_END: Final = 7  # the group of the comma behind it

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
        found.append(_taken_apart(mailbox))
        if not mailbox[_END]:
            return found
        position = mailbox.end()


def first_plain_mailbox(value: bytes) -> PlainMailbox | None:
    """The first mailbox of an unfolded list; None: it has something else in it."""
    mailbox = _MAILBOX.match(value)
    return None if mailbox is None else _taken_apart(mailbox)


def _taken_apart(mailbox: re.Match[bytes]) -> PlainMailbox:
    quoted, phrase, local, domain, bare_local, bare_domain, _ = mailbox.groups()
    if local is None:
        return None, bare_local, bare_domain
    return phrase if quoted is None else quoted, local, domain

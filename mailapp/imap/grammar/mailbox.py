"""Mailbox names: modified UTF-7 (RFC 3501, section 5.1.3) or UTF-8, to Unicode.

One name has one form (threat 109): what does not encode to itself again is refused.
"""

from __future__ import annotations

import re
import unicodedata
from typing import Final

from mailapp.core.failures import SyntaxProblem
from mailapp.imap.grammar.reader import Reader, to_text
from mailapp.imap.grammar.values.commands import MailboxName
from mailapp.message import modified_utf7

INBOX: Final = MailboxName("INBOX")
NAME_LIMIT: Final = 1000
"""Octets of a name, or of a pattern."""

# RFC 9755, section 3: no controls, no line or paragraph separator
_FORBIDDEN: Final = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029]")


def mailbox(reader: Reader) -> MailboxName:
    """RFC 9051, section 9: ``mailbox``."""
    return canonical(decode(reader.astring(), utf8=reader.utf8))


def pattern(reader: Reader) -> str:
    """RFC 9051, section 9: ``list-mailbox``, decoded as a name is."""
    return decode(reader.list_mailbox(), utf8=reader.utf8)


def canonical(name: str) -> MailboxName:
    """RFC 9051, section 5.1: INBOX is blind to case, and no other name is.

    Of ASCII: the upper case of a dotless i is an I, too.
    """
    is_inbox = name.isascii() and name.upper() == INBOX
    return INBOX if is_inbox else MailboxName(name)


def decode(octets: bytes, *, utf8: bool) -> str:
    """A name, or a pattern, as Unicode.

    Raises:
        SyntaxProblem: malformed, too long, or with characters that no name may have.
    """
    if len(octets) > NAME_LIMIT:
        reason = "a mailbox name is too long"
        raise SyntaxProblem(reason)
    name = to_text(octets) if utf8 else _from_utf7(octets)
    if _FORBIDDEN.search(name):
        reason = "a mailbox name has a control character"
        raise SyntaxProblem(reason)
    # RFC 9051, section 5.1: Net-Unicode, which is NFC (RFC 5198, section 2)
    return name if name.isascii() else unicodedata.normalize("NFC", name)


def encode(name: str, *, utf8: bool) -> bytes:
    """A name for a client; to be quoted by ``mailapp.message.quoting.astring``."""
    return name.encode() if utf8 else modified_utf7.encode(name)


def _from_utf7(octets: bytes) -> str:
    try:
        return modified_utf7.decode(octets)
    except ValueError:
        reason = "a mailbox name is not in modified UTF-7"
        raise SyntaxProblem(reason) from None

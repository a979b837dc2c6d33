"""APPEND, piece by piece: the messages themselves never come here.

The framer gives what stands before each message (RFC 9051, section 6.3.12; RFC 3502,
section 6.3.11), and what stands behind the last one.
"""

from __future__ import annotations

import re
from typing import Final

from mailapp.core.failures import SyntaxProblem
from mailapp.imap.grammar.dates import date_time
from mailapp.imap.grammar.flags import flag_list
from mailapp.imap.grammar.mailbox import mailbox
from mailapp.imap.grammar.reader import Reader
from mailapp.imap.grammar.values.commands import AppendHead, MailboxName

_LITERAL: Final = re.compile(rb"(~?)\{([0-9]{1,19})\+?\}\r\n")


def append_head(octets: bytes, *, utf8: bool, first: bool, closes: bool) -> AppendHead:
    """What stands before a message.

    Args:
        octets: with tag and APPEND if it is the first one, with the header of its
            literal at the end, including CRLF.
        utf8: as for :class:`Reader`.
        first: it is the first message of its command.
        closes: the message before this one was in ``UTF8 (``.

    Raises:
        SyntaxProblem: as with every command.
    """
    reader = Reader(octets, utf8=utf8)
    name: MailboxName | None = None
    if first:
        reader.tag()
        reader.space()
        reader.atom()
        reader.space()
        name = mailbox(reader)
    elif closes:
        reader.expect(b")", "a closing parenthesis is missing")
    reader.space()
    flags: frozenset[str] = frozenset()
    if reader.peek() == ord("("):
        flags = flag_list(reader)
        reader.space()
    received: int | None = None
    if reader.peek() == ord('"'):
        received = date_time(reader)
        reader.space()
    in_utf8 = reader.skip_word(b"UTF8 (")
    match = _LITERAL.match(octets, reader.position)
    if match is None or match.end() != len(octets) or (in_utf8 and not match[1]):
        reason = "a message is not sent as a literal"
        raise SyntaxProblem(reason)
    return AppendHead(name, flags, received, int(match[2]), bool(match[1]), in_utf8)


def append_end(octets: bytes, *, closes: bool) -> None:
    """What stands behind the last message: nothing, or what closes ``UTF8 (``.

    Raises:
        SyntaxProblem: something else.
    """
    if octets != (b")" if closes else b""):
        reason = "unexpected characters behind a message"
        raise SyntaxProblem(reason)

"""CHUNKING (RFC 3030, section 2): content in counted chunks, by BDAT."""

from __future__ import annotations

from typing import Final

from attrs import frozen

from mailapp.core import abnf
from mailapp.smtp import replies
from mailapp.smtp.extensions.extension import Extension, always
from mailapp.smtp.grammar.command import Command
from mailapp.smtp.grammar.parameters import CommandProblem, Fault
from mailapp.smtp.states import Rule, State
from mailapp.smtp.verbs import Verb

_DIGITS: Final = 20  # as many as SIZE has (RFC 1870, section 3)


@frozen
class Bdat(Command):
    """BDAT: the next octets are content.

    Attributes:
        size_octets: how many.
        last: the message ends with them.
    """

    size_octets: int
    last: bool = False


def read_bdat(argument: bytes) -> Bdat:
    """Read bdat-cmd ::= "BDAT" SP chunk-size [ SP end-marker ] CR LF.

    Raises:
        CommandProblem: answered 501 5.5.4. Nobody knows then how many octets follow,
            so the connection ends.
    """
    size, *marker = [word for word in argument.split(b" ") if word] or [b""]
    if len(size) > _DIGITS or not abnf.is_digits(size) or not _is_last_or_none(marker):
        reason = "write it as BDAT 1234 or BDAT 1234 LAST; goodbye"
        raise CommandProblem(Fault.ARGUMENT, reason)
    return Bdat(int(size), bool(marker))


def _is_last_or_none(words: list[bytes]) -> bool:
    return not words or (len(words) == 1 and words[0].upper() == b"LAST")


CHUNKING: Final = Extension(
    "CHUNKING",
    always("CHUNKING"),
    verbs=(
        Verb(
            b"BDAT",
            read_bdat,
            Rule(
                states=frozenset({State.RCPT, State.CHUNKS}),
                otherwise={
                    State.START: replies.HELLO_FIRST,
                    State.READY: replies.MAIL_FIRST,
                    State.MAIL: replies.RECIPIENT_FIRST,
                },
                carries=True,
            ),
            "BDAT octets [LAST]",
            (
                "Sends so many octets of the message, which follow at once, as they",
                "are. The last of its chunks says LAST; that may be BDAT 0 LAST.",
            ),
        ),
    ),
)

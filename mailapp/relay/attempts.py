"""What a server's word means for a recipient (pure)."""

from __future__ import annotations

from typing import Final

from mailapp.queue.types import Attempt, Outcome
from mailapp.smtp.answers import Answer
from mailapp.smtp.client_states import Trouble, Word

_TOO_MANY: Final = frozenset({452, 552})
_TOO_MANY_STATUS: Final = frozenset({"4.5.3", "5.5.3", "4.0.0", "5.0.0"})


def attempt(word: Word, at: float, host: str, *, dsn: bool = False) -> Attempt:
    """The attempt for one recipient.

    2yz is done, 5yz is final, and all else is tried again (RFC 5321, section 4.2.1).

    Args:
        word: the last one on this recipient.
        at: seconds since the epoch.
        host: who was asked; empty: nobody.
        dsn: the server took over the duty to report.
    """
    if word.positive:
        outcome = Outcome.RELAYED
    else:
        outcome = Outcome.FAILED if word.permanent else Outcome.DEFERRED
        dsn = False
    return Attempt(outcome, at, word.status, word.text, host, dsn=dsn)


def is_for_another_round(word: Word) -> bool:
    """Too many recipients at once: those after it go in a transaction of their own.

    RFC 5321, section 4.5.3.1.10: 452, and 552 from older servers. It counts only if
    others were accepted; a 552 with a status of its own means what it says, and so does
    one to MAIL or to the content: the message is too big (RFC 1870, section 6.2).
    """
    return (
        isinstance(word, Answer)
        and word.of_rcpt
        and word.code in _TOO_MANY
        and word.status in _TOO_MANY_STATUS
    )


def softened(word: Word) -> Word:
    """A 552 that is about the number of recipients, as the 452 that it should be."""
    if isinstance(word, Answer) and word.permanent and is_for_another_round(word):
        return Trouble("4.5.3", word.text)
    return word

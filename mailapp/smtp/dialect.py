"""What differs between SMTP and LMTP (RFC 2033), as a value of the profile."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Final

from attrs import frozen

from mailapp.smtp.grammar.reply import Reply
from mailapp.smtp.verbs import Verb


def _as_they_are(verbs: Sequence[Verb]) -> Sequence[Verb]:
    return verbs


@frozen
class Dialect:
    """A protocol of the family.

    Attributes:
        name: in the greeting, and the ``with`` word of RFC 3848 without its end.
        utf8_name: the ``with`` word of messages with SMTPUTF8 (RFC 6531, section 4.3).
        adapt: the commands of SMTP and its extensions to those of the dialect.
        refusals: commands that it does not have, and what to say to them.
        per_recipient: the end of data has one reply for each recipient.
    """

    name: str
    utf8_name: str
    adapt: Callable[[Sequence[Verb]], Sequence[Verb]] = _as_they_are
    refusals: Mapping[bytes, Reply] = {}
    per_recipient: bool = False

    def with_word(self, word: str, *, utf8: bool) -> str:
        """The ``with`` word of one message.

        Args:
            word: what it would be in SMTP, for example ``ESMTPS``.
            utf8: MAIL gave SMTPUTF8.
        """
        return word.replace("ESMTP", self.utf8_name if utf8 else self.name)


ESMTP: Final = Dialect("ESMTP", "UTF8SMTP")

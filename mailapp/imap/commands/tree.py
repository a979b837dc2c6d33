"""The mailboxes of an account as LIST and LSUB see them."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Final

from attrs import field, frozen

from mailapp.imap.commands.context import Context
from mailapp.imap.commands.naming import Path, above, in_disguise
from mailapp.imap.commands.uses import uses_of
from mailapp.imap.grammar.pattern import Pattern
from mailapp.storage.types import INBOX, FolderId, Noted

AT_ONCE: Final = 200
"""Names that are looked at without giving others a turn."""
_MAYBE_INBOX: Final = re.compile(
    "inbox|(?:inbo|inb|in|i)(?=[*%])", re.ASCII | re.IGNORECASE
)


@frozen
class Tree:
    """All names, and what is known of them.

    Attributes:
        there: the mailboxes by name.
        parents: names with something below that is there.
        noted: subscriptions and uses.
        uses: special uses, of those mailboxes that have any.
    """

    there: Mapping[Path, FolderId]
    parents: frozenset[Path]
    noted: Noted
    uses: Mapping[FolderId, tuple[str, ...]]


async def tree_of(context: Context) -> Tree:
    """The mailboxes now, in the order in which LIST shows them: INBOX, then by name.

    A level that has the separator in it is shown as :func:`naming.in_disguise` says.
    """
    separator = context.service.separator
    named = await context.account.names()
    noted = await context.account.marks.read()
    there: dict[Path, FolderId] = {}
    odd: dict[Path, FolderId] = {}
    parents: set[Path] = set()
    for at in range(0, len(named), AT_ONCE):
        for folder, path in named[at : at + AT_ONCE]:
            if any(separator in level for level in path):
                odd[path] = folder
                continue
            there[path] = folder
            if len(path) > 1 and path[:-1] not in parents:
                parents.update(above(path))
        await context.drain()
    if odd:
        _, real = in_disguise((*there, *odd), separator)
        for shown, path in real.items():
            if path in odd:
                there[shown] = odd[path]
                parents.update(above(shown))
    uses = uses_of(named, noted)
    await context.drain()
    return Tree(there, frozenset(parents), noted, uses)


@frozen
class Patterns:
    """The patterns of a command, ready to match.

    Attributes:
        implied: names that are only above others match, too.
    """

    implied: bool
    _patterns: Sequence[Pattern]
    _inbox: Sequence[Pattern] = field(repr=False)
    _below_inbox: Sequence[Pattern] = field(repr=False)

    @classmethod
    def of(cls, context: Context, reference: str, patterns: Sequence[str]) -> Patterns:
        """Patterns behind their reference.

        RFC 9051, section 6.3.9: how they are joined is up to the server; one behind
        the other is what every client expects. Where a pattern ends in ``%``, or names
        one mailbox, levels are meant and not only mailboxes.
        """
        separator = context.service.separator
        whole = [reference + text for text in patterns]
        return cls(
            any(not text.endswith("*") for text in whole),
            [Pattern(text, separator) for text in whole],
            [Pattern(text.upper(), separator) for text in whole],
            [Pattern(_inbox_in_capitals(text), separator) for text in whole],
        )

    def match(self, path: Path, name: str) -> bool:
        """Does one of them match? INBOX in any case (RFC 9051, section 5.1)."""
        if path[0] != INBOX[0]:
            patterns = self._patterns
        else:
            patterns = self._inbox if path == INBOX else self._below_inbox
        return any(pattern.matches(name) for pattern in patterns)


def _inbox_in_capitals(text: str) -> str:
    """What a pattern begins with, where it may be INBOX: the rest follows it."""
    start = _MAYBE_INBOX.match(text)
    return text if start is None else start[0].upper() + text[start.end() :]

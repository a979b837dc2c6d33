"""Mailbox names of clients, and the mailboxes they name."""

from __future__ import annotations

from mailapp.imap.commands.context import Context
from mailapp.imap.grammar.values.commands import MailboxName
from mailapp.storage.names import canonical
from mailapp.storage.types import BadName, FolderId, NoSuch


def path_of(context: Context, name: str) -> tuple[str, ...]:
    """The levels of a name.

    Raises:
        BadName: no mailbox can have it.
    """
    return canonical(tuple(name.split(context.service.separator)))


def name_of(context: Context, path: tuple[str, ...]) -> MailboxName:
    """A name from its levels."""
    return MailboxName(context.service.separator.join(path))


async def find(context: Context, name: str) -> FolderId:
    """The mailbox of this name.

    Raises:
        NoSuch: there is none; also where none can be, so that nobody learns more.
    """
    try:
        path = path_of(context, name)
    except BadName:
        raise NoSuch from None
    folder = await context.account.find(path)
    if folder is None:
        raise NoSuch
    return folder


def above(path: tuple[str, ...]) -> list[tuple[str, ...]]:
    """The names above a name, the highest one first."""
    return [path[:depth] for depth in range(1, len(path))]

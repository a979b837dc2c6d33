"""Mailbox names of clients, and the mailboxes they name."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Set
from typing import Final

from mailapp.imap.commands.context import Context
from mailapp.imap.grammar.values.commands import MailboxName
from mailapp.storage.names import canonical
from mailapp.storage.types import BadName, FolderId, NoSuch

Path = tuple[str, ...]
LOOKALIKES: Final = {"/": "\uff0f", ".": "\uff0e"}
"""What is shown for a separator within a level, which can't be said as it is."""


def path_of(context: Context, name: str) -> Path:
    """The levels of a name.

    Raises:
        BadName: no mailbox can have it.
    """
    return canonical(tuple(name.split(context.service.separator)))


async def stored_path(context: Context, name: str) -> Path:
    """As :func:`path_of`, of a mailbox that may be there: as it is stored.

    Raises:
        BadName: no mailbox can have it.
    """
    path = path_of(context, name)
    separator = context.service.separator
    if LOOKALIKES[separator] not in name:
        return path  # as nearly always
    names = {named.name for named in await context.account.names()}
    plain, odd = in_disguise(names, separator)
    for depth in range(len(path), 0, -1):
        if path[:depth] in plain:
            return path
        real = odd.get(path[:depth])
        if real is not None:
            return real + path[depth:]
    return path


def in_disguise(
    names: Iterable[Path], separator: str
) -> tuple[Set[Path], Mapping[Path, Path]]:
    """Names with the separator within a level, by those they are shown under.

    They were made with another separator, or by another program. Where a name is taken
    the lookalike stands there twice, and so on: each has its own, also those that are
    only above mailboxes.

    Returns:
        all other names, and these.
    """
    paths = {path for name in names for path in (*above(name), name)}
    odd = {path for path in paths if any(separator in level for level in path)}
    plain = paths - odd
    shown: dict[Path, Path] = {}
    real: dict[Path, Path] = {}

    def turn(path: Path) -> list[tuple[bool, str]]:
        """What is above comes first, and what needs no lookalike before what does."""
        return [(separator in level, level) for level in path]

    for path in sorted(odd, key=turn):
        parent, level = shown.get(path[:-1], path[:-1]), path[-1]
        fresh, mark = (*parent, level), ""
        while separator in fresh[-1] or fresh in plain or fresh in real:
            mark += LOOKALIKES[separator]
            fresh = (*parent, level.replace(separator, mark))
        shown[path], real[fresh] = fresh, path
    return plain, real


def name_of(context: Context, path: tuple[str, ...]) -> MailboxName:
    """A name from its levels."""
    return MailboxName(context.service.separator.join(path))


async def find(context: Context, name: str) -> FolderId:
    """The mailbox of this name.

    Raises:
        NoSuch: there is none; also where none can be, so that nobody learns more.
    """
    try:
        path = await stored_path(context, name)
    except BadName:
        raise NoSuch from None
    folder = await context.account.find(path)
    if folder is None:
        raise NoSuch
    return folder


def above(path: tuple[str, ...]) -> list[tuple[str, ...]]:
    """The names above a name, the highest one first."""
    return [path[:depth] for depth in range(1, len(path))]

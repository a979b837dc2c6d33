"""LSUB (RFC 3501, section 6.3.9)."""

from __future__ import annotations

from typing import Final

from mailapp.imap.commands.context import Context
from mailapp.imap.commands.naming import Path, above, name_of
from mailapp.imap.commands.tree import AT_ONCE, Patterns, tree_of
from mailapp.imap.grammar.values.commands import Lsub
from mailapp.imap.responses.mailbox import list_line
from mailapp.imap.responses.status import Status, ok
from mailapp.storage.types import INBOX

_DONE: Final = ok("listed")


async def lsub(context: Context, command: Lsub) -> Status:
    r"""Tell the names that are subscribed to and match.

    RFC 3501, section 6.3.9: a level above one that does not match by itself, because of
    ``%``, is shown as \Noselect, so that a client can go down.
    """
    tree = await tree_of(context)
    patterns = Patterns.of(context, command.reference, (command.pattern,))
    names: dict[Path, bool] = {}
    for path in tree.noted.subscribed:
        names[path] = True
        if patterns.implied:
            for parent in above(path):
                names.setdefault(parent, False)
    ordered = sorted(names, key=lambda path: (path != INBOX, path))
    for at in range(0, len(ordered), AT_ONCE):
        for path in ordered[at : at + AT_ONCE]:
            name = name_of(context, path)
            if not patterns.match(path, name):
                continue
            shown = names[path] and path in tree.there
            context.send(
                list_line(
                    () if shown else [b"\\Noselect"],
                    context.service.separator,
                    name,
                    utf8=context.utf8,
                    verb=b"LSUB",
                )
            )
        await context.drain()
    return _DONE

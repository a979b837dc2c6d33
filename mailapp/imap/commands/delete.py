"""DELETE (RFC 9051, section 6.3.5)."""

from __future__ import annotations

from typing import Final

from mailapp.imap.commands.changing import change
from mailapp.imap.commands.context import Context
from mailapp.imap.commands.naming import stored_path
from mailapp.imap.grammar.values.commands import Delete
from mailapp.imap.responses import replies
from mailapp.imap.responses.status import Status, no, ok
from mailapp.storage.types import INBOX, BadName, DeleteFolder

_DONE: Final = ok("deleted")
_INBOX_STAYS: Final = no("INBOX can't be deleted", b"CANNOT")
_HAS_CHILDREN: Final = no("there are mailboxes below this name", b"HASCHILDREN")


async def delete(context: Context, command: Delete) -> Status:
    r"""Remove a mailbox with its messages.

    Those below it stay; its name is \Noselect then. Sessions that have it selected,
    also this one, see that its messages were expunged.
    """
    try:
        path = await stored_path(context, command.mailbox)
    except BadName:
        return replies.NO_MAILBOX
    if path == INBOX:
        return _INBOX_STAYS
    folder = await context.account.find(path)
    if folder is None:
        named = await context.account.names()
        below = any(name[: len(path)] == path for _, name in named)
        return _HAS_CHILDREN if below else replies.NO_MAILBOX
    await change(context, DeleteFolder(folder))
    return _DONE

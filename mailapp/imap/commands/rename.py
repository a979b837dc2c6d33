"""RENAME (RFC 9051, section 6.3.6)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from mailapp.imap.commands.changing import change
from mailapp.imap.commands.context import Context
from mailapp.imap.commands.create import missing_above
from mailapp.imap.commands.naming import stored_path
from mailapp.imap.grammar.values.commands import Rename
from mailapp.imap.responses import replies
from mailapp.imap.responses.status import Status, no, ok
from mailapp.storage.names import canonical
from mailapp.storage.types import (
    INBOX,
    INBOX_ID,
    UID,
    BadName,
    Change,
    CreateFolder,
    FolderId,
    Move,
    Named,
    RenameFolder,
)

_DONE: Final = ok("renamed")
_INTO_ITSELF: Final = no("a mailbox can't go below itself", b"CANNOT")


async def rename(context: Context, command: Rename) -> Status:
    """Give a mailbox and those below it other names; their ids and UIDs stay."""
    try:
        old = await stored_path(context, command.mailbox)
    except BadName:
        return replies.NO_MAILBOX
    # a separator at the end is no part of a name, as in CREATE
    name = command.to.removesuffix(context.service.separator)
    new = await stored_path(context, name)
    if await context.account.find(new) is not None:
        return replies.MAILBOX_EXISTS
    if old == INBOX:
        return await _empty_inbox(context, new)
    moved = _below(await context.account.names(), old)
    if not moved:
        return replies.NO_MAILBOX
    if new[: len(old)] == old:
        return _INTO_ITSELF
    return await _move(context, moved, old, new)


async def _move(
    context: Context,
    moved: Sequence[Named],
    old: tuple[str, ...],
    new: tuple[str, ...],
) -> Status:
    account = context.account
    renamed: list[Change] = []
    for folder, name in moved:
        target = canonical((*new, *name[len(old) :]))
        if await account.find(target) is not None:
            return replies.MAILBOX_EXISTS
        renamed.append(RenameFolder(folder, target))
    missing = await missing_above(context, new)
    await change(context, *map(CreateFolder, missing), *renamed)
    return _DONE


def _below(named: Sequence[Named], old: tuple[str, ...]) -> list[Named]:
    """The mailbox of a name and those below it; itself first, if it is there."""
    return sorted(
        (one for one in named if one.name[: len(old)] == old), key=lambda one: one.name
    )


async def _empty_inbox(context: Context, new: tuple[str, ...]) -> Status:
    """RFC 9051, section 6.3.6: INBOX stays, its messages go.

    First the mailbox is made, then the messages are moved: what comes between is no
    loss, and a message is always in one of the two.
    """
    missing = await missing_above(context, new)
    *_, outcome = await change(context, *map(CreateFolder, [*missing, new]))
    if outcome.folder is not None:
        await _move_all(context, outcome.folder)
    return _DONE


async def _move_all(context: Context, to: FolderId) -> None:
    mailbox = await context.account.mailbox(INBOX_ID)
    try:
        columns = await mailbox.refresh()
    finally:
        mailbox.close()
    if columns.uids:
        await change(context, Move(INBOX_ID, [UID(uid) for uid in columns.uids], to))

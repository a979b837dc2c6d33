"""MOVE and UID MOVE (RFC 9051, section 6.4.8)."""

from __future__ import annotations

from typing import Final

from mailapp.imap.commands.context import Context
from mailapp.imap.commands.expunge import told_highest
from mailapp.imap.commands.sync import sync
from mailapp.imap.commands.transfer import Transfer, transfer
from mailapp.imap.grammar.values.commands import Move
from mailapp.imap.responses import replies
from mailapp.imap.responses.status import Status, ok
from mailapp.storage import types

_DONE: Final = ok("moved")


async def move(context: Context, command: Move) -> Status:
    """Move messages; each is in one of the mailboxes all the time, or in both."""
    if context.selection.read_only:
        return replies.READ_ONLY
    result = await transfer(
        context, command.messages, command.mailbox, types.Move, by_uid=command.by_uid
    )
    if not isinstance(result, Transfer):
        return result
    if not result.code:
        return _DONE
    # RFC 6851, section 4.3: before the EXPUNGE responses, as they take the numbers away
    context.send(ok("moved", result.code).line())
    await sync(context, may_expunge=True)
    return told_highest(context, _DONE)

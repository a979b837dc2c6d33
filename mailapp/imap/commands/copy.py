"""COPY and UID COPY (RFC 9051, section 6.4.7)."""

from __future__ import annotations

from typing import Final

from mailapp.imap.commands.context import Context
from mailapp.imap.commands.transfer import Transfer, transfer
from mailapp.imap.grammar.values.commands import Copy
from mailapp.imap.responses.status import Status, ok
from mailapp.storage import types

_DONE: Final = ok("copied")


async def copy(context: Context, command: Copy) -> Status:
    """Copy messages with their flags and dates; all of them, or none."""
    result = await transfer(
        context, command.messages, command.mailbox, types.Copy, by_uid=command.by_uid
    )
    if not isinstance(result, Transfer):
        return result
    return Status(_DONE.kind, _DONE.text, result.code)

"""APPEND (RFC 9051, section 6.3.12; RFC 3502; RFC 4315, section 3)."""

from __future__ import annotations

from mailapp.imap.commands.changing import change
from mailapp.imap.commands.context import Context
from mailapp.imap.commands.naming import find
from mailapp.imap.grammar.values.commands import Append
from mailapp.imap.responses import replies
from mailapp.imap.responses.mailbox import ranges_of, set_octets
from mailapp.imap.responses.status import Status, ok
from mailapp.storage import types
from mailapp.storage.types import NoSuch


async def append(context: Context, command: Append) -> Status:
    """Put the messages into the mailbox: all of them, or none."""
    try:
        folder = await find(context, command.mailbox)
    except NoSuch:
        return replies.NO_MAILBOX_YET
    outcomes = await change(
        context,
        *(
            types.Append(folder, staged.blob, staged.head.flags, staged.head.received)
            for staged in command.messages
        ),
    )
    uids = [uid for outcome in outcomes for uid in outcome.uids]
    if len(uids) != len(command.messages):
        # UIDs are given when the mailbox is next looked at: nothing can be said
        return ok("appended")
    # RFC 4315, section 3
    code = b"APPENDUID %d %b" % (outcomes[0].uid_validity, set_octets(ranges_of(uids)))
    return ok("appended", code)

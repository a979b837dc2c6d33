"""STATUS (RFC 9051, section 6.3.11)."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import compress
from typing import Final, assert_never

from attrs import frozen

from mailapp.imap.commands.condstore import enable_condstore
from mailapp.imap.commands.context import Context
from mailapp.imap.commands.naming import find
from mailapp.imap.grammar.values.commands import MailboxName, MailboxStatus
from mailapp.imap.grammar.values.listing import StatusItem
from mailapp.imap.responses.mailbox import mailbox_id, name_octets
from mailapp.imap.responses.status import Status, ok
from mailapp.storage.columns import AT_ONCE, Columns
from mailapp.storage.types import FolderId

_DONE: Final = ok("done")
_OF_SIZES: Final = frozenset({StatusItem.SIZE, StatusItem.DELETED_STORAGE})
_OF_DELETED: Final = frozenset({StatusItem.DELETED, StatusItem.DELETED_STORAGE})


@frozen
class Deleted:
    r"""What is \Deleted in a mailbox."""

    messages: int = 0
    octets: int = 0


async def status(context: Context, command: MailboxStatus) -> Status:
    """Tell counters of a mailbox without selecting it."""
    folder = await find(context, command.mailbox)
    context.send(await status_line(context, command.mailbox, folder, command.items))
    if StatusItem.HIGHESTMODSEQ in command.items:
        # RFC 7162, section 3.1
        enable_condstore(context)
    return _DONE


async def status_line(
    context: Context, name: MailboxName, folder: FolderId, items: Sequence[StatusItem]
) -> bytes:
    """``STATUS`` (RFC 9051, section 7.3.4).

    Raises:
        StoreError: the mailbox can't be looked at, or is gone.
    """
    whole = not _OF_SIZES.isdisjoint(items)
    mailbox = await context.account.mailbox(folder, whole=whole)
    try:
        columns = await mailbox.refresh()
    finally:
        mailbox.close()
    deleted = Deleted()
    if _OF_DELETED.intersection(items):
        deleted = await _deleted(context, columns)
    values = b" ".join(
        b"%b %b" % (item.value, _value(context, item, folder, columns, deleted))
        for item in items
    )
    return b"* STATUS %b (%b)\r\n" % (name_octets(name, utf8=context.utf8), values)


def _value(  # noqa: C901, PLR0912 - one case for each
    context: Context,
    item: StatusItem,
    folder: FolderId,
    columns: Columns,
    deleted: Deleted,
) -> bytes:
    match item:
        case StatusItem.MESSAGES:
            number = len(columns)
        case StatusItem.UIDNEXT:
            number = columns.uid_next
        case StatusItem.UIDVALIDITY:
            number = columns.uid_validity
        case StatusItem.UNSEEN:
            number = columns.unseen
        case StatusItem.DELETED:
            number = deleted.messages
        case StatusItem.SIZE:
            number = columns.octets
        case StatusItem.RECENT:
            number = 0
        case StatusItem.HIGHESTMODSEQ:
            number = columns.highest_modseq
        case StatusItem.MAILBOXID:
            return b"(%b)" % mailbox_id(folder, columns.uid_validity)
        case StatusItem.APPENDLIMIT:
            number = context.service.append_octets
        case StatusItem.DELETED_STORAGE:
            # RFC 9208, section 5.1: in units of 1024 octets; rounded up
            number = -(-deleted.octets // 1024)
        case _:
            assert_never(item)
    return b"%d" % number


async def _deleted(context: Context, columns: Columns) -> Deleted:
    r"""Count what is \Deleted."""
    bit = columns.mask_of(["\\Deleted"])
    messages = octets = 0
    for at in range(0, len(columns), AT_ONCE):
        marked = [mask & bit for mask in columns.masks[at : at + AT_ONCE]]
        messages += len(marked) - marked.count(0)
        octets += sum(compress(columns.sizes[at : at + AT_ONCE], marked))
        await context.drain()
    return Deleted(messages, octets)

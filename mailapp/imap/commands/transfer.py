"""What COPY and MOVE share (RFC 9051, sections 6.4.7 and 6.4.8)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from attrs import frozen

from mailapp.imap.commands.changing import change
from mailapp.imap.commands.context import Context
from mailapp.imap.commands.messages import NO_SUCH_NUMBER, numbers, uids
from mailapp.imap.commands.naming import find
from mailapp.imap.commands.selecting import latest
from mailapp.imap.grammar.values.commands import MailboxName
from mailapp.imap.grammar.values.sets import Messages
from mailapp.imap.responses import replies
from mailapp.imap.responses.mailbox import ranges_of, set_octets
from mailapp.imap.responses.status import Status, no
from mailapp.storage.types import UID, Copy, FolderId, Move, NoSuch, Outcome

_MANY: Final = 10_000
"""Messages; their UIDs are put into words in a thread."""
_GONE: Final = no("some of the messages are gone", b"EXPUNGEISSUED")


@frozen
class Transfer:
    """Messages were copied or moved.

    Attributes:
        code: ``COPYUID`` (RFC 4315, section 3); empty: there was none to transfer.
    """

    code: bytes


async def transfer(
    context: Context,
    messages: Messages,
    name: MailboxName,
    kind: type[Copy | Move],
    *,
    by_uid: bool,
) -> Transfer | Status:
    """Copy or move into the mailbox of this name.

    Returns:
        a status where nothing was done.
    """
    selected = context.selection
    ranges = numbers(selected, messages, by_uid=by_uid)
    if ranges is None:
        return NO_SUCH_NUMBER
    try:
        to = await find(context, name)
    except NoSuch:
        # RFC 9051, section 6.4.7: TRYCREATE
        return replies.NO_MAILBOX_YET
    named: Sequence[int] = uids(selected, ranges)
    there = (await latest(selected)).uids
    known = there is selected.view.uids or by_uid
    if not known and not frozenset(named) <= frozenset(there):
        # RFC 2180, section 4.4.1: all or none
        return _GONE
    if not named:
        return Transfer(b"")
    return await _commit(context, named, to, kind)


async def _commit(
    context: Context, named: Sequence[int], to: FolderId, kind: type[Copy | Move]
) -> Transfer | Status:
    folder = context.selection.folder
    wanted: Sequence[UID] = named  # type: ignore[assignment]  # an array of UIDs
    [outcome] = await change(context, kind(folder, wanted, to))
    if len(named) < _MANY:
        return Transfer(_code(named, outcome))
    return Transfer(await context.service.in_thread(_code, named, outcome))


def _code(named: Sequence[int], outcome: Outcome) -> bytes:
    """``COPYUID``; empty where nothing can be said."""
    refused = frozenset(outcome.refused)
    done = [uid for uid in named if uid not in refused] if refused else named
    # UIDs may be given only when the mailbox is next looked at
    if not done or len(outcome.uids) != len(done):
        return b""
    return b"COPYUID %d %b %b" % (
        outcome.uid_validity,
        set_octets(ranges_of(done)),
        set_octets(ranges_of(outcome.uids)),
    )

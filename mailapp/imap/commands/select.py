"""SELECT and EXAMINE (RFC 9051, sections 6.3.2 and 6.3.3; RFC 7162, section 3.2.5)."""

from __future__ import annotations

from typing import Final

from mailapp.imap.commands.condstore import enable_condstore
from mailapp.imap.commands.context import Context, Extension, Selected
from mailapp.imap.commands.naming import find
from mailapp.imap.commands.resync import resync
from mailapp.imap.commands.selecting import enter
from mailapp.imap.grammar.values.commands import Select
from mailapp.imap.responses.changes import highest_modseq
from mailapp.imap.responses.mailbox import flags_lines, list_line, mailbox_id
from mailapp.imap.responses.status import Status, bad, ok

_CLOSED: Final = b"* OK [CLOSED] the other mailbox is closed\r\n"
_NOT_ENABLED: Final = bad("enable QRESYNC first")
_READ_WRITE: Final = ok("selected", b"READ-WRITE")
_READ_ONLY: Final = ok("selected, and can't be changed", b"READ-ONLY")


async def select(context: Context, command: Select) -> Status:
    """Open a mailbox; one that is open is closed in any case."""
    if command.qresync is not None and Extension.QRESYNC not in context.enabled:
        # RFC 7162, section 3.2.5
        return _NOT_ENABLED
    if context.selected is not None:
        context.deselect()
        # RFC 9051, section 7.1; RFC 7162, section 3.2.11
        context.send(_CLOSED)
    folder = await find(context, command.mailbox)
    selected = await enter(
        context, folder, command.mailbox, read_only=command.read_only
    )
    if command.condstore:
        enable_condstore(context)
    context.selected = selected
    _describe(context, selected)
    if command.qresync is not None:
        await resync(context, selected, command.qresync)
    return _READ_ONLY if command.read_only else _READ_WRITE


def _describe(context: Context, selected: Selected) -> None:
    r"""What RFC 9051, section 6.3.2 wants told, and RFC 3501, section 6.3.1.

    No message is ever \Recent: that would need an order between the sessions of a
    mailbox, and RFC 9051, appendix E drops it.
    """
    columns = selected.view.columns
    count = len(columns)
    lines = [
        flags_lines(columns.flags, read_only=selected.read_only),
        b"* %d EXISTS\r\n" % count,
    ]
    if not context.rev2:
        lines.append(b"* 0 RECENT\r\n")
        unseen = columns.first_unseen()
        if unseen is not None:
            lines.append(b"* OK [UNSEEN %d] first unseen\r\n" % (unseen + 1))
    own_id = mailbox_id(selected.folder, columns.uid_validity)
    lines += [
        b"* OK [UIDVALIDITY %d] UIDs are valid\r\n" % columns.uid_validity,
        b"* OK [UIDNEXT %d] next UID\r\n" % columns.uid_next,
        highest_modseq(columns.highest_modseq),
        # RFC 8474, section 4.2
        b"* OK [MAILBOXID (%b)] id\r\n" % own_id,
    ]
    if context.rev2:
        separator = context.service.separator
        lines.append(list_line((), separator, selected.name, utf8=True))
    context.send(b"".join(lines))

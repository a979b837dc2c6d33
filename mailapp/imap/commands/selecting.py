"""How a session gets hold of a mailbox, and sees what becomes of it."""

from __future__ import annotations

from array import array
from collections.abc import Callable

from attrs import evolve

from mailapp.imap.commands.context import Context, Selected
from mailapp.imap.commands.hints import Hints
from mailapp.imap.grammar.values.commands import MailboxName
from mailapp.storage.columns import Columns
from mailapp.storage.interfaces import IMailbox
from mailapp.storage.types import FolderId, NoSuch
from mailapp.storage.view import View


async def enter(
    context: Context, folder: FolderId, name: MailboxName, *, read_only: bool
) -> Selected:
    """A mailbox as it is now, to be put into the context.

    Raises:
        StoreError: it can't be opened; nothing is held.
    """
    mailbox = await context.account.mailbox(folder, whole=False)
    hints = Hints()
    stop: Callable[[], None] | None = None
    try:
        # first the watch: what happens after the look is hinted at
        stop = mailbox.watch(hints)
        columns = await mailbox.refresh()
    except BaseException:
        _release(mailbox, stop)
        raise
    return Selected(
        folder=folder,
        name=name,
        mailbox=mailbox,
        view=View(columns),
        read_only=read_only,
        release=lambda: _release(mailbox, stop),
        hints=hints,
        told_modseq=columns.highest_modseq,
    )


def _release(mailbox: IMailbox, stop: Callable[[], None] | None) -> None:
    if stop is not None:
        stop()
    mailbox.close()


async def latest(selected: Selected, *, look: bool = False) -> Columns:
    """The mailbox now.

    A mailbox that was removed, by this session or another one, is one whose messages
    were all expunged (RFC 2180, section 3.3): the client is not cut off for it.

    Args:
        selected: the mailbox.
        look: at the disk, even if nothing was heard of a change.
    """
    if selected.gone is not None:
        # what is heard from now on is of no mailbox that this client knows
        selected.hints.stale = False
        return selected.gone
    if not (look or selected.hints.stale):
        return _same(selected, selected.mailbox.columns)
    selected.hints.stale = False
    try:
        return _same(selected, await selected.mailbox.refresh())
    except NoSuch:
        return _lost(selected)
    except BaseException:
        selected.hints.stale = True
        raise


async def after(selected: Selected, modseq: int) -> Columns:
    """The mailbox with the session's own change, which has this MODSEQ, in it."""
    look = selected.mailbox.columns.highest_modseq < modseq
    return await latest(selected, look=look)


def _same(selected: Selected, columns: Columns) -> Columns:
    """With another UIDVALIDITY it is another mailbox: none of the UIDs is one now."""
    if columns.uid_validity == selected.view.columns.uid_validity:
        return columns
    return _lost(selected)


def _lost(selected: Selected) -> Columns:
    selected.gone = _emptied(selected.view.columns)
    return selected.gone


def _emptied(columns: Columns) -> Columns:
    if not columns.uids:
        return columns
    return evolve(
        columns,
        uids=array("I"),
        modseqs=array("Q"),
        masks=array("Q"),
        sizes=array("Q"),
        received=array("q"),
        highest_modseq=columns.highest_modseq + 1,
    )

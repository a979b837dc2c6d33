r"""STORE and UID STORE (RFC 9051, section 6.4.6; RFC 7162, section 3.1.3).

All messages are changed by one commit. What the client is told then:

* of each message that it named, the flags, as if it had asked for them;
* with .SILENT nothing of these, unless they are not what the client must think now,
  as another changed them, too. A client that knows MODSEQ is told that;
* of a message whose MODSEQ was above UNCHANGEDSINCE, flags and MODSEQ, so that it need
  not ask;
* what others did to the rest, as after every command.
"""

from __future__ import annotations

from collections.abc import Container, Sequence
from typing import Final, assert_never

from attrs import frozen

from mailapp.imap.commands.changing import change
from mailapp.imap.commands.condstore import enable_condstore
from mailapp.imap.commands.context import Context, Extension, Selected
from mailapp.imap.commands.messages import NO_SUCH_NUMBER, numbers, uids
from mailapp.imap.commands.selecting import after
from mailapp.imap.commands.sync import (
    announce,
    numbered,
    rows_of,
    settle,
    tell_flags,
)
from mailapp.imap.grammar.values.commands import Store
from mailapp.imap.responses import replies
from mailapp.imap.responses.mailbox import ranges_of, set_octets
from mailapp.imap.responses.status import Status, no, ok
from mailapp.storage.columns import Columns
from mailapp.storage.types import UID, FlagMode, ModSeq, SetFlags

_DONE: Final = ok("stored")
_SOME_GONE: Final = no("some of the messages are gone", b"EXPUNGEISSUED")
_AT_ONCE: Final = 2000


async def store(context: Context, command: Store) -> Status:
    """Change flags."""
    selected = context.selection
    if selected.read_only:
        return replies.READ_ONLY
    if command.unchanged_since is not None:
        enable_condstore(context)
    ranges = numbers(selected, command.messages, by_uid=command.by_uid)
    if ranges is None:
        return NO_SUCH_NUMBER
    named = uids(selected, ranges)
    if not named:
        return _DONE
    limit = command.unchanged_since
    wanted = SetFlags(
        selected.folder,
        named,  # type: ignore[arg-type]  # an array of UIDs is a sequence of them
        command.mode,
        command.flags,
        None if limit is None else ModSeq(limit),
    )
    [outcome] = await change(context, wanted)
    columns = await after(selected, outcome.modseq)
    refused = outcome.refused
    await _tell(context, command, columns, named, refused)
    return _ended(context, command, refused)


async def _tell(
    context: Context,
    command: Store,
    columns: Columns,
    named: Sequence[int],
    refused: Sequence[UID],
) -> None:
    """Untagged responses; no EXPUNGE is among them (RFC 9051, section 7.5.1)."""
    selected = context.selection
    before = selected.view.columns
    update = selected.view.update(columns, may_expunge=False)
    await announce(context, selected, before, update)
    if not command.silent:
        # also those that had the flags already: RFC 9051, section 6.4.6, "as if a
        # FETCH of those flags was done"
        own = [place for uid in named if (place := columns.place(uid)) is not None]
        told = sorted({*own, *update.changed}) if update.changed else own
        await tell_flags(context, selected, told, by_uid=command.by_uid)
    else:
        done: Container[int] = frozenset(named).difference(refused)
        check = _Silence.of(command, before, columns, done)
        await _tell_unknown(context, selected, update.changed, check)
        left = [p for uid in refused if (p := columns.place(uid)) is not None]
        await tell_flags(
            context, selected, sorted(set(left).difference(update.changed))
        )
    settle(context, selected)


async def _tell_unknown(
    context: Context, selected: Selected, changed: Sequence[int], check: _Silence
) -> None:
    """Of what changed, what the client can't know by itself."""
    rows = rows_of(context, selected.view.columns)
    aware = Extension.CONDSTORE in context.enabled
    for at in range(0, len(changed), _AT_ONCE):
        some = changed[at : at + _AT_ONCE]
        unknown = [place for place in some if not check.known(place)]
        if unknown:
            context.send(rows.flag_lines(numbered(selected, unknown)))
        if aware and len(unknown) < len(some):
            # RFC 7162, section 3.1.3: MODSEQ also with .SILENT
            known = sorted(set(some).difference(unknown)) if unknown else some
            context.send(rows.modseq_lines(numbered(selected, known)))
        await context.drain()


@frozen
class _Silence:
    """Tells which messages have just the flags that the client gave them.

    Attributes:
        before: what the client was told.
        after: what is so now.
        bits: of the flags that it named.
        done: UIDs of the messages that were changed for it.
        comparable: the same bits mean the same flags before and after.
    """

    before: Columns
    after: Columns
    mode: FlagMode
    bits: int
    done: Container[int]
    comparable: int

    @classmethod
    def of(
        cls, command: Store, before: Columns, after: Columns, done: Container[int]
    ) -> _Silence:
        same = after.flags[: len(before.flags)] == before.flags
        comparable = (1 << len(before.flags)) - 1 if same else 0
        bits = after.mask_of(command.flags)
        return cls(before, after, command.mode, bits, done, comparable)

    def known(self, place: int) -> bool:
        """The message has the flags that the client thinks it has."""
        uid = self.after.uids[place]
        old = self.before.place(uid)
        if old is None or not self.comparable or uid not in self.done:
            return False
        mask = self.before.masks[old] & self.comparable
        match self.mode:
            case FlagMode.ADD:
                mask |= self.bits
            case FlagMode.REMOVE:
                mask &= ~self.bits
            case FlagMode.REPLACE:
                mask = self.bits
            case _:
                assert_never(self.mode)
        return mask == self.after.masks[place] & ((1 << len(self.after.flags)) - 1)


def _ended(context: Context, command: Store, refused: Sequence[UID]) -> Status:
    """The tagged response: which messages were left as they are, and why."""
    if not refused:
        return _DONE
    view = context.selection.view
    left = [uid for uid in sorted(refused) if view.columns.place(uid) is not None]
    # RFC 9051, section 6.4.9: UIDs of messages that are not there are passed over
    lost = len(left) < len(refused) and not command.by_uid
    if not left:
        return _SOME_GONE if lost else _DONE
    shown = left if command.by_uid else [view.sequence(uid) or 0 for uid in left]
    code = b"MODIFIED %b" % set_octets(ranges_of(shown))
    if lost:
        # RFC 7162, section 3.1.3, example 11
        return Status(_SOME_GONE.kind, _SOME_GONE.text, code)
    return Status(_DONE.kind, b"some were changed by another", code)

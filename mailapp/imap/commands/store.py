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

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from typing import Final, assert_never

from attrs import frozen

from mailapp.imap.commands.changing import change
from mailapp.imap.commands.condstore import enable_condstore
from mailapp.imap.commands.context import Context, Extension, Selected
from mailapp.imap.commands.messages import NO_SUCH_NUMBER, numbers, places, uids
from mailapp.imap.commands.selecting import after
from mailapp.imap.commands.sync import (
    announce,
    numbered,
    rows_of,
    tell_flags,
)
from mailapp.imap.grammar.values.commands import Store
from mailapp.imap.grammar.values.sets import Ranges
from mailapp.imap.responses import replies
from mailapp.imap.responses.mailbox import ranges_of, set_octets
from mailapp.imap.responses.status import Status, no, ok
from mailapp.storage.columns import Columns
from mailapp.storage.types import UID, FlagMode, ModSeq, SetFlags

_DONE: Final = ok("stored")
_SOME_GONE: Final = no("some of the messages are gone", b"EXPUNGEISSUED")
_OVERLONG: Final = no("some messages can have no more flags", b"LIMIT")
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
    left = [*outcome.refused, *outcome.overlong]
    await _tell(context, command, columns, ranges, left)
    status = _ended(context, command, outcome.refused)
    if outcome.overlong:
        # what stands in the code of another reply is not lost: RFC 7162, section 3.1.3
        return Status(_OVERLONG.kind, _OVERLONG.text, status.code or _OVERLONG.code)
    return status


async def _tell(
    context: Context,
    command: Store,
    columns: Columns,
    ranges: Ranges,
    refused: Sequence[UID],
) -> None:
    """Untagged responses; no EXPUNGE is among them (RFC 9051, section 7.5.1)."""
    selected = context.selection
    own = list(places(selected, columns, ranges))
    before = selected.view.columns
    update = selected.view.update(columns, may_expunge=False)
    await announce(context, selected, before, update)
    inside, told = _split(update.changed, own)
    if command.silent:
        left = [p for uid in refused if (p := columns.place(uid)) is not None]
        check = _Silence.of(command, before, columns, frozenset(left))
        told += await _tell_modseqs(context, selected, inside, check)
        told += set(left).difference(told)
    else:
        # also those that had the flags already: RFC 9051, section 6.4.6, "as if a
        # FETCH of those flags was done"
        if len(own) == 1 and not told:
            # nearly always: a million places are no list
            await tell_flags(context, selected, own[0], by_uid=command.by_uid)
            return
        for some in own:
            told += some
    told.sort()
    await tell_flags(context, selected, told, by_uid=command.by_uid)


def _split(
    changed: Sequence[int], own: Sequence[range]
) -> tuple[Sequence[int], list[int]]:
    """Places that rise: those in the ranges, which rise too, and the others."""
    if changed and len(own) == 1 and changed[0] in own[0] and changed[-1] in own[0]:
        return changed, []  # as it is: there can be a million
    inside: list[int] = []
    outside: list[int] = []
    at = 0
    for some in own:
        low = bisect_left(changed, some.start, at)
        high = bisect_left(changed, some.stop, low)
        outside += changed[at:low]
        inside += changed[low:high]
        at = high
    outside += changed[at:]
    return inside, outside


async def _tell_modseqs(
    context: Context, selected: Selected, changed: Sequence[int], check: _Silence
) -> list[int]:
    """RFC 7162, section 3.1.3: MODSEQ also with .SILENT, to a client that knows it.

    Returns:
        places of messages whose flags the client can't know by itself.
    """
    rows = rows_of(context, selected.view.columns)
    aware = Extension.CONDSTORE in context.enabled
    unknown: list[int] = []
    for at in range(0, len(changed), _AT_ONCE):
        some = changed[at : at + _AT_ONCE]
        surprising = check.unknown(some)
        unknown += surprising
        if aware:
            known = sorted(set(some).difference(surprising)) if surprising else some
            context.send(rows.modseq_lines(numbered(selected, known)))
        await context.drain()
    return unknown


@frozen
class _Silence:
    """Tells which messages have just the flags that the client gave them.

    Attributes:
        before: what the client was told.
        after: what is so now.
        flags: those that it named.
        left: places of the messages that were left as they are.
    """

    before: Columns
    after: Columns
    mode: FlagMode
    flags: frozenset[str]
    left: frozenset[int]

    @classmethod
    def of(
        cls, command: Store, before: Columns, after: Columns, left: frozenset[int]
    ) -> _Silence:
        return cls(before, after, command.mode, command.flags, left)

    def unknown(self, places: Sequence[int]) -> list[int]:
        """Those of the places where the client is wrong about the flags."""
        if self.after.flags[: len(self.before.flags)] != self.before.flags:
            # the same bits do not mean the same flags
            return [place for place in places if not self._known(place)]
        bits = self.after.mask_of(self.flags)
        kept, added = _as_masks(self.mode, bits)
        kept &= (1 << len(self.before.flags)) - 1
        meant = (1 << len(self.after.flags)) - 1
        masks = self.after.masks
        return [
            place
            for place, old in zip(places, self._masks_before(places), strict=True)
            if old is None
            or (old & kept) | added != masks[place] & meant
            or place in self.left
        ]

    def _masks_before(self, places: Sequence[int]) -> Iterator[int | None]:
        masks, old = self.before.masks, self.before.place
        if self.before.uids is self.after.uids:
            return (masks[place] for place in places)
        uids = self.after.uids
        found = (old(uids[place]) for place in places)
        return (None if place is None else masks[place] for place in found)

    def _known(self, place: int) -> bool:
        old = self.before.place(self.after.uids[place])
        if old is None or place in self.left:
            return False
        flags = frozenset(self.before.flags_of(self.before.masks[old]))
        wanted = self.mode.change(flags, self.flags)
        return wanted == frozenset(self.after.flags_of(self.after.masks[place]))


def _as_masks(mode: FlagMode, bits: int) -> tuple[int, int]:
    """What is kept of a mask, and what is added to it."""
    match mode:
        case FlagMode.ADD:
            return -1, bits
        case FlagMode.REMOVE:
            return ~bits, 0
        case FlagMode.REPLACE:
            return 0, bits
        case _:
            assert_never(mode)


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

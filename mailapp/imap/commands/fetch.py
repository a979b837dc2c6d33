r"""FETCH and UID FETCH (RFC 9051, section 6.4.5; RFC 7162, section 3.1.4).

Rows are made a slice at a time: what columns tell without any object for a message,
what the cache has ready in batches, octets of small messages as they are; only large
messages are sent chunk by chunk (``fetch_body``). Between two slices the client may
read and others have their turn.

A message that is gone, while the client still has a number for it, has no row.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import suppress
from itertools import chain
from typing import Final

from attrs import define, field

from mailapp.imap.commands.changing import change
from mailapp.imap.commands.condstore import enable_condstore
from mailapp.imap.commands.context import Context, Extension, Selected
from mailapp.imap.commands.fetch_body import BrokenOff, Message
from mailapp.imap.commands.fetch_plan import Plan, plan_of
from mailapp.imap.commands.fetch_rows import Rows
from mailapp.imap.commands.messages import NO_SUCH_NUMBER, numbers
from mailapp.imap.commands.resync import tell_vanished, vanished
from mailapp.imap.commands.selecting import after
from mailapp.imap.commands.sync import announce, numbered, settle, tell_flags
from mailapp.imap.grammar.values.commands import Fetch
from mailapp.imap.grammar.values.fetch import Attribute, FetchItem
from mailapp.imap.grammar.values.sets import Ranges, SequenceSet
from mailapp.imap.responses.fetch import FlagLists, Places
from mailapp.imap.responses.mailbox import ranges_of, within
from mailapp.imap.responses.status import Status, bad, bye, no, ok
from mailapp.storage.columns import SEEN, Columns
from mailapp.storage.types import UID, FlagMode, NoSuch, SetFlags, StoreError

_DONE: Final = ok("fetched")
_SOME_GONE: Final = no("some of the messages are gone", b"EXPUNGEISSUED")
_UNKNOWN_CTE: Final = no("a part is encoded in an unknown way", b"UNKNOWN-CTE")
_BROKEN_OFF: Final = bye(
    "a message can't be read to its end, closing connection", b"UNAVAILABLE"
)
_NO_QRESYNC: Final = bad("VANISHED needs ENABLE QRESYNC")
ROWS_AT_ONCE: Final = 500
"""Rows of what columns tell, in less than 1 ms."""
_FACTS_AT_ONCE: Final = 1000
_BODIES_AT_ONCE: Final = 100
_SEEN_FLAG: Final = frozenset({"\\Seen"})


async def fetch(context: Context, command: Fetch) -> Status:
    """Tell of messages."""
    selected = context.selection
    since = command.changed_since
    if command.vanished and Extension.QRESYNC not in context.enabled:
        return _NO_QRESYNC  # RFC 7162, section 3.2.6
    ranges = numbers(selected, command.messages, by_uid=command.by_uid)
    if ranges is None:
        return NO_SUCH_NUMBER
    if since is not None or Attribute.MODSEQ in command.items:
        enable_condstore(context)
    if since is not None:
        if command.vanished:
            wanted = _uids_meant(selected, command)
            await tell_vanished(
                context, await vanished(context, selected, since, wanted)
            )
        changed = numbered(selected, selected.view.columns.changed_since(since))
        ranges = within(ranges, tuple(ranges_of(number for number, _ in changed)))
    work = _Fetching.of(context, command)
    try:
        for some in _slices(ranges, work.at_once):
            await work.tell(some)
    except BrokenOff:
        return _BROKEN_OFF
    return work.ended(command)


def _uids_meant(selected: Selected, command: Fetch) -> Ranges:
    """The UIDs named, whether there are such messages or not."""
    if isinstance(command.messages, SequenceSet):
        # what was expunged may have had a UID above the largest in use
        return command.messages.resolve(selected.view.columns.uid_next - 1)
    return selected.saved


def _slices(ranges: Ranges, most: int) -> Iterator[list[tuple[int, int]]]:
    """The same numbers in lists of ranges, each with at most so many numbers."""
    some: list[tuple[int, int]] = []
    room = most
    for low, high in ranges:
        first = low
        while first <= high:
            last = min(high, first + room - 1)
            some.append((first, last))
            room -= last - first + 1
            first = last + 1
            if not room:
                yield some
                some, room = [], most
    if some:
        yield some


@define(eq=False)
class _Fetching:
    r"""One FETCH as it goes on.

    Attributes:
        plan: what is asked for.
        marked: the same, with what a client is told whose FETCH has set \Seen.
        missed: a message was gone.
        unknown: a part could not be decoded.
    """

    context: Context
    selected: Selected
    plan: Plan
    marked: Plan
    missed: bool = False
    unknown: bool = False
    _flags: FlagLists | None = field(default=None, init=False)

    @classmethod
    def of(cls, context: Context, command: Fetch) -> _Fetching:
        """With the items that are implied."""
        items: list[FetchItem] = list(command.items)
        if command.by_uid and Attribute.UID not in items:
            items.insert(0, Attribute.UID)  # RFC 9051, section 6.4.9
        if command.changed_since is not None:
            items.append(Attribute.MODSEQ)  # RFC 7162, section 3.1.4.1
        selected = context.selection
        plan = plan_of(items, read_only=selected.read_only)
        marked = plan
        if plan.marks:
            # RFC 9051, section 6.4.5: flags that change SHOULD be told
            more: list[FetchItem] = [Attribute.FLAGS]
            if Extension.CONDSTORE in context.enabled:
                # RFC 7162, section 3.2.4
                more += [Attribute.UID, Attribute.MODSEQ]
            marked = plan_of([*items, *more], read_only=False)
        return cls(context, selected, plan, marked)

    @property
    def at_once(self) -> int:
        """Messages of one slice."""
        if self.plan.bodies or self.plan.marks:
            return _BODIES_AT_ONCE
        return _FACTS_AT_ONCE if self.plan.kinds else ROWS_AT_ONCE

    def ended(self, command: Fetch) -> Status:
        """The tagged response."""
        if self.unknown:
            return _UNKNOWN_CTE
        # RFC 2180, section 4.1.2; UIDs that are not there are passed over
        return _SOME_GONE if self.missed and not command.by_uid else _DONE

    async def tell(self, some: Sequence[tuple[int, int]]) -> None:
        """The rows of a slice of sequence numbers."""
        fresh: frozenset[int] = frozenset()
        if self.plan.marks:
            fresh = await self._mark(some)
        found, places = self._located(some)
        if self.plan.asks_files:
            await self.selected.complete(places)
        if not self.plan.kinds:
            await self._rows(found, places, (), fresh)
        else:
            async for batch in self._facts(places):
                await self._rows(*batch, fresh)
        await self.context.drain()

    def _located(self, some: Sequence[tuple[int, int]]) -> tuple[Sequence[int], Places]:
        """Sequence numbers and places of those that are there."""
        view = self.selected.view
        if view.aligned and len(some) == 1:
            [(low, high)] = some
            return range(low, high + 1), range(low - 1, high)
        pairs = list(chain.from_iterable(view.pairs(*each) for each in some))
        if len(pairs) < sum(high - low + 1 for low, high in some):
            self.missed = True
        return [number for number, _ in pairs], [place for _, place in pairs]

    @property
    def _columns(self) -> Columns:
        return self.selected.view.columns

    def _lists(self) -> FlagLists:
        """Of the columns; made once for all rows."""
        if self._flags is None or self._flags.columns is not self._columns:
            self._flags = FlagLists(self._columns)
        return self._flags

    # ---- rows

    async def _facts(
        self, places: Places
    ) -> AsyncIterator[tuple[Sequence[int], Places, Sequence[Sequence[bytes]]]]:
        """Numbers, places and facts of those messages that have some."""
        uids = [UID(self._columns.uids[place]) for place in places]
        told = 0
        async for batch in self.selected.mailbox.facts(uids, self.plan.kinds):
            if not batch:
                continue
            told += len(batch)
            columns = self._columns
            found = {columns.place(uid): values for uid, values in batch}
            pairs = numbered(self.selected, [p for p in found if p is not None])
            yield (
                [number for number, _ in pairs],
                [place for _, place in pairs],
                list(zip(*[found[place] for _, place in pairs], strict=True)),
            )
        if told < len(uids):
            self.missed = True

    async def _rows(
        self,
        found: Sequence[int],
        places: Places,
        facts: Sequence[Sequence[bytes]],
        fresh: frozenset[int],
    ) -> None:
        if not found:
            return
        rows = Rows(self.context, self._lists(), places, facts)
        if not self.plan.bodies and not fresh:
            self.context.send(rows.all(self.plan, found))
            return
        for at, (number, place) in enumerate(zip(found, places, strict=True)):
            plan = self.marked if place in fresh else self.plan
            try:
                values = await self._message(place).values(plan.bodies)
            except NoSuch:
                self.missed = True
                continue
            if None in values:
                self.unknown = True
                continue
            await rows.add(plan, number, at, values)
        rows.flush()

    def _message(self, place: int) -> Message:
        columns = self._columns
        return Message(
            self.context, columns.uids[place], columns.blob(place), columns.sizes[place]
        )

    # ---- \Seen

    async def _mark(self, some: Sequence[tuple[int, int]]) -> frozenset[int]:
        r"""Set \Seen where it is not; the places of those that have it only now.

        What else has happened meanwhile is told, but for EXPUNGE. A store that can't
        keep it now is no reason not to show a message.
        """
        selected, before = self.selected, self._columns
        _, places = self._located(some)
        unseen = [UID(before.uids[p]) for p in places if not before.masks[p] & SEEN]
        if not unseen:
            return frozenset()
        wanted = SetFlags(selected.folder, unseen, FlagMode.ADD, _SEEN_FLAG)
        with suppress(StoreError):
            [outcome] = await change(self.context, wanted)
            columns = await after(selected, outcome.modseq)
            update = selected.view.update(columns, may_expunge=False)
            await announce(self.context, selected, before, update)
            own = {columns.place(uid) for uid in unseen}
            fresh = frozenset(place for place in update.changed if place in own)
            others = [place for place in update.changed if place not in fresh]
            await tell_flags(self.context, selected, others)
            settle(self.context, selected)
            return fresh
        return frozenset()

"""What the index remembers of one mailbox, for :mod:`mailapp.storage.maildir.tracked`.

All of it happens in the mailbox's turn, so what one process notes the next one reads,
in the same order.
"""

from __future__ import annotations

import struct
from array import array
from collections import deque
from collections.abc import Iterator, Sequence
from typing import Final

from attrs import define, field, frozen

from mailapp.storage.columns import Columns
from mailapp.storage.index.account_index import (
    HISTORY,
    AccountIndex,
    Changed,
    Known,
    State,
)
from mailapp.storage.maildir.gather import names_of
from mailapp.storage.maildir.keywords import Keywords
from mailapp.storage.maildir.letters import of_keywords
from mailapp.storage.maildir.saved import (
    Damaged,
    applied,
    packed,
    rewritten,
    unpacked,
)
from mailapp.storage.maildir.survey import Stamp

_STAMP: Final = struct.Struct("<4Q")
_AT_LEAST: Final = 1000
_PART: Final = 8


@define(eq=False)
class Gone:
    """UIDs that were expunged, as far back as is remembered.

    Attributes:
        since: what went after this MODSEQ is known.
    """

    since: int = 0
    _noted: deque[tuple[int, Sequence[int]]] = field(factory=deque)
    _count: int = 0

    def begin(self, modseq: int) -> None:
        """Nothing is known of what was before."""
        self.since, self._count = modseq, 0
        self._noted.clear()

    def add(self, modseq: int, uids: Sequence[int]) -> None:
        """They went. The oldest are forgotten when there are too many."""
        self._noted.append((modseq, array("I", uids)))
        self._count += len(uids)
        while self._count > HISTORY:
            self.since, forgotten = self._noted.popleft()
            self._count -= len(forgotten)

    def vanished(self, modseq: int) -> list[int] | None:
        """UIDs that went after that, rising; None: not known so far back."""
        if modseq < self.since:
            return None
        return sorted(uid for _, uid in self.after(modseq))

    def after(self, modseq: int) -> Iterator[tuple[int, int]]:
        """MODSEQ and UID of what went after that."""
        for own, uids in self._noted:
            if own > modseq:
                for uid in uids:
                    yield own, uid


@frozen
class Recalled:
    """Columns as some process had them last.

    Attributes:
        stamp: of the directories then.
        again_at: they had to be read again from this time on, in nanoseconds.
        anew: read whole, not led on from columns that were known.
    """

    columns: Columns
    stamp: Stamp
    again_at: int
    anew: bool


class Remembered:
    """The index's part of one mailbox; keeps what is there and what is not."""

    def __init__(self, index: AccountIndex, folder: int) -> None:
        self._index = index
        self._folder = folder
        self._noted = -1
        self._since_saved = 0
        self._last: State | None = None

    def told(self, columns: Columns | None) -> bool:
        """Do others know all of these columns?"""
        return columns is None or columns.highest_modseq <= self._noted

    def news(self, columns: Columns | None, validity: int) -> Known | None:
        """What other processes noted, if that was since these columns."""
        known = self._index.known(self._folder, validity)
        if known is None or not known.saved:
            self._noted = -1
            return None
        if columns is not None and known.modseq <= columns.highest_modseq:
            self._noted = known.modseq
            return None
        return known

    def recall(
        self, known: Known, columns: Columns | None, keywords: Keywords, gone: Gone
    ) -> Recalled | None:
        """The columns that :meth:`news` lead to; None: it can't be told.

        ``gone`` is brought up to date, too.
        """
        try:
            stamp = _STAMP.unpack(known.stamp)
            anew = columns is None or columns.highest_modseq < known.saved
            fresh = self._led_on(None if anew else columns, known, keywords, gone)
        except (Damaged, struct.error):
            self._index.database.throw_away("damaged columns")
            self._noted = -1
            return None
        if fresh is None:
            return None
        self._noted = known.modseq
        return Recalled(fresh, Stamp(*stamp[:3]), stamp[3], anew)

    def _led_on(
        self, columns: Columns | None, known: Known, keywords: Keywords, gone: Gone
    ) -> Columns | None:
        anew = columns is None
        if columns is None:
            octets = self._index.columns(known.serial)
            if octets is None:
                return None
            columns = unpacked(octets, self._folder)
        after = known.since if anew else columns.highest_modseq
        changes = self._index.changes(known.serial, after)
        if changes is None:
            return None
        if anew:
            gone.begin(known.since)
        for change in changes:
            if change.name is None:
                gone.add(change.modseq, [change.uid])
        changes = [each for each in changes if each.modseq > columns.highest_modseq]
        self._since_saved = len(changes)
        columns = rewritten(columns, of_keywords(keywords))
        if changes:
            columns = applied(columns, changes, of_keywords(keywords), known.modseq)
        return columns.with_uid_next(known.uid_next)

    def begin(self, validity: int) -> None:
        """Have the index keep facts of a mailbox before its columns can be noted."""
        if self._index.known(self._folder, validity) is None:
            nothing = State(self._folder, validity, 1, 0, b"")
            self._index.save(nothing, b"", 0, ())

    def note(
        self,
        columns: Columns,
        place: tuple[Stamp, int],
        gone: Gone,
        keywords: Keywords,
        *,
        whole: bool,
    ) -> None:
        """Note how a mailbox is now.

        Args:
            columns: as it is.
            place: its stamp, and when it has to be read again.
            gone: expunged UIDs.
            keywords: of the columns.
            whole: names changed that have no new MODSEQ.
        """
        stamp, again_at = place
        state = State(
            folder=self._folder,
            validity=columns.uid_validity,
            uid_next=columns.uid_next,
            modseq=columns.highest_modseq,
            stamp=_STAMP.pack(stamp.new, stamp.cur, stamp.keywords, again_at),
        )
        if state == self._last and not whole and self._noted == state.modseq:
            return
        if not whole and self._noted >= 0 and self._added(columns, state, gone):
            return
        history = [Changed(m, uid, None) for m, uid in gone.after(0)]
        octets = packed(columns, names_of(columns), keywords)
        self._index.save(state, octets, gone.since, history)
        self._since_saved = 0
        self._noted, self._last = state.modseq, state

    def _added(self, columns: Columns, state: State, gone: Gone) -> bool:
        """Add what changed since it was last noted; False: rather write all anew."""
        came = columns.changed_since(self._noted)
        went = list(gone.after(self._noted))
        self._since_saved += len(came) + len(went)
        if self._since_saved > max(_AT_LEAST, len(columns) // _PART):
            return False
        names = names_of(columns)
        changes = [
            Changed(
                columns.modseqs[at],
                columns.uids[at],
                names.name(columns, at),
                columns.received[at],
            )
            for at in came
        ]
        changes += [Changed(modseq, uid, None) for modseq, uid in went]
        if not self._index.note(state, self._noted, changes):
            return False
        self._noted, self._last = state.modseq, state
        return True

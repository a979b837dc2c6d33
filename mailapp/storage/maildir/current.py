"""What is known of a mailbox, and what a change makes of it.

Files are changed first, then what is known of them; all of it in the mailbox's turn.
"""

from __future__ import annotations

from array import array
from collections.abc import Mapping, Sequence

from attrs import evolve

from mailapp.storage.columns import Columns, apart, joined
from mailapp.storage.files import Files
from mailapp.storage.maildir import keywords
from mailapp.storage.maildir.clock import ModSeqClock
from mailapp.storage.maildir.folders import Found
from mailapp.storage.maildir.gather import Gathered, Names, in_order, names_of
from mailapp.storage.maildir.letters import Letters, of_keywords
from mailapp.storage.maildir.remembered import Gone
from mailapp.storage.maildir.saved import reduced, rewritten
from mailapp.storage.maildir.stems import in_parts, slashed
from mailapp.storage.maildir.survey import carried, fill_received, number_late
from mailapp.storage.maildir.uids import Turn


class Current:
    """The columns of one mailbox as they were when somebody looked last.

    Attributes:
        latest: the columns, if anybody looked.
        gone: what was expunged.
        keywords: that the columns are written with.
        renamed: files have other names, and no new MODSEQ says so.
    """

    def __init__(self, files: Files, found: Found, clock: ModSeqClock) -> None:
        self._files = files
        self._found = found
        self._clock = clock
        self.latest: Columns | None = None
        self.gone = Gone()
        self.keywords = keywords.Keywords({})
        self.renamed = False

    def move(self, found: Found) -> None:
        """It was renamed."""
        self._found = found

    def forget(self) -> None:
        """Let go of the memory."""
        self.latest, self.gone = None, Gone()

    @property
    def columns(self) -> Columns:
        """As they were when somebody looked; look first."""
        assert self.latest is not None  # noqa: S101 - look first
        return self.latest

    @property
    def late(self) -> bool:
        """Names of some messages do not tell their UIDs yet."""
        return self.latest is not None and bool(names_of(self.latest).late)

    @property
    def names(self) -> Names:
        """Of the files of the columns."""
        return names_of(self.columns)

    # ---- changes that were made, within a turn

    def with_letters(self, flags: frozenset[str]) -> Letters:
        """Have a letter for each of these flags.

        Raises:
            BadName, TooMany: see :func:`mailapp.storage.maildir.keywords.with_letters`.
        """
        if self.keywords.missing(flags):
            self.use(keywords.with_letters(self._files, self._found.path, flags))
        return self.names.letters

    def masked(self, masks: Mapping[int, int]) -> None:
        """Files in these places have other letters now."""
        if not masks:
            return
        columns, names = self.columns, self.names
        if names.odd or names.late:
            written = {columns.uids[place]: place for place in masks}
            odd = {uid: name for uid, name in names.odd.items() if uid not in written}
            late = {uid: at for uid, at in written.items() if uid in names.late}
            stems = names.stems(columns, list(late.values()))
            for (uid, at), stem in zip(late.items(), stems, strict=True):
                odd[uid] = stem + names.letters.of(masks[at])
            columns = evolve(columns, origin=evolve(names, odd=odd))
        self.latest = columns.with_masks(masks, self._next())

    def removed(self, places: Sequence[int]) -> None:
        """Files of these places, which rise, are gone."""
        if not places:
            return
        columns, modseq = self.columns, self._next()
        self.gone.add(modseq, [columns.uids[place] for place in places])
        self.latest = reduced(columns, places, modseq)

    def added(self, fresh: Sequence[bytes]) -> None:
        """Files of these names lie in ``cur`` now; their UIDs rise, and are new."""
        if not fresh:
            return
        columns, names = self.columns, self.names
        more = Gathered(names.letters)
        more.take(in_parts(slashed(fresh)), columns.uid_validity)
        starts = names.heap.add(more.stems)
        modseq = self._next()
        whole = evolve(
            columns,
            highest_modseq=modseq,
            uids=joined(columns.uids, more.uids),
            modseqs=joined(columns.modseqs, [modseq] * len(more.uids)),
            masks=joined(columns.masks, more.masks),
            sizes=joined(columns.sizes, more.sizes),
            received=joined(columns.received, more.received),
            origin=evolve(
                names,
                starts=joined(names.starts, starts),
                odd={**names.odd, **more.odd},
            ),
        )
        if 0 in more.received:
            fill_received(self._files, self._found.path, whole, None)
        whole.remember(columns, range(len(columns), len(whole)))
        self.latest = whole

    def tell_late(self, uids: Sequence[int]) -> set[int]:
        """Have the names of these messages tell their UIDs, sizes and dates.

        Returns:
            Those that are not where they were, or can't be read.
        """
        columns, names = self.columns, self.names
        validity = columns.uid_validity
        places = {uid: columns.place(uid) for uid in uids}
        late = {u: names.name(columns, p) for u, p in places.items() if p is not None}
        told = number_late(self._files, self._found.path, late, validity)
        more = Gathered(names.letters)
        more.take(in_parts(slashed(told)), validity)
        starts = names.heap.add(more.stems)
        for at, uid in enumerate(more.uids):
            place = places[uid]
            assert place is not None  # noqa: S101 - it is late
            columns.sizes[place] = more.sizes[at]
            columns.received[place] = more.received[at]
            names.starts[place] = starts[at]
            if uid in more.odd:
                names.odd[uid] = more.odd[uid]
            else:
                names.odd.pop(uid, None)
        lost = late.keys() - set(more.uids)
        for uid in uids:
            if uid not in lost:
                names.late.pop(uid, None)
        self.renamed = True
        self.latest = evolve(columns)  # what lies there has changed
        return lost

    def use(self, known: keywords.Keywords) -> None:
        """Write the masks of the columns with the letters of these keywords."""
        self.keywords = known
        if self.latest is not None:
            self.latest = rewritten(self.latest, of_keywords(known))

    def compare(self, gathered: Gathered, before: Columns | None, mine: Turn) -> None:
        """Take over what lies there; what differs from before gets a new MODSEQ."""
        found = in_order(gathered, self._found.id)
        modseq = self._clock.next(before.highest_modseq if before else 0)
        fresh = Columns(
            uid_validity=mine.numbers.validity,
            uid_next=mine.next,
            highest_modseq=modseq,
            uids=found.uids,
            modseqs=array("Q", [modseq]) * len(found.uids),
            masks=found.masks,
            flags=found.names.letters.flags,
            sizes=found.sizes,
            received=found.received,
            origin=found.names,
        )
        fill_received(self._files, self._found.path, fresh, before)
        if before is None:
            self.gone.begin(modseq)
            self.latest = fresh
            return
        gone, came = apart(before.uids, fresh.uids)
        self.latest = carried(before, fresh, gone, came)
        if self.latest.origin is not before.origin:
            self.renamed = True
        if gone:
            self.gone.add(modseq, [before.uids[place] for place in gone])

    def _next(self) -> int:
        return self._clock.next(self.columns.highest_modseq)

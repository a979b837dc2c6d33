"""The columns of one mailbox, kept equal to what lies on disk.

A look costs three looks at mtimes while nothing changes. Whoever changes something, or
finds a change, takes the mailbox's turn first (see ``uids.turn``), brings the columns
up to date and only then gives a MODSEQ: so MODSEQs come in the order in which any
process could have seen the changes.

What this process did itself is not read again: the columns are changed as the files
were. Another program's change in the very same moment could hide behind that, so all
is read once more a little later.

The methods block and are not thread-safe: the account runs them one at a time.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Final

from attrs import evolve

from mailapp.storage.columns import Columns, apart, joined
from mailapp.storage.files import Files
from mailapp.storage.maildir import keywords
from mailapp.storage.maildir.clock import ModSeqClock
from mailapp.storage.maildir.folders import Folders, Found
from mailapp.storage.maildir.gather import Gathered, Names, in_order, names_of
from mailapp.storage.maildir.letters import Letters, of_keywords
from mailapp.storage.maildir.remembered import Gone, Remembered
from mailapp.storage.maildir.saved import reduced, rewritten
from mailapp.storage.maildir.scan import scan
from mailapp.storage.maildir.survey import (
    Stamp,
    carried,
    fill_received,
    number,
    stamp_of,
    surveyed,
)
from mailapp.storage.maildir.uids import Turn, turn

_NEVER: Final = 2**63
_SOON: Final = 500_000_000
_TIMES: Final = 20
_QUICK: Final = 5_000_000


class Tracked:
    """See the module."""

    def __init__(
        self,
        files: Files,
        folders: Folders,
        found: Found,
        clock: ModSeqClock,
        remembered: Remembered | None = None,
    ) -> None:
        self.found = found
        self._files = files
        self._folders = folders
        self._clock = clock
        self._columns: Columns | None = None
        self._remembered = remembered
        self._stamp: Stamp | None = None
        self._again_at = _NEVER
        self._took = 0
        self._turn: Turn | None = None
        self._gone = Gone()
        self._keywords = keywords.Keywords({})
        self._renamed = False

    @property
    def columns(self) -> Columns:
        """As they were when somebody looked; look first."""
        assert self._columns is not None  # noqa: S101 - look first
        return self._columns

    @property
    def latest(self) -> Columns | None:
        """As they were when somebody looked, if anybody did."""
        return self._columns

    @property
    def names(self) -> Names:
        """Of the files of the columns."""
        return names_of(self.columns)

    def fresh(self) -> bool:
        """Are the columns still what lies there? Three looks."""
        return (
            self._columns is not None
            and self._stamp == self._now()
            and self._files.now() < self._again_at
        )

    def doubtful_for(self) -> float | None:
        """In how many seconds all has to be read again; None: there is no doubt."""
        if self._again_at >= _NEVER:
            return None
        return max(0, self._again_at - self._files.now()) / 1e9

    def look(self) -> Columns:
        """Bring the columns up to date; give UIDs to messages that have none.

        Raises:
            FileNotFoundError: the mailbox is gone.
        """
        if not self.fresh():
            with self.turn():
                pass
        return self.columns

    @contextmanager
    def turn(self) -> Iterator[Turn]:
        """Be the only one who changes the mailbox, with columns that are up to date.

        Within a turn another is the same one.
        """
        if self._turn is not None:
            yield self._turn
            return
        path = self.found.path
        with turn(
            self._files, path, lambda: self._folders.begin(self.found.id)
        ) as mine:
            self._turn = mine
            try:
                self._recall(mine)
                self._catch_up(mine)
                before = self._columns
                yield mine
                if self._columns is not before:
                    self._settle(mine)
                self._note()
            except BaseException:
                self._stamp = None  # read all, whatever was done of it
                raise
            finally:
                self._turn = None

    @contextmanager
    def beside(self, mine: Turn) -> Iterator[None]:
        """Look within a turn that another has taken."""
        self._turn = mine
        try:
            self._read_all(mine)
            yield
        finally:
            self._turn = None

    def forget(self) -> None:
        """Let go of the memory; the next look begins anew."""
        self._columns = self._stamp = None
        self._gone = Gone()

    def read_again(self) -> None:
        """Read all, in a turn: another program renamed what we were about to."""
        assert self._turn is not None  # noqa: S101 - within a turn
        self._read_all(self._turn)

    def vanished(self, since: int) -> list[int] | None:
        """UIDs that went since, rising; None: not known so far back."""
        if since < self._gone.since:
            return None
        return sorted(uid for _, uid in self._gone.after(since))

    # ---- changes that were made, within a turn

    def with_letters(self, flags: frozenset[str]) -> Letters:
        """Have a letter for each of these flags.

        Raises:
            BadName, TooMany: see :func:`mailapp.storage.maildir.keywords.with_letters`.
        """
        self._use(keywords.with_letters(self._files, self.found.path, flags))
        return self.names.letters

    def masked(self, masks: Mapping[int, int]) -> None:
        """Files in these places have other letters now."""
        if not masks:
            return
        columns, names = self.columns, self.names
        if names.odd:
            written = {columns.uids[place] for place in masks}
            odd = {uid: name for uid, name in names.odd.items() if uid not in written}
            columns = evolve(columns, origin=evolve(names, odd=odd))
        self._columns = columns.with_masks(masks, self._next())

    def removed(self, places: Sequence[int]) -> None:
        """Files of these places, which rise, are gone."""
        if not places:
            return
        columns, modseq = self.columns, self._next()
        self._gone.add(modseq, [columns.uids[place] for place in places])
        self._columns = reduced(columns, places, modseq)

    def added(self, fresh: Sequence[bytes]) -> None:
        """Files of these names lie in ``cur`` now; all UIDs are new."""
        if not fresh:
            return
        columns, names = self.columns, self.names
        more = Gathered(names.letters)
        more.take(fresh, columns.uid_validity)
        found = in_order(more, self.found.id)
        starts = names.heap.add(
            [found.names.heap.stem(at) for at in found.names.starts]
        )
        modseq = self._next()
        whole = evolve(
            columns,
            highest_modseq=modseq,
            uids=joined(columns.uids, found.uids),
            modseqs=joined(columns.modseqs, [modseq] * len(found.uids)),
            masks=joined(columns.masks, found.masks),
            sizes=joined(columns.sizes, found.sizes),
            received=joined(columns.received, found.received),
            origin=evolve(
                names,
                starts=joined(names.starts, starts),
                odd={**names.odd, **more.odd},
            ),
        )
        fill_received(self._files, self.found.path, whole, None)
        whole.remember(columns, range(len(columns), len(whole)))
        self._columns = whole

    # ---- how they are kept up to date

    def _now(self) -> Stamp:
        return stamp_of(self._files, self.found.path)

    def _next(self) -> int:
        return self._clock.next(self.columns.highest_modseq)

    def _catch_up(self, mine: Turn) -> None:
        columns, known = self._columns, self._stamp
        stamp = self._now()
        if (
            columns is None
            or known is None
            or columns.uid_validity != mine.numbers.validity
            or (stamp.cur, stamp.keywords) != (known.cur, known.keywords)
            or self._files.now() >= self._again_at
        ):
            self._read_all(mine)
        elif stamp.new != known.new:
            self._read_new(mine)
        self._columns = self.columns.with_uid_next(mine.next)

    def _settle(self, mine: Turn) -> None:
        """This process changed files: what lies there is known without reading it."""
        self._columns = self.columns.with_uid_next(mine.next)
        self._stamp = self._now()
        soon = self._files.now() + max(_SOON, _TIMES * self._took)
        self._again_at = min(self._again_at, soon)

    def _read_new(self, mine: Turn) -> None:
        """Messages were delivered, and nothing else is known to have happened."""
        names = self._files.names(self.found.path + b"/new")
        bare = [b"new/" + name for name in names]
        self.added(number(self._files, self.found.path, mine, bare))
        self._settle(mine)

    def _read_all(self, mine: Turn) -> None:
        path, files = self.found.path, self._files
        self._use(keywords.read(files, path))
        letters = of_keywords(self._keywords)
        survey = surveyed(files, path, letters, mine.numbers.validity)
        if survey.gathered.has_twins():
            scan(files, path, b"", self._folders.unique)  # it parts them
            survey = surveyed(files, path, letters, mine.numbers.validity)
        gathered, before = survey.gathered, self._columns
        if before is not None and before.uid_validity != mine.numbers.validity:
            before = None
        strange = self._strange(gathered, before, mine)
        if strange or len(set(gathered.uids)) < len(gathered.uids):
            gathered.exclude(strange, mine.numbers.validity)
        bare = [b"new/" + name for name in survey.new]
        bare += [b"cur/" + name for name in gathered.bare]
        gathered.bare = []
        gathered.take(number(files, path, mine, bare), mine.numbers.validity)
        self._compare(gathered, before, mine)
        self._took = files.now() - survey.began
        self._stamp, self._again_at = survey.stamp, _NEVER
        if bare:
            self._stamp = self._now()
            self._again_at = files.now() + max(_SOON, _TIMES * self._took)
        elif not survey.steady:
            wait = 0 if self._took < _QUICK else _TIMES * self._took
            self._again_at = files.now() + wait

    def _use(self, known: keywords.Keywords) -> None:
        """Write the masks of the columns with the letters of these keywords."""
        self._keywords = known
        if self._columns is not None:
            self._columns = rewritten(self._columns, of_keywords(known))

    def _recall(self, mine: Turn) -> None:
        """Take over what other processes noted."""
        if self._remembered is None:
            return
        known = keywords.read(self._files, self.found.path)
        columns = self._columns
        if columns is not None and columns.uid_validity != mine.numbers.validity:
            columns = None
        validity = mine.numbers.validity
        recalled = self._remembered.recall(columns, validity, known, self._gone)
        if recalled is not None:
            self._keywords = known
            self._columns, self._stamp = recalled.columns, recalled.stamp
            self._again_at = recalled.again_at

    def _note(self) -> None:
        """Let other processes know."""
        if self._remembered is not None and self._stamp is not None:
            place = (self._stamp, self._again_at)
            self._remembered.note(
                self.columns, place, self._gone, self._keywords, whole=self._renamed
            )
            self._renamed = False

    def _strange(
        self, gathered: Gathered, before: Columns | None, mine: Turn
    ) -> set[int]:
        """UIDs that were never given, or whose message was seen to be gone.

        A client was told that it was expunged: it can only come back under another.
        """
        strange = {uid for uid in gathered.uids if uid >= mine.numbers.ceiling}
        if before is not None:
            known = set(before.uids)
            strange |= {
                uid
                for uid in gathered.uids
                if uid < before.uid_next and uid not in known
            }
        return strange

    def _compare(self, gathered: Gathered, before: Columns | None, mine: Turn) -> None:
        """Take over what lies there; what differs from before gets a new MODSEQ."""
        found = in_order(gathered, self.found.id)
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
        fill_received(self._files, self.found.path, fresh, before)
        if before is None:
            self._gone.begin(modseq)
            self._columns = fresh
            return
        gone, came = apart(before.uids, fresh.uids)
        self._columns = carried(before, fresh, gone, came)
        if self._columns.origin is not before.origin:
            self._renamed = True
        if gone:
            self._gone.add(modseq, [before.uids[place] for place in gone])

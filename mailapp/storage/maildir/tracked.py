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

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from attrs import frozen

from mailapp.storage.columns import Columns
from mailapp.storage.files import Files
from mailapp.storage.maildir import keywords
from mailapp.storage.maildir.clock import ModSeqClock
from mailapp.storage.maildir.current import Current
from mailapp.storage.maildir.folders import Folders, Found
from mailapp.storage.maildir.giving import given_uids
from mailapp.storage.maildir.layout import UIDS
from mailapp.storage.maildir.letters import of_keywords
from mailapp.storage.maildir.remembered import Remembered
from mailapp.storage.maildir.stems import Stems, in_parts, slashed
from mailapp.storage.maildir.survey import (
    Stamp,
    came_back,
    number,
    return_to_cur,
    sorted_out,
    stamp_of,
    strange,
)
from mailapp.storage.maildir.uids import Turn, turn

_NEVER: Final = 2**63
_SOON: Final = 500_000_000
_TIMES: Final = 20
_TIMES_FOR_NEW: Final = 4
_QUICK: Final = 5_000_000
FEW: Final = 300
"""Messages of a mailbox that is read in a moment."""
_A_WHILE: Final = 2_000_000_000


@frozen
class _Reading:
    """When all was read last, and how long that took, in nanoseconds."""

    done: int
    took: int

    def late_until(self, times: int) -> int:
        """So long names may change without another.

        That they tell UIDs little by little would have all read again and again.
        """
        return self.done + min(times * self.took, _A_WHILE)


class Tracked:
    """See the module.

    Attributes:
        unnoted: the index was lost, or lacks what came; the next look notes all.
        unseen: in a turn in which the columns are not led on.
    """

    def __init__(
        self,
        files: Files,
        folders: Folders,
        found: Found,
        clock: ModSeqClock,
        remembered: Remembered | None = None,
    ) -> None:
        self.found = found
        self.unnoted = self.unseen = False
        self._files = files
        self._folders = folders
        self.current: Final = Current(files, found, clock)
        self._remembered = remembered
        self._stamp: Stamp | None = None
        self._again_at = _NEVER
        self._read = _Reading(0, 0)
        self._turn: Turn | None = None

    @property
    def columns(self) -> Columns:
        """As they were when somebody looked; look first."""
        return self.current.columns

    @property
    def latest(self) -> Columns | None:
        """As they were when somebody looked, if anybody did."""
        return self.current.latest

    def move(self, found: Found) -> None:
        """It was renamed."""
        self.found = found
        self.current.move(found)

    def fresh(self) -> bool:
        """Are the columns still what lies there? Three looks."""
        if self.current.latest is None or self.unnoted:
            return False
        now, stamp, known = self._files.now(), self._now(), self._stamp
        if stamp == known:
            return now < self._again_at
        if known is None or not self.current.late:
            return False
        came = stamp.new != known.new
        return now < self._read.late_until(_TIMES_FOR_NEW if came else _TIMES)

    def doubtful_for(self) -> float | None:
        """In how many seconds all has to be read again; None: there is no doubt."""
        again_at = self._again_at
        if self.current.late:
            again_at = min(again_at, self._read.late_until(_TIMES_FOR_NEW))
        if again_at >= _NEVER:
            return None
        return max(0, again_at - self._files.now()) / 1e9

    def look(self) -> Columns:
        """Bring the columns up to date; give UIDs to messages that have none.

        Raises:
            FileNotFoundError: the mailbox is gone.
        """
        # without the file UIDs begin anew: rather now than while a session is there
        if not (self._files.exists(self.found.path + b"/" + UIDS) and self.fresh()):
            with self.turn():
                pass
        return self.columns

    @contextmanager
    def turn(self, *, adds: bool = False, unseen: bool = False) -> Iterator[Turn]:
        """Be the only one who changes the mailbox, with columns that are up to date.

        Within a turn another is the same one.

        Args:
            adds: messages only come. What already lies there may then be in doubt: the
                next look reads it, and not each of the messages that come in a row.
            unseen: messages only come, and nobody looks: the columns stay as they are,
                and the next look reads all.
        """
        if self._turn is not None:
            yield self._turn
            return
        path = self.found.path
        with turn(
            self._files, path, lambda: self._folders.begin(self.found.id)
        ) as mine:
            # what was delivered before gets its UIDs first
            self.unseen = unseen and not self._files.names(path + b"/new")
            self._turn = mine
            try:
                if self.unseen:
                    self._stamp = None
                    yield mine
                    return
                self._recall(mine)
                self._catch_up(mine, adds=adds)
                before = self.current.latest
                yield mine
                if self.current.latest is not before:
                    self._settle(mine)
                # a few are noted at the next look, not one by one
                if adds and len(self.columns) <= FEW:
                    self.unnoted = True
                else:
                    self._note()
            except BaseException:
                self._stamp = None  # read all, whatever was done of it
                raise
            finally:
                self._turn, self.unseen = None, False

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
        self._stamp = None
        self.current.forget()

    def read_again(self) -> None:
        """Read all, in a turn: another program renamed what we were about to."""
        assert self._turn is not None  # noqa: S101 - within a turn
        self._read_all(self._turn)

    # ---- how they are kept up to date

    def _now(self) -> Stamp:
        return stamp_of(self._files, self.found.path)

    def _catch_up(self, mine: Turn, *, adds: bool) -> None:
        columns, known = self.current.latest, self._stamp
        stamp = self._now()
        if (
            columns is None
            or known is None
            or columns.uid_validity != mine.numbers.validity
            or (stamp.cur, stamp.keywords) != (known.cur, known.keywords)
            or columns.uid_next != mine.next  # another added some, and owes the note
            or (not adds and self._files.now() >= self._again_at)
        ):
            self._read_all(mine)
        elif stamp.new != known.new:
            self._read_new(mine)
        self.current.latest = self.columns.with_uid_next(mine.next)

    def _settle(self, mine: Turn) -> None:
        """This process changed files: what lies there is known without reading it."""
        self.current.latest = self.columns.with_uid_next(mine.next)
        self._stamp = self._now()
        soon = self._files.now() + max(_SOON, _TIMES * self._read.took)
        self._again_at = min(self._again_at, soon)

    def _read_new(self, mine: Turn) -> None:
        """Messages were delivered, and nothing else is known to have happened."""
        path, files = self.found.path, self._files
        names = files.names(path + b"/new")
        if return_to_cur(files, path, names, mine.numbers.validity):
            self._read_all(mine)
            return
        bare = [b"new/" + name for name in names]
        self.current.added(number(files, path, mine, bare))
        self._settle(mine)

    def _read_all(self, mine: Turn) -> None:
        path, files = self.found.path, self._files
        self.current.use(keywords.read(files, path))
        letters = of_keywords(self.current.keywords)
        unique = self._folders.unique
        survey = sorted_out(files, path, letters, mine.numbers.validity, unique)
        gathered, before = survey.gathered, self.current.latest
        if before is not None and before.uid_validity != mine.numbers.validity:
            before = None
        with given_uids(files, path, mine, survey.new, gathered) as new:
            odd = strange(gathered, before, mine.numbers.ceiling)
            if odd or len(set(gathered.uids)) < len(gathered.uids):
                gathered.exclude(odd, mine.numbers.validity)
        bare = [b"new/" + name for name in new]
        bare += [b"cur/" + name for name in gathered.bare]
        gathered.bare = Stems()
        fresh = slashed(number(files, path, mine, bare))
        gathered.take(in_parts(fresh), mine.numbers.validity)
        self.current.compare(gathered, before, mine)
        done, took = files.now(), files.now() - survey.began
        self._read = _Reading(done, took)
        self._stamp, self._again_at = survey.stamp, _NEVER
        if bare:
            self._stamp = self._now()
            self._again_at = done + max(_SOON, _TIMES * took)
        elif not survey.steady:
            self._again_at = done + (0 if took < _QUICK else _TIMES * took)

    def _recall(self, mine: Turn) -> None:
        """Take over what other processes noted."""
        columns, validity = self.current.latest, mine.numbers.validity
        if self._remembered is None:
            return
        if columns is not None and columns.uid_validity != validity:
            columns = None
        told = self._remembered.told(columns)
        news = self._remembered.news(columns, validity)
        if news is None:
            return
        known = keywords.read(self._files, self.found.path)
        recalled = self._remembered.recall(news, columns, known, self.current.gone)
        if recalled is not None:
            fresh = recalled.columns
            if recalled.anew and columns is not None and came_back(fresh.uids, columns):
                # The index was lost, and with it that they are gone: for clients of
                # this process they stay gone.
                self._stamp = None
                return
            self.current.keywords = known
            # what others never heard of may have gone since
            self._stamp = recalled.stamp if told else None
            self.current.latest, self._again_at = fresh, recalled.again_at

    def _note(self) -> None:
        """Let other processes know."""
        wanted, self.unnoted = self.unnoted, False
        if self._remembered is None:
            return
        if self.current.late:  # to others it is as if the index were lost
            if wanted:
                self._remembered.begin(self.columns.uid_validity)
        elif self._stamp is not None:
            self._remembered.note(
                self.columns,
                (self._stamp, self._again_at),
                self.current.gone,
                self.current.keywords,
                whole=self.current.renamed,
            )
            self.current.renamed = False

"""One mailbox as it lies on disk: as POP lists it, and as IMAP numbers it.

The methods block and are not thread-safe but for :meth:`Mailbox.cached` and
:meth:`Mailbox.listing`: the account runs the others one at a time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, suppress
from errno import ENOENT
from functools import partial
from typing import Final

from attrs import define, field

from mailapp.message.imap_facts import Kind, facts
from mailapp.message.ranges import Read
from mailapp.storage.columns import Columns
from mailapp.storage.files import Files
from mailapp.storage.index.account_index import AccountIndex, Known
from mailapp.storage.interfaces import T
from mailapp.storage.maildir.computing import Computing
from mailapp.storage.maildir.filename import parse
from mailapp.storage.maildir.folders import Folders, Found
from mailapp.storage.maildir.full_text import FullText
from mailapp.storage.maildir.gather import uid_of
from mailapp.storage.maildir.late import whole
from mailapp.storage.maildir.scan import Listing, scan, tell
from mailapp.storage.maildir.tracked import Tracked
from mailapp.storage.maildir.uids import Turn
from mailapp.storage.types import (
    UID,
    BlobRef,
    Folder,
    ModSeq,
    Row,
)

_PARTS: Final = frozenset({b"new/", b"cur/"})
_NO_NAME: Final = frozenset({b"", b".", b",", b":"})
"""What no name begins with: see :func:`mailapp.storage.maildir.filename.parse`."""


@define(eq=False)
class Mailbox:
    """A mailbox that somebody looks at.

    Attributes:
        index: of its account, if there is one.
        watched: do other processes watch its account?
        sessions: that have selected it.
        asked: calls that compute facts for a session now.
        texts: what the index has of its texts.
    """

    files: Files
    folders: Folders
    tracked: Tracked
    index: AccountIndex | None = None
    watched: Callable[[], bool] = lambda: False
    sessions: int = 0
    asked: int = 0
    _listing: Listing | None = field(default=None, init=False)
    texts: FullText = field(init=False)

    def __attrs_post_init__(self) -> None:
        """Its texts are beside it."""
        self.texts = FullText(
            self.index, self.found.id, self._known, self._computing, self._forget
        )

    @property
    def found(self) -> Found:
        """Its id, its name and where it lies."""
        return self.tracked.found

    def move(self, found: Found) -> None:
        """It was renamed."""
        self.tracked.move(found)
        self._forget()

    def _forget(self) -> None:
        """Believe no listing that was read before."""
        self._listing = None

    def cached(self) -> Listing | None:
        """What was read before, if it still holds: two looks at directories."""
        listing = self._listing
        if listing is not None and listing.fresh(self.files, self.found.path):
            return listing
        return None

    def listing(self) -> Listing:
        """What lies there now. Names may be about to change: see ``untold`` there."""
        listing = self.cached()
        if listing is None:
            prefix = b"%d/" % self.found.id
            listing = scan(self.files, self.found.path, prefix, self.folders.unique)
            self._listing = listing
        return listing

    def tell(self, listing: Listing) -> None:
        """Have all names tell sizes."""
        tell(self.files, self.found.path, listing.untold)

    def look(self) -> Columns:
        """Bring the columns up to date; give UIDs to those that have none."""
        return self.tracked.look()

    def turn(self) -> AbstractContextManager[Turn]:
        """Be the only one who changes it: see :meth:`Tracked.turn`."""
        return self.tracked.turn()

    def summary(self) -> Folder:
        """Its counters."""
        columns = whole(self.files, self.tracked)
        return Folder(
            id=self.found.id,
            name=self.found.name,
            uid_validity=columns.uid_validity,
            uid_next=UID(columns.uid_next),
            highest_modseq=ModSeq(columns.highest_modseq),
            messages=len(columns),
            unseen=columns.unseen,
            octets=columns.octets,
        )

    def rows(self, low: int, high: int, since: int | None) -> list[Row]:
        """Messages by UID."""
        columns = whole(self.files, self.tracked)
        places = columns.places(low, high)
        if since is None:
            return [columns.row(place) for place in places]
        changed = columns.changed_since(since)
        return [columns.row(place) for place in changed if place in places]

    def vanished(self, since: int) -> list[tuple[UID, UID]] | None:
        """UIDs that went since, as ranges; None: not known so far back."""
        self.look()
        gone = self.tracked.current.gone.vanished(since)
        return None if gone is None else list(ranges(gone))

    def facts(
        self, columns: Columns, uids: Sequence[UID], kinds: Sequence[Kind]
    ) -> list[tuple[UID, list[bytes]]]:
        """Facts about messages; those that are gone are left out. In any thread."""
        serial = self._serial(columns)
        known: Mapping[Kind, Mapping[int, bytes]] = {}
        if self.index is not None and serial is not None:
            known = self.index.facts(serial, uids, kinds)
        rows = [known.get(kind, {}) for kind in kinds]
        told = [[row[uid] for row in rows if uid in row] for uid in uids]
        lacking = [
            uid
            for uid, values in zip(uids, told, strict=True)
            if len(values) < len(rows)
        ]
        fresh = dict(self.computed(columns, lacking, partial(facts, kinds=kinds)))
        found: list[tuple[UID, list[bytes]]] = []
        for uid, place, values in zip(uids, columns.places_of(uids), told, strict=True):
            if uid in fresh:
                found.append((uid, [fresh[uid][kind] for kind in kinds]))
            elif place is not None and len(values) == len(rows):
                found.append((uid, values))
        if fresh and self.index is not None and serial is not None:
            self.index.keep(serial, list(fresh.items()))
        return found

    def computed(
        self, columns: Columns, uids: Sequence[UID], tell: Callable[[Read, int], T]
    ) -> Iterator[tuple[UID, T]]:
        """What is told of each message; those that are gone are left out.

        In any thread. See :meth:`Computing.each`.
        """
        if not uids:
            return
        placed = zip(columns.places_of(uids), uids, strict=True)
        there = {place: uid for place, uid in placed if place is not None}
        for place, found in self._computing(columns).each(list(there), tell):
            if found is not None:
                yield there[place], found

    def inspect(
        self,
        columns: Columns,
        uids: Sequence[UID],
        look: Callable[[bytes], T],
        most_octets: int,
    ) -> list[tuple[UID, T | None]]:
        """What is said of all octets of each message; None: they are too many.

        In any thread.
        """

        def tell(read: Read, size: int) -> tuple[T | None]:
            return (look(read(0, size)) if size <= most_octets else None,)

        found = self.computed(columns, uids, tell)
        return [(uid, said) for uid, (said,) in found]

    def _computing(self, columns: Columns) -> Computing:
        return Computing(self.files, self.found.path, columns, self.open)

    def _serial(self, columns: Columns) -> int | None:
        known = self._known(columns)
        return None if known is None else known.serial

    def _known(self, columns: Columns) -> Known | None:
        """What the index has of it; None: it has to be noted first."""
        if self.index is None:
            return None
        known = self.index.known(self.found.id, columns.uid_validity)
        if known is None:
            self.tracked.unnoted = True
        return known

    def place(self, uid: int) -> bytes | None:
        """``cur/`` and the name of the file; None: it is not there."""
        columns = self.tracked.latest
        place = columns.place(uid) if columns is not None else None
        if columns is None or place is None:
            return None
        return b"cur/" + self.tracked.current.names.name(columns, place)

    def whereabouts(self, blob: BlobRef) -> Iterator[bytes]:
        """Where a message should lie; and then where, if its name was changed."""
        place = blob.partition(b"/")[2]
        if place[:4] not in _PARTS or place[4:5] in _NO_NAME or b"/" in place[4:]:
            return
        yield place  # nearly always: a name is read only if it is not there
        name = parse(place[4:])
        if name is None:
            return
        known = self.place(name.uid or uid_of(self.tracked.latest, name.unique))
        if known is not None and known != place:
            yield known
        for other in self.listing().items.places(name.unique):
            if other not in {place, known}:
                yield other

    def open(self, blob: BlobRef) -> int:
        """A descriptor of a body, wherever it lies now. In any thread.

        Raises:
            FileNotFoundError: it is gone.
        """
        for place in self.whereabouts(blob):
            with suppress(FileNotFoundError):
                return self.files.open_read(self.path(place))
        raise FileNotFoundError(ENOENT, "no such message")

    def path(self, place: bytes) -> bytes:
        """Where a message lies."""
        return self.found.path + b"/" + place

    def sync(self, part: bytes = b"cur") -> None:
        """Make names in ``cur`` (or ``new``) durable."""
        self.files.sync_directory(self.found.path + b"/" + part)


def ranges(uids: list[int]) -> Iterator[tuple[UID, UID]]:
    """Rising UIDs as ranges."""
    first = last = 0
    for uid in uids:
        if uid != last + 1 or not first:
            if first:
                yield UID(first), UID(last)
            first = uid
        last = uid
    if first:
        yield UID(first), UID(last)

"""One mailbox as it lies on disk: as POP lists it, and as IMAP numbers it.

The methods block and are not thread-safe but for :meth:`Mailbox.cached` and
:meth:`Mailbox.listing`: the account runs the others one at a time.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, suppress
from errno import ENOENT

from attrs import define, field

from mailapp.message.imap_facts import Kind, facts
from mailapp.storage.columns import Columns
from mailapp.storage.files import Files
from mailapp.storage.maildir.body import Body
from mailapp.storage.maildir.filename import parse
from mailapp.storage.maildir.folders import Folders, Found
from mailapp.storage.maildir.reading import raw_octets
from mailapp.storage.maildir.scan import Listing, scan, tell
from mailapp.storage.maildir.tracked import Tracked
from mailapp.storage.maildir.uids import Turn
from mailapp.storage.types import UID, BlobRef, Folder, ModSeq, Row


@define(eq=False)
class Mailbox:
    """A mailbox that somebody looks at."""

    files: Files
    folders: Folders
    tracked: Tracked
    _listing: Listing | None = field(default=None, init=False)

    @property
    def found(self) -> Found:
        """Its id, its name and where it lies."""
        return self.tracked.found

    def move(self, found: Found) -> None:
        """It was renamed."""
        self.tracked.found = found
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

    @property
    def modseq(self) -> int:
        """The highest, as far as somebody looked."""
        columns = self.tracked.latest
        return columns.highest_modseq if columns is not None else 1

    def summary(self) -> Folder:
        """Its counters."""
        columns = self.look()
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
        columns = self.look()
        places = columns.places(low, high)
        if since is None:
            return [columns.row(place) for place in places]
        changed = columns.changed_since(since)
        return [columns.row(place) for place in changed if place in places]

    def vanished(self, since: int) -> list[tuple[UID, UID]] | None:
        """UIDs that went since, as ranges; None: not known so far back."""
        self.look()
        gone = self.tracked.vanished(since)
        return None if gone is None else list(ranges(gone))

    def facts(
        self, columns: Columns, uids: Sequence[UID], kinds: Sequence[Kind]
    ) -> list[tuple[UID, list[bytes]]]:
        """Facts about messages; those that are gone are left out. In any thread."""
        found = []
        for uid in uids:
            place = columns.place(uid)
            if place is None:
                continue
            blob = columns.blob(place)
            try:
                fd = self.open(blob)
                with Body(self.files, fd, raw=raw_octets(blob) is not None) as body:
                    known = facts(body.read, columns.sizes[place], kinds)
            except FileNotFoundError:
                continue
            found.append((uid, [known[kind] for kind in kinds]))
        return found

    def place(self, uid: int) -> bytes | None:
        """``cur/`` and the name of the file; None: it is not there."""
        columns = self.tracked.latest
        place = columns.place(uid) if columns is not None else None
        if columns is None or place is None:
            return None
        return b"cur/" + self.tracked.names.name(columns, place)

    def whereabouts(self, blob: BlobRef) -> Iterator[bytes]:
        """Where a message should lie; and then where, if its name was changed."""
        place = blob.partition(b"/")[2]
        name = parse(place[4:])
        if place[:4] not in {b"new/", b"cur/"} or name is None or b"/" in place[4:]:
            return
        yield place
        known = self.place(name.uid) if name.uid else None
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

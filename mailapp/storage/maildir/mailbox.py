"""One mailbox as it lies on disk: its messages, their UIDs, what changed since when.

Without an index MODSEQ lives as long as the process: it comes from the clock (and never
falls), so a value that a client kept from before is lower than all new ones, and the
client is told more than it needs, never less (RFC 7162, section 3.1).

The methods block and are not thread-safe but for :meth:`Mailbox.cached` and
:meth:`Mailbox.listing`: the account runs the others one at a time.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from attrs import define, evolve, field, frozen

from mailapp.storage.files import Files
from mailapp.storage.maildir import keywords
from mailapp.storage.maildir.filename import MessageName, parse
from mailapp.storage.maildir.folders import Folders, Found
from mailapp.storage.maildir.scan import Listing, scan, tell
from mailapp.storage.maildir.uids import Turn, next_uid, read_numbers, turn
from mailapp.storage.types import UID, BlobRef, Folder, Item, ModSeq, Row

REMEMBERED_GONE: Final = 10_000
"""Expunged UIDs kept for clients that come back; who asks for more reads all again."""


@frozen
class Message:
    """A message that has a UID.

    Attributes:
        place: ``cur/`` and its name.
        name: the parsed name.
    """

    uid: UID
    place: bytes
    name: MessageName
    guid: bytes
    size_octets: int
    received: int
    modseq: int


class ModSeqClock:
    """Rises with the clock, and in any case."""

    def __init__(self, files: Files) -> None:
        self._files = files
        self._last = 0

    def next(self) -> int:
        """Higher than all before, also by an earlier process: microseconds."""
        self._last = max(self._last + 1, self._files.now() // 1000)
        return self._last


@define(eq=False)
class Mailbox:
    """A mailbox that somebody looks at."""

    files: Files
    folders: Folders
    found: Found
    clock: ModSeqClock
    messages: dict[UID, Message] = field(factory=dict)
    modseq: int = 0
    _since: int = 0
    _gone: dict[UID, int] = field(factory=dict)
    _listing: Listing | None = None
    _viewed: Listing | None = None
    _validity: int = 0

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

    def told(self) -> Listing:
        """What lies there now, under names that tell sizes."""
        listing = self.listing()
        if not listing.untold:
            return listing
        self.tell(listing)
        # what still can't be renamed is not tried again until something changes
        self._listing = evolve(self.listing(), untold=())
        return self._listing

    def tell(self, listing: Listing) -> None:
        """Have all names tell sizes."""
        tell(self.files, self.found.path, listing.untold)

    def look(self) -> None:
        """Bring the messages up to date; give UIDs to those that have none."""
        listing = self.told()
        numbers = read_numbers(self.files, self.found.path)
        if listing is self._viewed and numbers and numbers.validity == self._validity:
            return
        if numbers is None:
            with turn(self.files, self.found.path, self.begin) as mine:
                numbers = mine.numbers
        numbered: dict[UID, tuple[Item, MessageName]] = {}
        bare: list[tuple[Item, MessageName]] = []
        for item in listing.items:
            name = parse(item.blob.rpartition(b"/")[2])
            if name is None:
                continue
            uid = UID(name.uid or 0)
            known = name.validity == numbers.validity and 0 < uid < numbers.ceiling
            in_cur = item.blob.partition(b"/")[2][:4] == b"cur/"
            if known and in_cur and uid not in numbered:
                numbered[uid] = (item, name)
            else:
                bare.append((item, name))
        if bare:
            with turn(self.files, self.found.path, self.begin) as mine:
                numbered |= dict(self._number(mine, bare))
                numbers = mine.numbers
        self._compare(numbered, numbers.validity)
        self._viewed = listing if not bare else None

    def begin(self) -> tuple[int, int]:
        """Numbers for it, when it has none."""
        return self.folders.begin(self.found.id)

    def summary(self) -> Folder:
        """Its counters; look first."""
        numbers = read_numbers(self.files, self.found.path)
        after = 1
        if numbers is not None:
            after = next_uid(self.files, self.found.path, numbers)
        seen = sum(b"S" in m.name.flags for m in self.messages.values())
        return Folder(
            id=self.found.id,
            name=self.found.name,
            uid_validity=self._validity,
            uid_next=UID(after),
            highest_modseq=ModSeq(self.modseq),
            messages=len(self.messages),
            unseen=len(self.messages) - seen,
            octets=sum(m.size_octets for m in self.messages.values()),
        )

    def rows(self, low: int, high: int, since: int | None) -> list[Row]:
        """Messages by UID; look first."""
        letters = keywords.read(self.files, self.found.path)
        flags: dict[bytes, frozenset[str]] = {}
        found = []
        for uid in sorted(self.messages):
            message = self.messages[uid]
            if uid < low or uid > high or message.modseq <= (since or 0):
                continue
            key = message.name.flags
            if key not in flags:
                flags[key] = letters.flags(key)
            found.append(
                Row(
                    uid=uid,
                    modseq=ModSeq(message.modseq),
                    flags=flags[key],
                    size_octets=message.size_octets,
                    received=message.received,
                    guid=message.guid,
                    blob=self.blob(message),
                )
            )
        return found

    def blob(self, message: Message) -> BlobRef:
        """Refers to a message."""
        return BlobRef(b"%d/%s" % (self.found.id, message.place))

    def vanished(self, since: int) -> list[tuple[UID, UID]] | None:
        """UIDs that went since; None: not known so far back."""
        if since < self._since:
            return None
        return [(u, u) for u, modseq in sorted(self._gone.items()) if modseq > since]

    def places(self, uid: UID) -> Iterator[bytes]:
        """Where a message lies; and then where, if another program renamed it."""
        yield self.messages[uid].place
        self.look()
        if uid in self.messages:
            yield self.messages[uid].place

    def path(self, place: bytes) -> bytes:
        """Where a message lies."""
        return self.found.path + b"/" + place

    def sync(self, part: bytes = b"cur") -> None:
        """Make names in ``cur`` (or ``new``) durable."""
        self.files.sync_directory(self.found.path + b"/" + part)

    def _number(
        self, mine: Turn, bare: Sequence[tuple[Item, MessageName]]
    ) -> Iterator[tuple[UID, tuple[Item, MessageName]]]:
        """Give UIDs, in order of arrival, and make that durable."""
        first = mine.take(len(bare))
        validity = mine.numbers.validity
        renamed = []
        for uid, (item, name) in enumerate(bare, first):
            fresh = evolve(name, uid=uid, validity=validity, wire=item.size_octets)
            place = b"cur/" + fresh.format()
            old = item.blob.partition(b"/")[2]
            try:
                self.files.rename(self.path(old), self.path(place))
            except FileNotFoundError:
                continue
            blob = BlobRef(b"%d/%s" % (self.found.id, place))
            renamed.append((UID(uid), (item._replace(blob=blob), fresh)))
        self.sync()
        yield from renamed

    def _compare(
        self, numbered: dict[UID, tuple[Item, MessageName]], validity: int
    ) -> None:
        """Take over what lies there; what differs from before gets a new MODSEQ."""
        modseq = self.clock.next()
        if validity != self._validity:
            self._validity, self._since = validity, modseq
            self.messages, self._gone = {}, {}
            self.modseq = modseq
        messages = {}
        for uid in sorted(numbered):
            item, name = numbered[uid]
            place = item.blob.partition(b"/")[2]
            before = self.messages.get(uid)
            if before is not None and before.place == place:
                messages[uid] = before
                continue
            received = before.received if before else self._received(place)
            if received is None:
                continue
            same = before is not None and before.name.flags == name.flags
            messages[uid] = Message(
                uid=uid,
                place=place,
                name=name,
                guid=item.guid,
                size_octets=item.size_octets,
                received=received,
                modseq=before.modseq if before and same else modseq,
            )
        gone = self.messages.keys() - messages.keys()
        self._gone |= dict.fromkeys(gone, modseq)
        if len(self._gone) > REMEMBERED_GONE:
            self._gone, self._since = {}, modseq
        if gone or any(m.modseq == modseq for m in messages.values()):
            self.modseq = modseq
        self.messages = messages

    def _received(self, place: bytes) -> int | None:
        try:
            return self.files.facts(self.path(place)).mtime // 1_000_000_000
        except FileNotFoundError:
            return None


def size_of(name: MessageName) -> int:
    """Octets on disk, as far as the name tells."""
    return name.size if name.size is not None else name.wire or 0

"""Puts messages into mailboxes: appended, copied, moved.

Each gets its name there by one link or rename; the directory is durable at the end.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack, suppress
from itertools import count
from typing import Final

from attrs import evolve, frozen

from mailapp.storage.columns import Columns
from mailapp.storage.files import Files
from mailapp.storage.maildir.arriving import Arriving, Order, Placed, Source
from mailapp.storage.maildir.commits import Commit
from mailapp.storage.maildir.errors import storage_error
from mailapp.storage.maildir.filename import MessageName, email, parse
from mailapp.storage.maildir.mailbox import Mailbox
from mailapp.storage.types import UID, Append, BlobRef, Copy, FolderId, Move, NoSuch

_LATEST: Final = 2**32 - 1


@frozen
class Placing:
    """Puts messages into the mailboxes of one account.

    Attributes:
        path: of the account.
        mailbox: finds a mailbox, or raises NoSuch.
    """

    files: Files
    path: bytes
    arriving: Arriving
    mailbox: Callable[[FolderId], Mailbox]

    def look_for(self, blob: BlobRef) -> None:
        """See that a staged body is there.

        Raises:
            NoSuch: it is not.
        """
        path, _ = self._staged_body(blob)
        if not self.files.exists(path):
            raise NoSuch

    def _staged_body(self, blob: BlobRef) -> tuple[bytes, MessageName]:
        """The path of a staged body, and what its reference tells."""
        kind, _, place = blob.partition(b"/")
        name = parse(place)
        if kind != b"0" or name is None:
            raise NoSuch
        return self.path + b"/tmp/" + name.unique, name

    def append(
        self,
        folder: FolderId,
        commits: Sequence[Commit],
    ) -> list[Placed | Exception]:
        """Put staged bodies into this mailbox: those of each commit all, or none."""
        box = self.mailbox(folder)
        orders = [self._order(commit) for commit in commits]
        self.arriving.bring(box, orders)
        return [self._came(order) for order in orders]

    def _order(self, commit: Commit) -> Order:
        changes = [each for each in commit.changes if isinstance(each, Append)]
        blobs = {change.blob for change in changes}
        return Order(
            [self._staged(change) for change in changes],
            takes=len(blobs) == len(changes),
            bodies=[commit.held[blob] for blob in blobs if blob in commit.held],
        )

    def _came(self, order: Order) -> Placed | Exception:
        if order.failure is not None:
            failure = order.failure
            return storage_error(failure) if isinstance(failure, OSError) else failure
        if not order.takes:
            for source in order.sources:
                with suppress(OSError):
                    self.files.unlink(source.path)
        return order.placed

    def _staged(self, change: Append) -> Source:
        """The body of an Append, with its date."""
        path, name = self._staged_body(change.blob)
        if change.received is not None:
            name = evolve(name, received=max(0, min(change.received, _LATEST)))
        return Source(path, name, change.flags, mtime=change.received)

    def transfer(self, change: Copy | Move) -> tuple[Placed, list[UID]]:
        """Copy or move; and UIDs that were gone here."""
        source, target = self.mailbox(change.folder), self.mailbox(change.to)
        if isinstance(change, Move):
            return self._move(source, target, change.uids)
        columns = source.look()
        there = [uid for uid in change.uids if columns.place(uid) is not None]
        refused = [uid for uid in change.uids if columns.place(uid) is None]
        try:
            return self._copy(source, target, there), refused
        except FileNotFoundError:
            raise NoSuch from None

    def _copy(self, source: Mailbox, target: Mailbox, uids: Sequence[UID]) -> Placed:
        if not uids:
            return Placed()
        with source.turn():
            self._find(source, uids)
            columns = source.tracked.columns
            copies = [self._copied(source, columns, uid) for uid in uids]
        order = Order(copies)
        self.arriving.bring(target, [order])
        if order.failure is not None:
            raise order.failure
        return order.placed

    def _copied(self, box: Mailbox, columns: Columns, uid: UID) -> Source:
        """As ``_source``; its name will tell what it is a copy of.

        RFC 8474, section 5.1: copies have one EMAILID. RFC 8514, section 3: the time of
        a copy is its own, which its unique part tells.
        """
        path, name, flags = self._source(box, columns, uid)
        original = name.email or email(name.unique)
        return Source(path, evolve(name, email=original, saved=None), flags)

    def _find(self, box: Mailbox, uids: Sequence[UID]) -> None:
        """See that the files lie where they should, in a turn."""
        for uid in uids:
            place = box.place(uid)
            if place is None or not self.files.exists(box.path(place)):
                box.tracked.read_again()
                return

    def _source(
        self, box: Mailbox, columns: Columns, uid: UID
    ) -> tuple[bytes, MessageName, frozenset[str]]:
        """What is copied: its file, its name without a UID, its flags."""
        place = columns.place(uid)
        path = box.place(uid)
        name = parse(path[4:]) if path is not None else None
        if place is None or path is None or name is None:
            raise NoSuch
        name = evolve(name, received=columns.received[place])
        flags = frozenset(columns.flags_of(columns.masks[place]))
        return box.path(path), name, flags

    def _move(
        self, source: Mailbox, target: Mailbox, uids: Sequence[UID]
    ) -> tuple[Placed, list[UID]]:
        """Rename each: it lies in the one mailbox or in the other, at any time."""
        with ExitStack() as turns:
            for box in sorted({source, target}, key=lambda each: each.found.path):
                turns.enter_context(box.turn())
            given = self._rename(source, target, uids)
            lost = [u for u in uids if u not in given and source.place(u) is not None]
            if lost:  # another program gave them other names, or removed them
                source.tracked.read_again()
                given |= self._rename(source, target, lost)
            target.sync()
            source.sync()
            validity = target.tracked.columns.uid_validity
        refused = [uid for uid in uids if uid not in given]
        return Placed(validity, [given[uid] for uid in uids if uid in given]), refused

    def _rename(
        self, source: Mailbox, target: Mailbox, uids: Sequence[UID]
    ) -> dict[UID, UID]:
        """Move files, in the turns of both; the UIDs that they got."""
        columns = source.tracked.columns
        there = [uid for uid in uids if columns.place(uid) is not None]
        if not there:
            return {}
        sources = [self._source(source, columns, uid) for uid in there]
        every = frozenset(flag for _, _, flags in sources for flag in flags)
        letters = target.tracked.current.with_letters(every)
        done: dict[UID, UID] = {}
        names: list[bytes] = []
        with target.turn() as mine:
            validity, first = mine.numbers.validity, mine.take(len(there))
            now = self.files.now() // 1_000_000_000  # RFC 8514, section 3
            for uid, given, (path, name, flags) in zip(
                there, count(first), sources, strict=False
            ):
                own = letters.of(target.tracked.columns.mask_of(flags))
                moved = evolve(name, uid=given, validity=validity, flags=own, saved=now)
                fresh = moved.format()
                with suppress(FileNotFoundError):
                    self.files.rename(path, target.path(b"cur/" + fresh))
                    done[uid] = UID(given)
                    names.append(fresh)
        source.tracked.current.removed(sorted(place_of(columns, uid) for uid in done))
        target.tracked.current.added(names)
        return done


def place_of(columns: Columns, uid: int) -> int:
    """The place of a message that is there."""
    place = columns.place(uid)
    assert place is not None  # noqa: S101 - the caller looked
    return place

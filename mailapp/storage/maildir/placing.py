"""Puts messages into mailboxes: appended, copied, moved.

Each gets its name there by one link or rename; the directory is durable at the end.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress

from attrs import evolve, frozen

from mailapp.storage.files import Files
from mailapp.storage.maildir import keywords
from mailapp.storage.maildir.deliver import link_or_copy, settle
from mailapp.storage.maildir.filename import MessageName, UniqueNames, parse
from mailapp.storage.maildir.mailbox import Mailbox, Message, size_of
from mailapp.storage.maildir.quota import Quota, Reservation
from mailapp.storage.maildir.uids import turn
from mailapp.storage.types import UID, Append, BlobRef, Copy, FolderId, Move, NoSuch


@frozen
class Placing:
    """Puts messages into the mailboxes of one account.

    Attributes:
        path: of the account.
        mailbox: finds a mailbox, or raises NoSuch.
    """

    files: Files
    unique: UniqueNames
    path: bytes
    quota: Quota
    mailbox: Callable[[FolderId], Mailbox]

    def staged_body(self, blob: BlobRef) -> tuple[bytes, MessageName]:
        """A staged body: its path and what its reference tells.

        Raises:
            NoSuch: it is not there.
        """
        kind, _, place = blob.partition(b"/")
        name = parse(place)
        if kind != b"0" or name is None:
            raise NoSuch
        path = self.path + b"/tmp/" + name.unique
        try:
            self.files.facts(path)
        except FileNotFoundError:
            raise NoSuch from None
        return path, name

    def _reserve(self, octets: int, messages: int) -> Reservation | None:
        if messages and self.quota.room(octets, messages):
            return self.quota.reserve(octets, messages)
        return None

    def append(self, change: Append) -> list[UID]:
        """Put a staged body into a mailbox."""
        box = self.mailbox(change.folder)
        source, name = self.staged_body(change.blob)
        room = self._reserve(size_of(name), 1)
        try:
            if change.received is not None:
                self._set_mtime(source, change.received)
            uids = self._put(box, [(source, name, change.flags)])
        except BaseException:
            settle(room, kept=False)
            raise
        settle(room, kept=True)
        with suppress(OSError):
            self.files.unlink(source)
        box.look()
        return uids

    def _set_mtime(self, path: bytes, seconds: int) -> None:
        fd = self.files.open_read(path)
        try:
            self.files.set_mtime(fd, seconds)
        finally:
            self.files.close(fd)

    def _put(
        self, box: Mailbox, sources: Sequence[tuple[bytes, MessageName, frozenset[str]]]
    ) -> list[UID]:
        """Link files into a mailbox under new names: all of them, durably, or none."""
        done: list[bytes] = []
        path = box.found.path
        current = self.files.directory(path + b"/cur")
        with turn(self.files, path, box.begin) as mine:
            try:
                first = mine.take(len(sources))
                for uid, (source, name, flags) in enumerate(sources, first):
                    unique = self.unique.next(self.files.now())
                    letters = keywords.with_letters(self.files, path, flags)
                    fresh = evolve(
                        name,
                        unique=unique,
                        uid=uid,
                        validity=mine.numbers.validity,
                        flags=letters.letters(flags),
                    )
                    place = (current, fresh.format())
                    spare = self.path + b"/tmp/" + unique
                    link_or_copy(self.files, source, spare, place)
                    done.append(path + b"/cur/" + place[1])
                self.files.sync(current)
            except BaseException:
                for final in done:
                    with suppress(OSError):
                        self.files.unlink(final)
                raise
        return [UID(uid) for uid in range(first, first + len(sources))]

    def transfer(self, change: Copy | Move) -> tuple[list[UID], list[UID]]:
        """Copy or move; UIDs given there, and UIDs that were gone here."""
        source, target = self.mailbox(change.folder), self.mailbox(change.to)
        source.look()
        there = [uid for uid in change.uids if uid in source.messages]
        refused = [uid for uid in change.uids if uid not in source.messages]
        if isinstance(change, Move):
            uids = self._move(source, target, there, refused)
        else:
            uids = self._copy(source, target, [source.messages[u] for u in there])
        source.look()
        target.look()
        return uids, refused

    def _copy(
        self, source: Mailbox, target: Mailbox, found: Sequence[Message]
    ) -> list[UID]:
        letters = keywords.read(self.files, source.found.path)
        copies = [
            (source.path(m.place), m.name, letters.flags(m.name.flags)) for m in found
        ]
        room = self._reserve(sum(size_of(m.name) for m in found), len(found))
        try:
            uids = self._put(target, copies)
        except BaseException as failure:
            settle(room, kept=False)
            if isinstance(failure, FileNotFoundError):
                raise NoSuch from None
            raise
        settle(room, kept=True)
        return uids

    def _move(
        self,
        source: Mailbox,
        target: Mailbox,
        there: Sequence[UID],
        refused: list[UID],
    ) -> list[UID]:
        """Rename each: it lies in the one mailbox or in the other, at any time."""
        letters = keywords.read(self.files, source.found.path)
        path = target.found.path
        uids = []
        with turn(self.files, path, target.begin) as mine:
            for uid in there:
                name = source.messages[uid].name
                flags = letters.flags(name.flags)
                own = keywords.with_letters(self.files, path, flags).letters(flags)
                given = mine.take(1)
                fresh = evolve(
                    name, uid=given, validity=mine.numbers.validity, flags=own
                )
                final = path + b"/cur/" + fresh.format()
                for old in source.places(uid):
                    with suppress(FileNotFoundError):
                        self.files.rename(source.path(old), final)
                        uids.append(UID(given))
                        break
                else:
                    refused.append(uid)
            target.sync()
            source.sync()
        return uids

"""What each kind of change does to the files of an account.

What can be known to fail is looked at before the first change is made. Each message is
changed by one rename, link or unlink, and the directories are durable at the end of
each change. The methods block; the account runs one commit at a time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from typing import assert_never

from attrs import evolve, frozen

from mailapp.storage.maildir import keywords
from mailapp.storage.maildir.deliver import link_or_copy, settle
from mailapp.storage.maildir.filename import MessageName, UniqueNames, parse
from mailapp.storage.maildir.files import Files
from mailapp.storage.maildir.folders import Folders
from mailapp.storage.maildir.mailbox import Mailbox, Message
from mailapp.storage.maildir.quota import Quota, Reservation
from mailapp.storage.maildir.uids import turn
from mailapp.storage.memory_changes import changed
from mailapp.storage.types import (
    UID,
    Append,
    BlobRef,
    Change,
    Copy,
    CreateFolder,
    DeleteFolder,
    Discard,
    Expunge,
    FolderId,
    ModSeq,
    Move,
    NoSuch,
    Outcome,
    RenameFolder,
    SetFlags,
)


@frozen
class Changes:
    """Applies changes to one account.

    Attributes:
        path: of the account.
        mailbox: finds a mailbox, or raises NoSuch.
    """

    files: Files
    unique: UniqueNames
    path: bytes
    folders: Folders
    quota: Quota
    mailbox: Callable[[FolderId], Mailbox]

    def check(self, changes: Sequence[Change]) -> None:
        """Find what is missing before anything is changed.

        Raises:
            NoSuch: a mailbox or a staged body is not there.
        """
        for change in changes:
            match change:
                case CreateFolder():
                    pass
                case Append():
                    self.mailbox(change.folder)
                    self.files_facts(change.blob)
                case Copy() | Move():
                    self.mailbox(change.folder)
                    self.mailbox(change.to)
                case _:
                    self.mailbox(change.folder)

    def files_facts(self, blob: BlobRef) -> tuple[bytes, MessageName]:
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

    def apply(self, change: Change) -> Outcome:  # noqa: PLR0911 - one for each kind
        """Do it, durably.

        Raises:
            StoreError, OSError: it was not done, or a part of it.
        """
        match change:
            case CreateFolder():
                return self._outcome(self.folders.create(change.name).id)
            case RenameFolder():
                self.folders.rename(change.folder, change.name)
                return self._outcome(change.folder)
            case DeleteFolder():
                return self._delete(change)
            case Append():
                return self._append(change)
            case SetFlags():
                return self._set_flags(change)
            case Copy() | Move():
                return self._copy(change)
            case Expunge():
                return self._expunge(change)
            case Discard():
                return self._discard(change)
            case _:
                assert_never(change)

    def _outcome(
        self,
        folder: FolderId | None,
        uids: Sequence[UID] = (),
        refused: Sequence[UID] = (),
        gone: Sequence[BlobRef] = (),
    ) -> Outcome:
        box = None if folder is None else self.mailbox(folder)
        modseq = ModSeq(box.modseq if box and box.modseq else 1)
        return Outcome(folder, modseq, uids, refused, gone)

    def _delete(self, change: DeleteFolder) -> Outcome:
        box = self.mailbox(change.folder)
        box.look()
        octets = sum(_size(m.name) for m in box.messages.values())
        self.folders.delete(change.folder)
        self.quota.removed(octets, len(box.messages))
        return self._outcome(None)

    def _reserve(self, octets: int, messages: int) -> Reservation | None:
        if messages and self.quota.room(octets, messages):
            return self.quota.reserve(octets, messages)
        return None

    def _append(self, change: Append) -> Outcome:
        box = self.mailbox(change.folder)
        source, name = self.files_facts(change.blob)
        room = self._reserve(_size(name), 1)
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
        return self._outcome(change.folder, uids)

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

    def _set_flags(self, change: SetFlags) -> Outcome:
        box = self.mailbox(change.folder)
        box.look()
        done: list[UID] = []
        refused: list[UID] = []
        with turn(self.files, box.found.path, box.begin):
            letters = keywords.with_letters(self.files, box.found.path, change.flags)
            for uid in change.uids:
                message = box.messages.get(uid)
                limit = change.unchanged_since
                if message is None or (limit is not None and message.modseq > limit):
                    refused.append(uid)
                    continue
                flags = letters.flags(message.name.flags)
                wanted = changed(flags, change.mode, change.flags)
                known = self._rename_flags(box, message, letters, wanted)
                (done if known else refused).append(uid)
            box.sync()
        box.look()
        return self._outcome(change.folder, done, refused)

    def _rename_flags(
        self,
        box: Mailbox,
        message: Message,
        letters: keywords.Keywords,
        wanted: frozenset[str],
    ) -> bool:
        """Give a message these flags; letters without a meaning stay."""
        unknown = [b for b in message.name.flags if not letters.flags(bytes([b]))]
        both = bytes(sorted({*unknown, *letters.letters(wanted)}))
        if both == message.name.flags:
            return True
        place = b"cur/" + evolve(message.name, flags=both).format()
        for old in self._places(box, message.uid):
            with suppress(FileNotFoundError):
                self.files.rename(box.path(old), box.path(place))
                return True
        return False

    def _places(self, box: Mailbox, uid: UID) -> Iterator[bytes]:
        """Where a message lies; and then where, if another program renamed it."""
        yield box.messages[uid].place
        box.look()
        if uid in box.messages:
            yield box.messages[uid].place

    def _copy(self, change: Copy | Move) -> Outcome:
        source, target = self.mailbox(change.folder), self.mailbox(change.to)
        source.look()
        there = [uid for uid in change.uids if uid in source.messages]
        refused = [uid for uid in change.uids if uid not in source.messages]
        if isinstance(change, Move):
            uids = self._move(source, target, there, refused)
        else:
            letters = keywords.read(self.files, source.found.path)
            found = [source.messages[uid] for uid in there]
            room = self._reserve(sum(_size(m.name) for m in found), len(found))
            try:
                uids = self._put(
                    target,
                    [
                        (source.path(m.place), m.name, letters.flags(m.name.flags))
                        for m in found
                    ],
                )
            except FileNotFoundError:
                settle(room, kept=False)
                raise NoSuch from None
            except BaseException:
                settle(room, kept=False)
                raise
            settle(room, kept=True)
        source.look()
        target.look()
        return self._outcome(change.to, uids, refused)

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
                for old in self._places(source, uid):
                    with suppress(FileNotFoundError):
                        self.files.rename(source.path(old), final)
                        uids.append(UID(given))
                        break
                else:
                    refused.append(uid)
            target.sync()
            source.sync()
        return uids

    def _expunge(self, change: Expunge) -> Outcome:
        box = self.mailbox(change.folder)
        box.look()
        done, refused, octets = [], [], 0
        for uid in change.uids:
            if uid not in box.messages:
                refused.append(uid)
                continue
            octets += _size(box.messages[uid].name)
            for place in self._places(box, uid):
                with suppress(FileNotFoundError):
                    self.files.unlink(box.path(place))
                    break
            done.append(uid)
        box.sync()
        self.quota.removed(octets, len(done))
        box.look()
        return self._outcome(change.folder, done, refused)

    def _discard(self, change: Discard) -> Outcome:
        box = self.mailbox(change.folder)
        gone: list[BlobRef] = []
        touched: set[bytes] = set()
        octets = 0
        for blob in change.blobs:
            place = self._discard_one(box, blob)
            if place is None:
                gone.append(blob)
            else:
                name = parse(place[4:])
                octets += _size(name) if name else 0
                touched.add(place[:3])
        for part in sorted(touched):
            box.sync(part)
        self.quota.removed(octets, len(change.blobs) - len(gone))
        return self._outcome(change.folder, gone=gone)

    def _discard_one(self, box: Mailbox, blob: BlobRef) -> bytes | None:
        """Remove a message wherever it lies now; where that was."""
        for place in places(box, blob):
            with suppress(FileNotFoundError):
                self.files.unlink(box.path(place))
                return place
        return None


def places(box: Mailbox, blob: BlobRef) -> Iterator[bytes]:
    """Where a message should lie; and then where, if another program renamed it."""
    place = blob.partition(b"/")[2]
    name = parse(place[4:])
    if place[:4] not in {b"new/", b"cur/"} or name is None or b"/" in place[4:]:
        return
    yield place
    for item in box.listing().items:
        other = item.blob.partition(b"/")[2]
        found = parse(other[4:])
        if found is not None and found.unique == name.unique and other != place:
            yield other


def _size(name: MessageName) -> int:
    """Octets on disk, as far as the name tells."""
    return name.size if name.size is not None else name.wire or 0

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

from mailapp.storage.files import Files
from mailapp.storage.maildir import keywords
from mailapp.storage.maildir.filename import parse
from mailapp.storage.maildir.folders import Folders
from mailapp.storage.maildir.mailbox import Mailbox, Message, size_of
from mailapp.storage.maildir.placing import Placing
from mailapp.storage.maildir.quota import Quota
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
    Outcome,
    RenameFolder,
    SetFlags,
)


@frozen
class Changes:
    """Applies changes to one account.

    Attributes:
        placing: puts messages into mailboxes.
        mailbox: finds a mailbox, or raises NoSuch.
    """

    files: Files
    folders: Folders
    quota: Quota
    placing: Placing
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
                    self.placing.staged_body(change.blob)
                case Copy() | Move():
                    self.mailbox(change.folder)
                    self.mailbox(change.to)
                case _:
                    self.mailbox(change.folder)

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
                return self._outcome(change.folder, self.placing.append(change))
            case SetFlags():
                return self._set_flags(change)
            case Copy() | Move():
                return self._outcome(change.to, *self.placing.transfer(change))
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
        octets = sum(size_of(m.name) for m in box.messages.values())
        self.folders.delete(change.folder)
        self.quota.removed(octets, len(box.messages))
        return self._outcome(None)

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
        for old in box.places(message.uid):
            with suppress(FileNotFoundError):
                self.files.rename(box.path(old), box.path(place))
                return True
        return False

    def _expunge(self, change: Expunge) -> Outcome:
        box = self.mailbox(change.folder)
        box.look()
        done, refused, octets = [], [], 0
        for uid in change.uids:
            if uid not in box.messages:
                refused.append(uid)
                continue
            octets += size_of(box.messages[uid].name)
            for place in box.places(uid):
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
                octets += size_of(name) if name else 0
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
    for other in box.listing().items.places(name.unique):
        if other != place:
            yield other

"""What each kind of change does to the files of an account.

What can be known to fail is looked at before the first change is made. Each message is
changed by one rename, link or unlink, and the directories are durable at the end of
each change. The methods block; the account runs one commit at a time.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from errno import ENAMETOOLONG
from itertools import groupby
from typing import assert_never

from attrs import evolve, frozen

from mailapp.storage.columns import AT_ONCE, Columns
from mailapp.storage.files import Directory, Files
from mailapp.storage.maildir.commits import Commit
from mailapp.storage.maildir.filename import parse, size_of
from mailapp.storage.maildir.folders import Folders
from mailapp.storage.maildir.gather import names_of
from mailapp.storage.maildir.mailbox import Mailbox
from mailapp.storage.maildir.placing import Placing, place_of
from mailapp.storage.maildir.quota import Quota
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
    FlagMode,
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

    def check(self, commit: Commit) -> None:
        """Find what is missing before anything is changed.

        Raises:
            NoSuch: a mailbox or a staged body is not there.
        """
        for change in commit.changes:
            match change:
                case CreateFolder():
                    continue
                case Append() if change.blob not in commit.held:
                    self.placing.look_for(change.blob)
                case Copy() | Move():
                    self.mailbox(change.to)
            self.mailbox(change.folder)

    def apply_all(self, commit: Commit) -> list[Outcome]:
        """Do them in their order, durably; messages appended together all or none.

        Raises:
            StoreError, OSError: some were not done; of Appends that follow each other
                in one mailbox, none (RFC 3502).
        """
        outcomes: list[Outcome] = []
        for _, some in groupby(commit.changes, key=_appended_to):
            group = list(some)
            if isinstance(group[0], Append):
                [came] = self.append(group[0].folder, [evolve(commit, changes=group)])
                if isinstance(came, Exception):
                    raise came
                outcomes += came
            else:
                outcomes += map(self._apply, group)
        return outcomes

    def append(
        self, folder: FolderId, commits: Sequence[Commit]
    ) -> list[Sequence[Outcome] | Exception]:
        """Do commits that only append to this mailbox; what became of each."""
        return [
            came
            if isinstance(came, Exception)
            else [self._outcome(folder, [u], validity=came.validity) for u in came.uids]
            for came in self.placing.append(folder, commits)
        ]

    def _apply(self, change: Change) -> Outcome:  # noqa: PLR0911 - one for each kind
        """Do one.

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
                raise AssertionError(change)  # they come in groups: see apply_all
            case SetFlags():
                return self._set_flags(change)
            case Copy() | Move():
                placed, gone = self.placing.transfer(change)
                uids, validity = placed.uids, placed.validity
                return self._outcome(change.to, uids, gone, validity=validity)
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
        validity: int = 0,
    ) -> Outcome:
        box = None if folder is None else self.mailbox(folder)
        columns = None if box is None else box.tracked.latest
        modseq = 1
        if columns is not None:
            modseq = columns.highest_modseq
            validity = validity or columns.uid_validity
        return Outcome(folder, ModSeq(modseq), uids, refused, gone, validity)

    def _delete(self, change: DeleteFolder) -> Outcome:
        columns = self.mailbox(change.folder).look()
        octets = octets_on_disk(columns, range(len(columns)))
        self.folders.delete(change.folder)
        self.quota.removed(octets, len(columns))
        return self._outcome(None)

    def _set_flags(self, change: SetFlags) -> Outcome:
        box = self.mailbox(change.folder)
        refused: set[UID] = set()
        overlong: list[UID] = []
        with box.turn():
            limit, columns = change.unchanged_since, box.tracked.columns
            if limit is not None:
                refused = {uid for uid in change.uids if not _old(columns, uid, limit)}
            wanted = change.uids
            if refused:
                wanted = [uid for uid in wanted if uid not in refused]
            current = self.files.directory(box.path(b"cur"))
            lost = self._set_masks(box, current, change, wanted, overlong)
            if lost:  # another program gave them other names
                box.tracked.read_again()
                lost = self._set_masks(box, current, change, lost, overlong)
            refused.update(lost)
            self.files.sync(current)
        undone = refused.union(overlong)
        if not undone:
            return self._outcome(change.folder, change.uids, [])
        done = [uid for uid in change.uids if uid not in undone]
        sorted_out = [uid for uid in change.uids if uid in refused]
        outcome = self._outcome(change.folder, done, sorted_out)
        return evolve(outcome, overlong=overlong) if overlong else outcome

    def _set_masks(
        self,
        box: Mailbox,
        directory: Directory,
        change: SetFlags,
        uids: Sequence[UID],
        overlong: list[UID],
    ) -> list[UID]:
        """Rename the files of these messages; those that are not there. In a turn.

        Those whose names would become too long are left as they are, and noted. Hot:
        the kernel takes some 17 microseconds for each, and all else but a few.
        """
        current = box.tracked.current
        letters = current.with_letters(change.flags)
        columns, names = current.columns, current.names
        masks = columns.masks
        places = columns.places_of(uids)
        lost = [uid for uid, at in zip(uids, places, strict=True) if at is None]
        there = [at for at in places if at is not None] if lost else places
        after = _flagging(columns, change)
        others = {old: new for old in set(masks) if (new := after(old)) != old}
        changing: list[int] = [at for at in there if masks[at] in others]  # type: ignore[index, misc]
        ends = {mask: letters.of(mask) for both in others.items() for mask in both}
        rename = self.files.rename_within
        done: list[int] = []
        try:
            for start in range(0, len(changing), AT_ONCE):
                some = changing[start : start + AT_ONCE]
                for at, stem in zip(some, names.stems(columns, some), strict=True):
                    mask = masks[at]
                    old = stem + ends[mask]
                    if names.odd or names.late:
                        old = names.name(columns, at)
                    try:
                        rename(directory, old, stem + ends[others[mask]])
                    except FileNotFoundError:
                        lost.append(UID(columns.uids[at]))
                    except OSError as failure:
                        if failure.errno != ENAMETOOLONG:
                            raise
                        overlong.append(UID(columns.uids[at]))
                    else:
                        done.append(at)
        finally:
            current.masked({at: others[masks[at]] for at in done})
        return lost

    def _expunge(self, change: Expunge) -> Outcome:
        box = self.mailbox(change.folder)
        with box.turn():
            before = box.tracked.columns
            there = [uid for uid in change.uids if before.place(uid) is not None]
            octets = octets_on_disk(before, [place_of(before, uid) for uid in there])
            lost = self._unlink(box, there)
            if lost:  # another program gave them other names, or removed them
                box.tracked.read_again()
                self._unlink(box, lost)
            box.sync()
        self.quota.removed(octets, len(there))
        known = set(there)
        refused = [uid for uid in change.uids if uid not in known]
        return self._outcome(change.folder, there, refused)

    def _unlink(self, box: Mailbox, uids: Sequence[UID]) -> list[UID]:
        """Remove files; those that were not where they should be. In a turn."""
        columns, names = box.tracked.columns, box.tracked.current.names
        path = box.path(b"cur/")
        removed: list[int] = []
        lost: list[UID] = []
        try:
            for uid in uids:
                place = columns.place(uid)
                if place is None:
                    continue
                try:
                    self.files.unlink(path + names.name(columns, place))
                except FileNotFoundError:
                    lost.append(uid)
                else:
                    removed.append(place)
        finally:
            box.tracked.current.removed(sorted(removed))
        return lost

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
        for place in box.whereabouts(blob):
            with suppress(FileNotFoundError):
                self.files.unlink(box.path(place))
                return place
        return None


def touched(changes: Sequence[Change]) -> set[FolderId | None]:
    """The mailboxes that are changed; None among them: the list of mailboxes is."""
    found: set[FolderId | None] = set()
    for change in changes:
        match change:
            case CreateFolder():
                found.add(None)
            case RenameFolder() | DeleteFolder():
                found |= {None, change.folder}
            case Copy():
                found.add(change.to)
            case Move():
                found |= {change.folder, change.to}
            case _:
                found.add(change.folder)
    return found


def _appended_to(change: Change) -> FolderId | Change:
    """Equal for Appends to one mailbox."""
    return change.folder if isinstance(change, Append) else change


def octets_on_disk(columns: Columns, places: Sequence[int]) -> int:
    """What the files of these places take."""
    names = names_of(columns)
    return sum(names.octets(place) for place in places)


def _old(columns: Columns, uid: int, limit: int) -> bool:
    """Is it there, and did it not change after that?"""
    place = columns.place(uid)
    return place is not None and columns.modseqs[place] <= limit


def _flagging(columns: Columns, change: SetFlags) -> Callable[[int], int]:
    """From the mask that a message has to the one that it gets."""
    bits = columns.mask_of(change.flags)
    flags = (1 << len(columns.flags)) - 1
    match change.mode:
        case FlagMode.ADD:
            return bits.__or__
        case FlagMode.REMOVE:
            return (~bits).__and__
        case FlagMode.REPLACE:
            return lambda mask: mask & ~flags | bits
        case _:
            assert_never(change.mode)

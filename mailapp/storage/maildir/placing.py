"""Puts messages into mailboxes: appended, copied, moved.

Each gets its name there by one link or rename; the directory is durable at the end.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack, suppress
from errno import EXDEV
from itertools import count
from typing import Final

from attrs import evolve, frozen

from mailapp.storage.columns import Columns
from mailapp.storage.files import Directory, Files
from mailapp.storage.maildir.deliver import link_or_copy, settle
from mailapp.storage.maildir.filename import (
    MessageName,
    UniqueNames,
    email,
    parse,
    size_of,
)
from mailapp.storage.maildir.mailbox import Mailbox
from mailapp.storage.maildir.quota import Quota, Reservation
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
    unique: UniqueNames
    path: bytes
    quota: Quota
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

    def _reserve(self, octets: int, messages: int) -> Reservation | None:
        if messages and self.quota.room(octets, messages):
            return self.quota.reserve(octets, messages)
        return None

    def append(self, changes: Sequence[Append]) -> list[UID]:
        """Put staged bodies into one mailbox, all or none; their UIDs, in order."""
        box = self.mailbox(changes[0].folder)
        sources = [self._prepared(change) for change in changes]
        octets = sum(size_of(name) for _, name, _ in sources)
        room = self._reserve(octets, len(sources))
        once = len({path for path, _, _ in sources}) == len(sources)
        try:
            uids = self._put(box, sources, takes=once)
        except BaseException:
            settle(room, kept=False)
            raise
        settle(room, kept=True)
        if not once:
            for path, _, _ in sources:
                with suppress(OSError):
                    self.files.unlink(path)
        return uids

    def _prepared(self, change: Append) -> tuple[bytes, MessageName, frozenset[str]]:
        """The body of an Append, with its date."""
        path, name = self._staged_body(change.blob)
        if change.received is not None:
            _set_mtime(self.files, path, change.received)
            name = evolve(name, received=max(0, min(change.received, _LATEST)))
        return path, name, change.flags

    def _put(
        self,
        box: Mailbox,
        sources: Sequence[tuple[bytes, MessageName, frozenset[str]]],
        *,
        takes: bool = False,
    ) -> list[UID]:
        """Put files into a mailbox under new names: all of them, durably, or none.

        Args:
            box: the mailbox.
            sources: paths, what the names tell, and flags.
            takes: the files are moved there; else they keep their names, too.
        """
        done: list[tuple[bytes, bytes]] = []
        path = box.found.path
        current = self.files.directory(path + b"/cur")
        with box.turn(adds=True) as mine:
            flags = frozenset(flag for _, _, each in sources for flag in each)
            letters = box.tracked.current.with_letters(flags)
            columns = box.tracked.columns
            try:
                first = mine.take(len(sources))
                for uid, (source, name, own) in enumerate(sources, first):
                    unique = self.unique.next(self.files.now())
                    fresh = evolve(
                        name,
                        unique=unique,
                        uid=uid,
                        validity=mine.numbers.validity,
                        flags=letters.of(columns.mask_of(own)),
                    ).format()
                    self._place(source, unique, (current, fresh), takes=takes)
                    done.append((source, fresh))
                self.files.sync(current)
            except BaseException:
                for source, final in done:
                    self._take_back(path + b"/cur/" + final, source if takes else None)
                raise
            box.tracked.current.added([fresh for _, fresh in done])
        return [UID(uid) for uid in range(first, first + len(sources))]

    def _place(
        self,
        source: bytes,
        unique: bytes,
        final: tuple[Directory, bytes],
        *,
        takes: bool,
    ) -> None:
        """Give a file its name in a mailbox."""
        if takes:
            try:
                self.files.rename_into(source, *final)
            except OSError as failure:
                if failure.errno != EXDEV:
                    raise
            else:
                return
        link_or_copy(self.files, source, self.path + b"/tmp/" + unique, final)
        if takes:
            with suppress(OSError):
                self.files.unlink(source)

    def _take_back(self, final: bytes, source: bytes | None) -> None:
        """As if it had never been there; what was moved may be tried again."""
        with suppress(OSError):
            if source is not None:
                self.files.rename(final, source)
                return
        with suppress(OSError):
            self.files.unlink(final)

    def transfer(self, change: Copy | Move) -> tuple[list[UID], list[UID]]:
        """Copy or move; UIDs given there, and UIDs that were gone here."""
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

    def _copy(self, source: Mailbox, target: Mailbox, uids: Sequence[UID]) -> list[UID]:
        if not uids:
            return []
        with source.turn():
            self._find(source, uids)
            columns = source.tracked.columns
            copies = [self._copied(source, columns, uid) for uid in uids]
        octets = sum(size_of(name) for _, name, _ in copies)
        room = self._reserve(octets, len(copies))
        try:
            fresh = self._put(target, copies)
        except BaseException:
            settle(room, kept=False)
            raise
        settle(room, kept=True)
        return fresh

    def _copied(
        self, box: Mailbox, columns: Columns, uid: UID
    ) -> tuple[bytes, MessageName, frozenset[str]]:
        """As ``_source``; its name will tell what it is a copy of.

        RFC 8474, section 5.1: copies have one EMAILID. RFC 8514, section 3: the time of
        a copy is its own, which its unique part tells.
        """
        path, name, flags = self._source(box, columns, uid)
        original = name.email or email(name.unique)
        return path, evolve(name, email=original, saved=None), flags

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
    ) -> tuple[list[UID], list[UID]]:
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
        refused = [uid for uid in uids if uid not in given]
        return [given[uid] for uid in uids if uid in given], refused

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


def _set_mtime(files: Files, path: bytes, seconds: int) -> None:
    fd = files.open_read(path)
    try:
        files.set_mtime(fd, seconds)
    finally:
        files.close(fd)


def place_of(columns: Columns, uid: int) -> int:
    """The place of a message that is there."""
    place = columns.place(uid)
    assert place is not None  # noqa: S101 - the caller looked
    return place

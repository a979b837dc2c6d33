"""What each kind of change does to the mailboxes of a :mod:`mailapp.storage.memory`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import assert_never

from attrs import define, evolve, field, frozen

from mailapp.storage.names import canonical
from mailapp.storage.types import (
    INBOX,
    UID,
    Append,
    BadName,
    BlobRef,
    Change,
    Copy,
    CreateFolder,
    DeleteFolder,
    Discard,
    Exists,
    Expunge,
    Folder,
    FolderId,
    Item,
    ModSeq,
    Move,
    NoSuch,
    Outcome,
    OverQuota,
    RenameFolder,
    Row,
    SetFlags,
    Usage,
)


@frozen
class Message:
    """A message in a mailbox; its blob reference is its own, also in a copy.

    Attributes:
        saved: when it came to the mailbox.
        email: its first reference, also in a copy.
    """

    blob: BlobRef
    size_octets: int
    flags: frozenset[str]
    received: int
    modseq: int
    saved: int = 0
    email: bytes = b""

    def row(self, uid: UID) -> Row:
        """As IMAP sees it."""
        return Row(
            uid=uid,
            modseq=ModSeq(self.modseq),
            flags=self.flags,
            size_octets=self.size_octets,
            received=self.received,
            guid=bytes(self.blob),
            blob=self.blob,
        )

    def item(self) -> Item:
        """As POP sees it."""
        return Item(bytes(self.blob), self.size_octets, self.blob)


@define(eq=False)
class Box:
    """A mailbox."""

    id: FolderId
    name: tuple[str, ...]
    uid_validity: int
    modseq: int
    uid_next: int = 1
    messages: dict[UID, Message] = field(factory=dict)
    expunged: dict[UID, int] = field(factory=dict)

    def copy(self) -> Box:
        """One that can be changed without changing this."""
        return evolve(self, messages=dict(self.messages), expunged=dict(self.expunged))

    def summary(self) -> Folder:
        """Its counters."""
        return Folder(
            id=self.id,
            name=self.name,
            uid_validity=self.uid_validity,
            uid_next=UID(self.uid_next),
            highest_modseq=ModSeq(self.modseq),
            messages=len(self.messages),
            unseen=sum("\\Seen" not in m.flags for m in self.messages.values()),
            octets=sum(m.size_octets for m in self.messages.values()),
        )

    def add(self, message: Message) -> UID:
        """Give it the next UID."""
        uid = UID(self.uid_next)
        self.uid_next += 1
        self.messages[uid] = message
        self.modseq = message.modseq
        return uid

    def remove(self, uid: UID, modseq: int) -> None:
        """Take it out, and remember that it was there."""
        del self.messages[uid]
        self.expunged[uid] = self.modseq = modseq


@define(eq=False)
class State:
    """Everything of one account."""

    quota_octets: int
    bodies: dict[BlobRef, bytes]
    boxes: dict[FolderId, Box] = field(factory=dict)
    modseq: int = 1
    next_id: int = 1

    def copy(self) -> State:
        """One that can be changed without changing this."""
        return evolve(self, boxes={key: box.copy() for key, box in self.boxes.items()})

    def box(self, folder: FolderId) -> Box:
        """The mailbox.

        Raises:
            NoSuch: there is none.
        """
        try:
            return self.boxes[folder]
        except KeyError:
            raise NoSuch from None

    def named(self, name: tuple[str, ...]) -> Box:
        """The mailbox of this name.

        Raises:
            NoSuch: there is none.
        """
        for box in self.boxes.values():
            if box.name == name:
                return box
        raise NoSuch

    def holds(self, blob: BlobRef) -> bool:
        """Does a message have this reference?"""
        return any(
            message.blob == blob
            for box in self.boxes.values()
            for message in box.messages.values()
        )

    def usage(self) -> Usage:
        """What it holds."""
        summaries = [box.summary() for box in self.boxes.values()]
        return Usage(
            messages=sum(s.messages for s in summaries),
            octets=sum(s.octets for s in summaries),
            limit_octets=self.quota_octets,
        )

    def room_for(self, octets: int) -> None:
        """Check the limit.

        Raises:
            OverQuota: it would be passed.
        """
        if self.quota_octets and self.usage().octets + octets > self.quota_octets:
            raise OverQuota


def apply(
    state: State,
    changes: Sequence[Change],
    reference: Callable[[], BlobRef],
    now: int,
) -> Sequence[Outcome]:
    """Do all changes, in order.

    Args:
        state: is changed, also when a change fails: hand in a copy.
        changes: what to do.
        reference: makes references that were never used.
        now: seconds since the epoch.

    Raises:
        StoreError: one of them can't be done.
    """
    return [_Work(state, reference, now).apply(change) for change in changes]


@frozen
class _Work:
    state: State
    reference: Callable[[], BlobRef]
    now: int

    def apply(self, change: Change) -> Outcome:
        self.state.modseq += 1
        match change:
            case CreateFolder() | RenameFolder() | DeleteFolder():
                return self.on_folders(change)
            case Append():
                return self.append(change)
            case SetFlags():
                return self.set_flags(change)
            case Copy() | Move():
                return self.copy(change)
            case Expunge():
                return self.expunge(change.folder, change.uids)
            case Discard():
                return self.discard(change)
            case _:
                assert_never(change)

    def outcome(
        self,
        folder: FolderId | None,
        uids: Sequence[UID] = (),
        refused: Sequence[UID] = (),
    ) -> Outcome:
        validity = 0 if folder is None else self.state.box(folder).uid_validity
        modseq = ModSeq(self.state.modseq)
        return Outcome(folder, modseq, uids, refused, uid_validity=validity)

    def on_folders(self, change: CreateFolder | RenameFolder | DeleteFolder) -> Outcome:
        boxes = self.state.boxes
        if isinstance(change, DeleteFolder):
            if self.state.box(change.folder).name == INBOX:
                raise BadName
            del boxes[change.folder]
            return self.outcome(None)
        name = canonical(change.name)
        if any(box.name == name for box in boxes.values()):
            raise Exists
        if isinstance(change, RenameFolder):
            box = self.state.box(change.folder)
            if box.name == INBOX:
                raise BadName
            box.name = name
            return self.outcome(box.id)
        box = Box(FolderId(self.state.next_id), name, self.state.next_id, 1)
        self.state.next_id += 1
        boxes[box.id] = box
        return self.outcome(box.id)

    def append(self, change: Append) -> Outcome:
        box = self.state.box(change.folder)
        if change.blob not in self.state.bodies:
            raise NoSuch
        body = self.state.bodies[change.blob]
        received = self.now if change.received is None else change.received
        message = Message(change.blob, len(body), change.flags, received, 0)
        return self.outcome(box.id, [self.put(box, message)])

    def put(self, box: Box, message: Message) -> UID:
        self.state.room_for(message.size_octets)
        blob = self.reference()
        self.state.bodies[blob] = self.state.bodies[message.blob]
        return box.add(
            evolve(
                message,
                blob=blob,
                modseq=self.state.modseq,
                saved=self.now,
                email=message.email or bytes(blob),
            )
        )

    def set_flags(self, change: SetFlags) -> Outcome:
        box = self.state.box(change.folder)
        done, refused = [], []
        for uid in change.uids:
            message = box.messages.get(uid)
            limit = change.unchanged_since
            if message is None or (limit is not None and message.modseq > limit):
                refused.append(uid)
                continue
            flags = change.mode.change(message.flags, change.flags)
            if flags != message.flags:
                box.modseq = self.state.modseq
                box.messages[uid] = evolve(message, flags=flags, modseq=box.modseq)
            done.append(uid)
        return self.outcome(box.id, done, refused)

    def copy(self, change: Copy | Move) -> Outcome:
        source, target = self.state.box(change.folder), self.state.box(change.to)
        uids: list[UID] = []
        refused: list[UID] = []
        for uid in change.uids:
            if uid not in source.messages:
                refused.append(uid)
                continue
            message = source.messages[uid]
            if isinstance(change, Move):
                source.remove(uid, self.state.modseq)
            uids.append(self.put(target, message))
        return self.outcome(target.id, uids, refused)

    def expunge(self, folder: FolderId, uids: Sequence[UID]) -> Outcome:
        box = self.state.box(folder)
        done = [uid for uid in uids if uid in box.messages]
        for uid in done:
            box.remove(uid, self.state.modseq)
        refused = [uid for uid in uids if uid not in done]
        return self.outcome(box.id, done, refused)

    def discard(self, change: Discard) -> Outcome:
        box = self.state.box(change.folder)
        there = {message.blob: uid for uid, message in box.messages.items()}
        gone = [blob for blob in change.blobs if blob not in there]
        uids = [there[blob] for blob in change.blobs if blob in there]
        for uid in uids:
            box.remove(uid, self.state.modseq)
        return Outcome(box.id, ModSeq(self.state.modseq), uids, gone=gone)

"""A selected mailbox of a :mod:`mailapp.storage.memory`."""

from __future__ import annotations

from array import array
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from typing import Final, Protocol

from attrs import frozen
from zope.interface import implementer

from mailapp.message.imap_facts import Kind, facts_of
from mailapp.storage.columns import SYSTEM_FLAGS, Columns, Origin
from mailapp.storage.interfaces import IMailbox, T
from mailapp.storage.memory_changes import Box, Message, State
from mailapp.storage.types import UID, BlobRef, FolderId, TextMatches, TextQuery


class Account(Protocol):
    """What a mailbox needs of its account."""

    state: State
    folder_hints: dict[FolderId, list[Callable[[], None]]]


@frozen(eq=False)
class Held(Origin):
    """Messages that are there already, by UID."""

    messages: Mapping[UID, Message]

    def blob(self, columns: Columns, place: int) -> BlobRef:
        """See :class:`Origin`."""
        return self._message(columns, place).blob

    def guid(self, columns: Columns, place: int) -> bytes:
        """See :class:`Origin`."""
        return bytes(self._message(columns, place).blob)

    def email(self, columns: Columns, place: int) -> bytes:
        """See :class:`Origin`."""
        return self._message(columns, place).email

    def saved(self, columns: Columns, place: int) -> int | None:
        """See :class:`Origin`."""
        return self._message(columns, place).saved

    def _message(self, columns: Columns, place: int) -> Message:
        return self.messages[UID(columns.uids[place])]


def columns_of(box: Box) -> Columns:
    """A mailbox as columns."""
    rows = [message.row(uid) for uid, message in sorted(box.messages.items())]
    keywords = dict.fromkeys(flag for row in rows for flag in sorted(row.flags))
    flags = (*SYSTEM_FLAGS, *(flag for flag in keywords if flag not in SYSTEM_FLAGS))
    bits = {flag: 1 << at for at, flag in enumerate(flags)}
    return Columns(
        uid_validity=box.uid_validity,
        uid_next=box.uid_next,
        highest_modseq=box.modseq,
        uids=array("I", [row.uid for row in rows]),
        modseqs=array("Q", [row.modseq for row in rows]),
        masks=array("Q", [sum(bits[flag] for flag in row.flags) for row in rows]),
        flags=flags,
        sizes=array("Q", [row.size_octets for row in rows]),
        received=array("Q", [row.received for row in rows]),
        origin=Held(dict(box.messages)),
    )


@implementer(IMailbox)
class MemoryMailbox:
    """See :class:`IMailbox`.

    Raises:
        NoSuch: there is no such mailbox.
    """

    def __init__(self, account: Account, folder: FolderId) -> None:
        self.id: Final = folder
        self._account = account
        self._box = account.state.box(folder)
        self._seen = columns_of(self._box)
        self._stops: list[Callable[[], None]] = []

    @property
    def columns(self) -> Columns:
        """See :class:`IMailbox`."""
        box = self._account.state.boxes.get(self.id, self._box)
        if box is not self._box:
            self._box, self._seen = box, columns_of(box)
        return self._seen

    async def refresh(self) -> Columns:
        """See :class:`IMailbox`."""
        self._account.state.box(self.id)
        return self.columns

    def watch(self, hint: Callable[[], None]) -> Callable[[], None]:
        """See :class:`IMailbox`."""
        hints = self._account.folder_hints.setdefault(self.id, [])
        hints.append(hint)

        def stop() -> None:
            if hint in hints:
                hints.remove(hint)

        self._stops.append(stop)
        return stop

    async def complete(self, columns: Columns, uids: Iterable[int]) -> None:
        """See :class:`IMailbox`: they always are."""

    async def facts(
        self, uids: Sequence[UID], kinds: Sequence[Kind]
    ) -> AsyncIterator[Sequence[tuple[UID, Sequence[bytes]]]]:
        """See :class:`IMailbox`."""
        state = self._account.state
        messages = state.box(self.id).messages
        found = []
        for uid in uids:
            if uid in messages:
                known = facts_of(state.bodies[messages[uid].blob], kinds)
                found.append((uid, [known[kind] for kind in kinds]))
        if found:
            yield found

    async def inspect(
        self, uids: Sequence[UID], look: Callable[[bytes], T], most_octets: int
    ) -> Sequence[tuple[UID, T | None]]:
        """See :class:`IMailbox`."""
        state = self._account.state
        messages = state.box(self.id).messages
        found = []
        for uid in uids:
            if uid in messages:
                octets = state.bodies[messages[uid].blob]
                said = look(octets) if len(octets) <= most_octets else None
                found.append((uid, said))
        return found

    async def search(self, query: TextQuery) -> TextMatches | None:
        """See :class:`IMailbox`: there is no index."""
        del query
        return None

    def close(self) -> None:
        """See :class:`IMailbox`."""
        for stop in self._stops:
            stop()
        self._stops.clear()

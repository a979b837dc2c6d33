"""An account on another IMAP server.

Mailboxes are opened by EXAMINE and messages read by BODY.PEEK[], so nothing changes
there. A message is known by UIDVALIDITY and UID (RFC 9051, section 2.3.1.1).
"""

from __future__ import annotations

from array import array
from collections.abc import AsyncIterator, Sequence
from typing import Final

from attrs import define, field

from mailapp.moving.imap_answers import (
    Listed,
    Value,
    date_time,
    fetched,
    flags_of,
    listed,
    namespaces,
    number_in,
    quoted,
    sequence_set,
)
from mailapp.moving.imap_client import Begins, Piece, Said
from mailapp.moving.imap_login import Talk
from mailapp.moving.types import MoveProblem, Offered, Run, Shelf, shown, streamed
from mailapp.storage.types import INBOX

WINDOW: Final = 100
"""Messages that are asked for by one command."""
_HIDDEN: Final = {"\\noselect", "\\nonexistent"}
_USES: Final = {
    use.lower(): use
    for use in ("\\Archive", "\\Drafts", "\\Flagged", "\\Junk", "\\Sent", "\\Trash")
}


@define
class ImapSource:
    r"""An account on a server, after the login.

    Attributes:
        talk: with the server.
        key: names server and user.
        into: what its mailboxes come below; its INBOX comes right there.
        skip: names of mailboxes that are left out, as the server shows them.
    """

    talk: Talk
    key: bytes
    into: tuple[str, ...] = ()
    skip: frozenset[str] = frozenset()
    _listed: dict[bytes, Listed] = field(factory=dict, init=False)

    async def shelves(self) -> Sequence[Shelf]:
        """All mailboxes, INBOX first."""
        prefix, others = await self._namespaces()
        every = await self._list()
        subscribed = await self._subscribed()
        shelves = []
        for each in every:
            if each.attributes & _HIDDEN or any(map(each.name.startswith, others)):
                continue
            name = each.levels(prefix)
            if shown(name) in self.skip:
                continue
            self._listed[each.name] = each
            uses = frozenset(_USES[a] for a in each.attributes if a in _USES)
            known = None if subscribed is None else each.name in subscribed
            shelves.append(Shelf(self._placed(name), each.name, known, uses))
        return sorted(shelves, key=lambda shelf: (shelf.name != INBOX, shelf.name))

    async def messages(self, shelf: Shelf, run: Run) -> AsyncIterator[Offered]:
        """The messages of a mailbox."""
        try:
            answers = await self.talk.do(b"EXAMINE %b" % quoted(shelf.key))
        except MoveProblem as problem:
            if not problem.lasting:
                raise
            run.tally.notes.append(f"{shown(shelf.name)} can't be opened: {problem}")
            return
        numbers = (number_in(answer, b"UIDVALIDITY") for answer in answers)
        if any(answer.upper() == b"* 0 EXISTS" for answer in answers):
            return  # 1:* names no message there, which some servers refuse
        validity = next((number for number in numbers if number is not None), 0)
        uids = await self._uids()
        run.watch.expect(len(uids))
        wanted: list[int] = []
        for uid in uids:
            if run.known(b"%d.%d" % (validity, uid)):
                continue
            wanted.append(uid)
            if len(wanted) == WINDOW:
                async for offered in self._window(shelf, validity, wanted, run):
                    yield offered
                wanted = []
        if wanted:
            async for offered in self._window(shelf, validity, wanted, run):
                yield offered

    # ---- what there is

    async def _namespaces(self) -> tuple[bytes, list[bytes]]:
        if "NAMESPACE" in self.talk.capabilities:
            for answer in await self.talk.do(b"NAMESPACE"):
                found = namespaces(answer)
                if found is not None:
                    return found
        return b"", []

    async def _list(self) -> list[Listed]:
        command = b'LIST "" "*"'
        if {"LIST-EXTENDED", "SPECIAL-USE"} <= self.talk.capabilities:
            command += b" RETURN (SPECIAL-USE)"
        found = map(listed, await self.talk.do(command))
        return [each for each in found if each is not None]

    async def _subscribed(self) -> frozenset[bytes] | None:
        """Names; None: the server does not say. RFC 9051 has no LSUB any more."""
        try:
            answers = await self.talk.do(b'LSUB "" "*"')
        except MoveProblem as problem:
            if not problem.lasting:
                raise
            return None
        found = (listed(answer, b"LSUB") for answer in answers)
        return frozenset(each.name for each in found if each is not None)

    def _placed(self, name: tuple[str, ...]) -> tuple[str, ...]:
        if not self.into:
            return name
        return self.into if name == INBOX else (*self.into, *name)

    async def _uids(self) -> array[int]:
        """All UIDs of the mailbox, rising."""
        uids = array("I")
        async for answer in self.talk.saying(b"UID FETCH 1:* (UID)"):
            found = fetched(answer)
            uid = None if found is None else _uid(found[1])
            if uid is not None and (not uids or uid > uids[-1]):
                uids.append(uid)
        return uids

    # ---- messages

    def _ends(self, shelf: Shelf, tag: bytes, answer: bytes, run: Run) -> bool:
        """As :meth:`Talk.ends`; a message that a server can't give stops no others."""
        try:
            return self.talk.ends(tag, answer)
        except MoveProblem as problem:
            run.tally.notes.append(f"{shown(shelf.name)}: {problem}")
            return True

    async def _window(
        self, shelf: Shelf, validity: int, uids: Sequence[int], run: Run
    ) -> AsyncIterator[Offered]:
        """Some messages: first what is known of them, then their octets."""
        window = _Window(set(uids))
        wanted = sequence_set(uids)
        async for answer in self.talk.saying(
            b"UID FETCH %b (UID FLAGS INTERNALDATE)" % wanted
        ):
            window.note(answer)
        tag = self.talk.send(b"UID FETCH %b (UID BODY.PEEK[])" % wanted)
        while True:
            event = await self.talk.event()
            if isinstance(event, Begins):
                uid, chunks = window.uid(event.octets), self._chunks(event.size)
            elif isinstance(event, Said):
                if self._ends(shelf, tag, event.octets, run):
                    break
                octets = window.whole(event.octets)
                if octets is None:
                    continue
                uid, chunks = window.uid(event.octets), streamed([octets])
            else:
                continue
            if uid is not None:
                flags, received = window.take(uid)
                yield Offered(b"%d.%d" % (validity, uid), flags, received, chunks)
            async for _ in chunks:
                pass  # what nobody wanted
        run.tally.left_out += len(window.left)

    async def _chunks(self, size: int) -> AsyncIterator[bytes]:
        """The octets of a message, as they come."""
        while size:
            event = await self.talk.event()
            if not isinstance(event, Piece):
                msg = "the server breaks off in a message"
                raise MoveProblem(msg, lasting=False)
            size = event.left
            yield event.octets


@define
class _Window:
    """What is known of the messages that are asked for.

    Attributes:
        left: UIDs of those that did not come yet.
    """

    left: set[int]
    _about: dict[int, dict[bytes, Value]] = field(factory=dict, init=False)
    _by_number: dict[int, int] = field(factory=dict, init=False)

    def note(self, answer: bytes) -> None:
        """Flags and date of a message."""
        found = fetched(answer)
        uid = None if found is None else _uid(found[1])
        if found is not None and uid is not None:
            self._by_number[found[0]] = uid
            self._about.setdefault(uid, {}).update(found[1])

    def uid(self, answer: bytes) -> int | None:
        """Whose octets these are, if they are wanted.

        Most servers tell the UID first, as they were asked; else the number tells.
        """
        found = fetched(answer)
        uid = None if found is None else _uid(found[1]) or self._by_number.get(found[0])
        return uid if uid in self.left else None

    def whole(self, answer: bytes) -> bytes | None:
        """The octets of a message that is no literal; None: it is none, or was one."""
        if answer.upper().endswith(b" EXPUNGE"):
            self._by_number.clear()
        found = fetched(answer)
        octets = None if found is None else found[1].get(b"BODY[]")
        if not isinstance(octets, bytes) or octets == b"{}":
            return None
        return b"" if octets.upper() == b"NIL" else octets

    def take(self, uid: int) -> tuple[frozenset[str], int | None]:
        """Flags and time of a message, which has come now."""
        self.left.discard(uid)
        own = self._about.get(uid, {})
        flags = flags_of(own.get(b"FLAGS", b""))
        return flags, date_time(own.get(b"INTERNALDATE", b""))


def _uid(items: dict[bytes, Value]) -> int | None:
    value = items.get(b"UID")
    if isinstance(value, bytes) and value.isdigit() and len(value) <= 10:  # noqa: PLR2004
        return int(value) if 0 < int(value) < 2**32 else None
    return None

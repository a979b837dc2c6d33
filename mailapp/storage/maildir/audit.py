"""Compare an account's index with its mail, and make it anew; beside a running server.

Nothing in here changes mail, flags or UIDs, but that messages that have no UID yet get
one, as they do whenever somebody looks.
"""

from __future__ import annotations

import os
import platform
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Final

from attrs import frozen

from mailapp.message.imap_facts import Item, Kind, facts
from mailapp.storage.columns import Columns
from mailapp.storage.files import Files
from mailapp.storage.index.account_index import AccountIndex, Known
from mailapp.storage.index.kinds import kind_name
from mailapp.storage.index.text_check import kept, places, without_text
from mailapp.storage.maildir import keywords
from mailapp.storage.maildir.clock import ModSeqClock
from mailapp.storage.maildir.filename import UniqueNames
from mailapp.storage.maildir.folders import Folders, Found
from mailapp.storage.maildir.gather import names_of
from mailapp.storage.maildir.late import whole
from mailapp.storage.maildir.mailbox import Mailbox
from mailapp.storage.maildir.remembered import Gone, Remembered
from mailapp.storage.maildir.tracked import Tracked
from mailapp.storage.types import UID

AT_ONCE: Final = 50

Watch = Callable[[int], None]
"""Told of each step how many messages it went on."""


@frozen
class Difference:
    """Something in the index is not as the mail says.

    Attributes:
        mailbox: its levels.
        what: a sentence.
    """

    mailbox: tuple[str, ...]
    what: str


class Audit:
    """The mailboxes of one account and their index.

    Args:
        files: the disk.
        path: of the account.
        index: of the account.
    """

    def __init__(self, files: Files, path: bytes, index: AccountIndex) -> None:
        self._files = files
        self._index = index
        self._clock = ModSeqClock(files)
        unique = UniqueNames(os.getpid(), os.urandom(6), platform.node())
        self._folders = Folders(files, unique, path)
        self._boxes = [self._box(found) for found in self._folders.all()]

    def messages(self) -> int:
        """How many there are in all mailboxes."""
        return sum(len(box.look()) for box in self._boxes)

    def check(self, watch: Watch) -> Iterator[Difference]:
        """What is wrong in the index. That it is behind, or not there, is not."""
        problem = self._index.integrity()
        if problem is not None:
            yield Difference((), f"the file is damaged: {problem}")
            return
        for box in self._boxes:
            yield from self._check_columns(box)
            yield from self._check_messages(box, watch)

    def rebuild(self, watch: Watch) -> None:
        """Make the index anew, with all facts and texts; MODSEQs stay.

        Header fields that somebody asked for before are among the facts.
        """
        for box in self._boxes:
            whole(self._files, box.tracked)
        kinds = list(dict.fromkeys([*Item, *self._index.kinds()]))
        self._index.database.throw_away("it is made anew")
        for box in self._boxes:
            with box.turn():
                pass  # its columns are written down at the end
            columns = box.look()
            uids = [UID(uid) for uid in columns.uids]
            for at in range(0, len(uids), AT_ONCE):
                some = uids[at : at + AT_ONCE]
                box.facts(columns, some, kinds)
                box.texts.put_in(columns)
                watch(len(some))
            while box.texts.put_in(columns):
                pass

    def _box(self, found: Found) -> Mailbox:
        remembered = Remembered(self._index, found.id)
        tracked = Tracked(self._files, self._folders, found, self._clock, remembered)
        return Mailbox(self._files, self._folders, tracked, self._index)

    def _check_columns(self, box: Mailbox) -> Iterator[Difference]:
        """Are the columns in the index those that a reading of all gives?"""
        found = box.found
        with box.turn() as mine:
            read = Tracked(self._files, self._folders, found, self._clock)
            with read.beside(mine):
                disk = read.look()
            known = keywords.read(self._files, found.path)
            remembered, recalled = Remembered(self._index, found.id), None
            news = remembered.news(None, mine.numbers.validity)
            if news is not None:
                recalled = remembered.recall(news, None, known, Gone())
        if recalled is not None:
            for what in _differences(recalled.columns, disk):
                yield Difference(found.name, what)

    def _check_messages(self, box: Mailbox, watch: Watch) -> Iterator[Difference]:
        columns, kinds = box.look(), self._index.kinds()
        known = self._index.known(box.found.id, columns.uid_validity)
        there = kept(self._index, known.serial) if known is not None else {}
        uids = [UID(uid) for uid in columns.uids]
        for at in range(0, len(uids), AT_ONCE):
            some = uids[at : at + AT_ONCE]
            if known is not None:
                yield from self._check_facts(box, columns, (known.serial, kinds), some)
                yield from self._check_texts(box, columns, (known, there), some)
            watch(len(some))

    def _check_facts(
        self,
        box: Mailbox,
        columns: Columns,
        asked: tuple[int, Sequence[Kind]],
        uids: Sequence[UID],
    ) -> Iterator[Difference]:
        serial, kinds = asked
        found = self._index.facts(serial, uids, kinds)
        there = [uid for uid in uids if any(uid in found[kind] for kind in found)]
        for uid, values in box.computed(columns, there, partial(facts, kinds=kinds)):
            for kind, value in values.items():
                if found[kind].get(uid, value) != value:
                    what = f"UID {uid}: another {kind_name(kind)} is kept"
                    yield Difference(box.found.name, what)

    def _check_texts(
        self,
        box: Mailbox,
        columns: Columns,
        texts: tuple[Known, Mapping[int, int]],
        uids: Sequence[UID],
    ) -> Iterator[Difference]:
        """As far as texts were indexed when the check began."""
        known, there = texts
        own = []
        for uid in uids:
            place = columns.place(uid) if uid <= known.texts_to else None
            text = None if place is None else box.texts.of(columns, place)
            if text is not None:
                own.append((uid, text))
                if there.get(uid, 0) > places(text):
                    what = f"UID {uid}: more text is kept than it has"
                    yield Difference(box.found.name, what)
        for missing in without_text(self._index, known.serial, own):
            yield Difference(box.found.name, f"UID {missing}: its text is not found")


def _differences(kept: Columns, disk: Columns) -> Iterator[str]:
    """What the index says otherwise than the disk."""
    if list(kept.uids) != list(disk.uids):
        yield "other messages are kept"
        return
    columns = {
        "flags": (kept.masks, disk.masks),
        "sizes": (kept.sizes, disk.sizes),
        "dates": (kept.received, disk.received),
    }
    for what, (one, other) in columns.items():
        wrong = [u for u, a, b in zip(kept.uids, one, other, strict=True) if a != b]
        if wrong:
            yield f"{what} of {len(wrong)} messages differ, first of UID {wrong[0]}"
    names, real = names_of(kept), names_of(disk)
    wrong = [
        uid
        for at, uid in enumerate(kept.uids)
        if names.name(kept, at) != real.name(disk, at)
    ]
    if wrong:
        yield f"names of {len(wrong)} files differ, first of UID {wrong[0]}"

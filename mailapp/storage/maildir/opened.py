"""The mailboxes that sessions of this process have selected."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import suppress
from typing import Final

from attrs import frozen
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from zope.interface import implementer

from mailapp.message.imap_facts import Kind
from mailapp.storage.columns import Columns
from mailapp.storage.interfaces import IMailbox, T
from mailapp.storage.maildir.errors import disk_errors
from mailapp.storage.maildir.following import Blocking, Following, Work
from mailapp.storage.maildir.gather import names_of
from mailapp.storage.maildir.late import LATE_AT_ONCE
from mailapp.storage.maildir.lookout import Lookout, Notify
from mailapp.storage.maildir.mailbox import Mailbox
from mailapp.storage.types import (
    UID,
    AccountId,
    FolderId,
    TextMatches,
    TextQuery,
    Where,
)

HINT_SECONDS: Final = 0.005
"""Between two hints at least; what comes meanwhile is one."""
HINT_SECONDS_MOST: Final = 0.04
"""Between two hints at most: so long may a session not know."""
_SHARE: Final = 4
"""Looks that bring nothing but hints take a fifth of the time, not all of it."""
FACTS_AT_ONCE: Final = 200
"""Facts of so many are computed and kept in one step.

500 take 5 % less CPU, but on a busy machine half as long again: the system lets who
works 20 ms at a stretch wait longer for its next turn.
"""
_FULL: Final = frozenset({Where.TEXT, Where.BODY})


def _ignored(_account: object, _folder: object) -> None:
    """Nobody wants to know."""


def _nowhere(_account: object) -> bool:
    """There are no others."""
    return False


@frozen
class Neighbours:
    """Others who look at the same mail.

    Attributes:
        notify: has the system tell of what other programs change; see
            :class:`mailapp.storage.maildir.inotify.Inotify`. None: nobody tells.
        on_changed: told of each mailbox that this process changed, to pass it on to
            other processes, which call ``MaildirStore.noticed``. None instead of a
            mailbox: the list of them, or any of them.
        on_watched: told when the first session of this process watches a mailbox of an
            account (True), and when none does any more (False).
        watched: do sessions of other processes watch a mailbox of the account? Called
            in any thread.
    """

    notify: Notify | None = None
    on_changed: Callable[[AccountId, FolderId | None], None] = _ignored
    on_watched: Callable[[AccountId, bool], None] = _ignored
    watched: Callable[[AccountId], bool] = _nowhere


class Shared:
    """What the sessions that selected one mailbox share.

    Attributes:
        sessions: those that are open.
        following: has names of messages follow their UIDs.
    """

    def __init__(self, parts: Opened, box: Mailbox) -> None:
        self.box: Final = box
        self.sessions: Final[set[MaildirMailbox]] = set()
        self._parts = parts
        self._seen: Columns | None = None
        self._looking: list[Deferred[None]] | None = None
        self._hint_call: IDelayedCall | None = None
        self._second_call: IDelayedCall | None = None
        self._again = False
        self._told_at = 0.0
        self._pause = HINT_SECONDS
        self._watched = False
        self.following: Final = Following(parts.blocking, parts.work, box, parts.clock)

    @property
    def columns(self) -> Columns:
        """The latest that somebody saw."""
        latest = self.box.tracked.latest
        if latest is None:
            latest = self._seen
            assert latest is not None  # noqa: S101 - each session begins with a look
        self._seen = latest
        return latest

    async def refresh(self) -> Columns:
        """Look, if something changed. One look at a time, for all who ask."""
        tracked = self.box.tracked
        while True:
            if self._watched:
                self._parts.lookout.watch(self)
            with disk_errors(), suppress(FileNotFoundError):
                latest = tracked.latest
                if tracked.fresh() and latest is not None:
                    self._seen = latest
                    return latest
            if self._looking is None:
                return await self._look()
            waiting: Deferred[None] = Deferred()
            self._looking.append(waiting)
            await waiting

    async def _look(self) -> Columns:
        self._looking = []
        seconds = self._parts.clock.seconds
        began = seconds()
        try:
            await self._parts.blocking(self._parts.work.look, self.box.found.id)
            return self.columns
        finally:
            wanted = _SHARE * (seconds() - began)
            self._pause = min(max(wanted, HINT_SECONDS), HINT_SECONDS_MOST)
            waiting, self._looking = self._looking, None
            for each in waiting:
                if not each.called:
                    each.callback(None)

    async def note(self) -> None:
        """Have the index know of the mailbox, if it was lost meanwhile."""
        if self.box.tracked.unnoted:
            await self.refresh()

    @property
    def path(self) -> bytes:
        """Its directory."""
        return self.box.found.path

    def watch(self) -> None:
        """Hear of changes, from now on."""
        if not self._watched:
            self._watched = True
            self._parts.watch(self)

    def look(self) -> None:
        """Something changed, unless the mailbox is as it was seen last."""
        with suppress(OSError):
            if self.box.tracked.fresh():
                return
        self.hint()

    def hint(self) -> None:
        """Something may have changed; say so at once, and again when in doubt.

        What another program did in the same moment as this process shows only later.
        """
        if any(each.watching for each in self.sessions):
            if self._hint_call is None:
                clock = self._parts.clock
                wait = max(0.0, self._told_at + self._pause - clock.seconds())
                self._hint_call = clock.callLater(wait, self._tell)
            self._again = True

    def _tell(self) -> None:
        self._hint_call = None
        self._told_at = self._parts.clock.seconds()
        for session in list(self.sessions):
            session.tell()
        doubt = self.box.tracked.doubtful_for()
        if self._again and doubt is not None and self._second_call is None:
            self._again = False
            wait = max(doubt, HINT_SECONDS) + HINT_SECONDS
            self._second_call = self._parts.clock.callLater(wait, self._tell_again)

    def _tell_again(self) -> None:
        self._second_call = None
        if self._hint_call is None:
            self._tell()

    def stop(self) -> None:
        """The last session is gone."""
        if self._watched:
            self._watched = False
            self._parts.unwatch(self)
        for call in (self._hint_call, self._second_call):
            if call is not None:
                call.cancel()
        self._hint_call = self._second_call = None


@implementer(IMailbox)
class MaildirMailbox:
    """See :class:`IMailbox`."""

    def __init__(self, parts: Opened, shared: Shared) -> None:
        self._parts = parts
        self._shared = shared
        self._hints: list[Callable[[], None]] = []

    @property
    def id(self) -> FolderId:
        """See :class:`IMailbox`."""
        return self._shared.box.found.id

    @property
    def columns(self) -> Columns:
        """See :class:`IMailbox`."""
        return self._shared.columns

    @property
    def watching(self) -> bool:
        """Somebody wants hints."""
        return bool(self._hints)

    async def refresh(self) -> Columns:
        """See :class:`IMailbox`."""
        return await self._shared.refresh()

    def watch(self, hint: Callable[[], None]) -> Callable[[], None]:
        """See :class:`IMailbox`."""
        self._hints.append(hint)
        self._shared.watch()

        def stop() -> None:
            if hint in self._hints:
                self._hints.remove(hint)

        return stop

    def tell(self) -> None:
        """Pass a hint on."""
        for hint in list(self._hints):
            hint()

    async def complete(self, columns: Columns, uids: Iterable[int]) -> None:
        """See :class:`IMailbox`."""
        late = names_of(columns).late
        wanted = [uid for uid in uids if uid in late] if late else []
        for at in range(0, len(wanted), LATE_AT_ONCE):
            some = wanted[at : at + LATE_AT_ONCE]
            await self._parts.blocking(
                self._parts.work.complete, self.id, columns, some
            )

    async def facts(
        self, uids: Sequence[UID], kinds: Sequence[Kind]
    ) -> AsyncIterator[Sequence[tuple[UID, Sequence[bytes]]]]:
        """See :class:`IMailbox`."""
        wanted = tuple(kinds)
        for at in range(0, len(uids), FACTS_AT_ONCE):
            some = uids[at : at + FACTS_AT_ONCE]
            box = self._shared.box
            box.asked += 1
            try:
                found = await self._parts.blocking(
                    box.facts, self.columns, some, wanted
                )
            finally:
                box.asked -= 1
            yield found
            if not at:
                await self._shared.note()

    async def inspect(
        self, uids: Sequence[UID], look: Callable[[bytes], T], most_octets: int
    ) -> Sequence[tuple[UID, T | None]]:
        """See :class:`IMailbox`."""
        box = self._shared.box
        box.asked += 1
        try:
            found: list[tuple[UID, T | None]] = await self._parts.blocking(
                box.inspect, self.columns, uids, look, most_octets
            )
        finally:
            box.asked -= 1
        return found

    async def search(self, query: TextQuery) -> TextMatches | None:
        """See :class:`IMailbox`. Header fields are facts: they need no full text."""
        box = self._shared.box
        found: TextMatches | None
        found = await self._parts.blocking(box.texts.search, self.columns, query)
        if box.texts.missing(box.tracked.latest) or (
            found is None and query.where in _FULL
        ):
            await self._shared.note()
            self._parts.work.build(box.found.id, first=True)
        return found

    def close(self) -> None:
        """See :class:`IMailbox`."""
        self._hints.clear()
        self._parts.closed(self._shared, self)


class Opened:
    """The selected mailboxes of one account.

    Args:
        lookout: notices changes.
        clock: gathers hints.
        blocking: runs a call in a thread.
        work: what is done for them.
        on_watched: told when a mailbox of the account is watched, and when none is.
    """

    def __init__(
        self,
        lookout: Lookout,
        clock: IReactorTime,
        blocking: Blocking,
        work: Work,
        on_watched: Callable[[bool], None],
    ) -> None:
        self.clock: Final = clock
        self.lookout: Final = lookout
        self.blocking: Final = blocking
        self.work: Final = work
        self._on_watched = on_watched
        self._shared: dict[FolderId, Shared] = {}
        self._watched: set[Shared] = set()

    async def open(self, folder: FolderId) -> MaildirMailbox:
        """For one more session."""
        shared = self._shared.get(folder)
        if shared is None:
            box: Mailbox = await self.blocking(self.work.look, folder)
            shared = self._shared.setdefault(folder, Shared(self, box))
        session = MaildirMailbox(self, shared)
        shared.sessions.add(session)
        shared.box.sessions = len(shared.sessions)
        try:
            await shared.refresh()
        except BaseException:
            session.close()
            raise
        shared.following.begin()
        if shared.box.texts.missing(shared.columns):
            self.work.build(folder)
        return session

    @property
    def watched(self) -> bool:
        """Somebody has a mailbox open."""
        return bool(self._shared)

    def watch(self, shared: Shared) -> None:
        """A session watches a mailbox."""
        self._watched.add(shared)
        self.lookout.watch(shared)
        if len(self._watched) == 1:
            self._on_watched(True)  # noqa: FBT003 - a state

    def unwatch(self, shared: Shared) -> None:
        """Nobody watches it any more."""
        self._watched.discard(shared)
        self.lookout.unwatch(shared)
        if not self._watched:
            self._on_watched(False)  # noqa: FBT003 - a state

    def hint(self, folder: FolderId | None) -> None:
        """A mailbox may have changed; None: any."""
        if folder is None:
            for shared in self._shared.values():
                shared.hint()
        elif folder in self._shared:
            self._shared[folder].hint()

    def closed(self, shared: Shared, session: MaildirMailbox) -> None:
        """A session let go of it."""
        shared.sessions.discard(session)
        shared.box.sessions = len(shared.sessions)
        folder = shared.box.found.id
        if not shared.sessions and self._shared.get(folder) is shared:
            del self._shared[folder]
            shared.stop()

"""Messages that come into a mailbox: those of each command all, or none of them.

Several commands go through each step together: one turn of the mailbox, and one sync of
its directory.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from errno import EXDEV
from functools import partial

from attrs import define, evolve, field, frozen

from mailapp.storage.files import Directory, Files
from mailapp.storage.maildir.deliver import link_or_copy, settle
from mailapp.storage.maildir.filename import MessageName, UniqueNames, size_of
from mailapp.storage.maildir.keywords import Keywords, with_letters
from mailapp.storage.maildir.mailbox import Mailbox
from mailapp.storage.maildir.quota import Quota, Reservation
from mailapp.storage.maildir.sink import StagedSink
from mailapp.storage.maildir.tracked import FEW, Tracked
from mailapp.storage.maildir.uids import Turn
from mailapp.storage.types import UID


@frozen
class Source:
    """A file whose message comes.

    Attributes:
        path: where it lies.
        name: what is known of the message.
        flags: that it has.
        mtime: that the file is to have, in seconds since the epoch; None: as it is.
    """

    path: bytes
    name: MessageName
    flags: frozenset[str]
    mtime: int | None = None


@frozen
class Placed:
    """What messages got in a mailbox: UIDs, in their order, under this UIDVALIDITY."""

    validity: int = 0
    uids: Sequence[UID] = ()


@define(eq=False)
class Order:
    """What one command brings.

    Attributes:
        takes: the files are moved; else they keep their names, too.
        bodies: those of the files that are not there yet.
        names: that they have by now.
        failure: why nothing came.
    """

    sources: Sequence[Source]
    takes: bool = False
    bodies: Sequence[StagedSink] = ()
    limited: bool = False
    reservation: Reservation | None = None
    names: list[tuple[Directory, bytes]] = field(factory=list)
    placed: Placed = Placed()
    failure: Exception | None = None

    @property
    def octets(self) -> int:
        """On the disk."""
        return sum(size_of(source.name) for source in self.sources)


@frozen
class Arriving:
    """Brings messages to the mailboxes of one account.

    Attributes:
        path: of the account.
    """

    files: Files
    unique: UniqueNames
    path: bytes
    quota: Quota

    def bring(self, box: Mailbox, orders: Sequence[Order]) -> None:
        """Put them into a mailbox under new names, durably; or note why not."""
        try:
            for step in (self._look_for_room, self._reserve, self._begin):
                for order in orders:
                    self._take(order, step)
            there = [order for order in orders if order.failure is None]
            if there:
                self._put(box, there)
        finally:
            for order in orders:
                settle(order.reservation, kept=bool(order.placed.uids))

    def _take(self, order: Order, step: Callable[[Order], None]) -> None:
        """Take a step of an order that has not failed."""
        if order.failure is None:
            try:
                step(order)
            except Exception as problem:
                self._fail(order, problem)

    def _look_for_room(self, order: Order) -> None:
        """Before anything is reserved: see :meth:`Quota.room`."""
        count = len(order.sources)
        order.limited = count > 0 and self.quota.room(order.octets, count)

    def _reserve(self, order: Order) -> None:
        if order.limited:
            order.reservation = self.quota.reserve(order.octets, len(order.sources))

    def _begin(self, order: Order) -> None:
        for body in order.bodies:
            body.begin()

    def _put(self, box: Mailbox, orders: Sequence[Order]) -> None:
        current, tracked = self.files.directory(box.path(b"cur")), box.tracked
        with tracked.turn(adds=True, unseen=_unseen(box)) as mine:
            name = partial(self._name, tracked, mine, current)
            for order in orders:
                self._take(order, name)
            try:
                self.files.sync(current)
            except OSError as problem:
                for order in orders:
                    self._fail(order, problem)
            if not tracked.unseen:
                names = [name for order in orders for _, name in order.names]
                tracked.current.added(names)

    def _name(
        self, tracked: Tracked, mine: Turn, current: Directory, order: Order
    ) -> None:
        """Give the files of an order their names."""
        sources, validity = order.sources, mine.numbers.validity
        flags = frozenset(flag for source in sources for flag in source.flags)
        known = self._lettered(tracked, flags)
        first = mine.take(len(sources))
        names = [
            evolve(
                source.name,
                unique=self.unique.next(self.files.now()),
                uid=uid,
                validity=validity,
                flags=known.letters(source.flags),
            )
            for uid, source in enumerate(sources, first)
        ]
        for body in order.bodies:  # last: the disk writes it meanwhile
            body.settle()
        for source, name in zip(sources, names, strict=True):
            if source.mtime is not None:
                self._set_mtime(source.path, source.mtime)
            final = (current, name.format())
            self._place(source.path, name.unique, final, takes=order.takes)
            order.names.append(final)
        uids = [UID(uid) for uid in range(first, first + len(sources))]
        order.placed = Placed(validity, uids)

    def _lettered(self, tracked: Tracked, flags: frozenset[str]) -> Keywords:
        """The keywords, with a letter for each of these flags."""
        if not tracked.unseen:
            tracked.current.with_letters(flags)
            return tracked.current.keywords
        path = tracked.found.path
        return with_letters(self.files, path, flags) if flags else Keywords({})

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

    def _fail(self, order: Order, problem: Exception) -> None:
        """As if it had never been there; what was moved may be tried again."""
        order.failure = order.failure or problem
        for source, (directory, name) in zip(order.sources, order.names, strict=False):
            final = directory.path + b"/" + name
            with suppress(OSError):
                if order.takes:
                    self.files.rename(final, source.path)
                    continue
            with suppress(OSError):
                self.files.unlink(final)
        order.names.clear()
        order.placed = Placed()

    def _set_mtime(self, path: bytes, seconds: int) -> None:
        fd = self.files.open_read(path)
        try:
            self.files.set_mtime(fd, seconds)
        finally:
            self.files.close(fd)


def _unseen(box: Mailbox) -> bool:
    """Does nobody look at it, so that the next who does may as well read all?"""
    columns = box.tracked.latest
    few = columns is None or len(columns) <= FEW
    return few and not box.sessions and not box.watched()

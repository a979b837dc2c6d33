"""Takes the mail of an account out, mailbox by mailbox, beside a running server.

Of each mailbox what it held at one moment; a message that is removed while it is
copied is left out.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Sequence
from functools import reduce
from operator import or_
from typing import Protocol

from attrs import define, frozen

from mailapp.moving.types import MoveProblem, Watch, shown, streamed
from mailapp.storage.columns import Columns
from mailapp.storage.interfaces import IAccount
from mailapp.storage.types import Named, NoSuch


@frozen
class Taken:
    """A message on its way out.

    Attributes:
        flags: and keywords.
        received: seconds since the epoch.
        size: octets on the wire.
        whole: it ends with a line end.
        chunks: those octets, once; reading the first may raise NoSuch.
    """

    flags: frozenset[str]
    received: int
    size: int
    whole: bool
    chunks: AsyncIterator[bytes]


class Box(Protocol):
    """A mailbox of a target."""

    async def add(self, message: Taken) -> None:
        """Add a message, or nothing of it where that raises.

        Raises:
            OSError, StoreError: it can't be written or read.
        """

    def close(self) -> None:
        """It is whole, and durable when this returns."""

    def abort(self) -> None:
        """It is not; after ``close`` that does nothing."""


class Target(Protocol):
    """Where mail goes to."""

    def box(self, name: tuple[str, ...], keywords: Sequence[str]) -> Box:
        """Make a mailbox.

        Args:
            name: of it.
            keywords: that its messages have.
        """

    def close(self, subscribed: Collection[tuple[str, ...]]) -> None:
        """All mailboxes are there; these are subscribed."""


@define
class Given:
    """What a run did.

    Attributes:
        exported: messages that lie there.
        octets: of them on the wire.
        folders: mailboxes.
        gone: messages that were removed meanwhile.
    """

    exported: int = 0
    octets: int = 0
    folders: int = 0
    gone: int = 0


@define
class Outlet:
    """The way from one account to a target, for one run.

    Attributes:
        given: what was done so far.
    """

    account: IAccount
    target: Target
    watch: Watch
    given: Given

    async def run(self, wanted: Sequence[tuple[str, ...]]) -> None:
        """Copy these mailboxes and those below them; none are all.

        Raises:
            MoveProblem: one of them does not exist.
            OSError, StoreError: the target is not whole.
        """
        every = await self.account.names()
        for name in wanted:
            if not any(_within(each.name, name) for each in every):
                msg = f"there is no mailbox {shown(name)}"
                raise MoveProblem(msg)
        for each in every:
            if not wanted or any(_within(each.name, name) for name in wanted):
                await self._mailbox(each)
        noted = await self.account.marks.read()
        self.target.close(noted.subscribed)

    async def _mailbox(self, named: Named) -> None:
        self.watch.begin(shown(named.name))
        try:
            mailbox = await self.account.mailbox(named.id)
        except NoSuch:
            return  # removed meanwhile
        try:
            columns = mailbox.columns
        finally:
            mailbox.close()
        self.watch.expect(len(columns))
        used = columns.flags_of(reduce(or_, columns.masks, 0))
        keywords = [flag for flag in used if not flag.startswith("\\")]
        box = self.target.box(named.name, keywords)
        try:
            for place in range(len(columns)):
                await self._message(box, columns, place)
                self.watch.advance(1)
            box.close()
        finally:
            box.abort()
        self.given.folders += 1

    async def _message(self, box: Box, columns: Columns, place: int) -> None:
        try:
            await box.add(await self._taken(columns, place))
        except NoSuch:
            self.given.gone += 1
        else:
            self.given.exported += 1
            self.given.octets += columns.sizes[place]

    async def _taken(self, columns: Columns, place: int) -> Taken:
        blob, size = columns.blob(place), columns.sizes[place]
        octets = self.account.at_hand(blob)
        if octets is None:
            chunks = self.account.read(blob)
            last = b""
            async for piece in self.account.read(blob, max(0, size - 1), 1):
                last = piece
        else:
            chunks, last = streamed([octets]), octets[-1:]
        return Taken(
            flags=frozenset(columns.flags_of(columns.masks[place])),
            received=columns.received[place],
            size=size,
            whole=last == b"\n",
            chunks=chunks,
        )


def _within(name: tuple[str, ...], above: tuple[str, ...]) -> bool:
    return name[: len(above)] == above

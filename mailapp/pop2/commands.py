"""What READ, RETR and acknowledgments do to a mailbox (RFC 937, pages 7 to 9)."""

from __future__ import annotations

from typing import assert_never

from attrs import define

from mailapp.pop2 import replies
from mailapp.pop2.grammar import Ackd, Acknowledgment, Acks, Nack, Read, Retr
from mailapp.pop2.replies import Answer, Reply
from mailapp.pop2.snapshot import Showing, Snapshot, measure, show
from mailapp.storage.maildrop import Maildrop


@define
class Counts:
    """What a session did, for the log."""

    retrieved: int = 0
    removed: int = 0
    octets: int = 0


class Selected:
    """The selected mailbox, and the current message of it.

    Args:
        drop: the mailbox; None stands for one that can't be had, which has no messages.
        showing: how messages are shown.
        counts: of the session.
    """

    def __init__(self, drop: Maildrop | None, showing: Showing, counts: Counts) -> None:
        self.drop = drop
        self._showing = showing
        self._counts = counts
        self._current = 1
        self._measured = 0  # the message whose snapshot it is
        self._snapshot: Snapshot | None = None

    @property
    def messages(self) -> int:
        """How many there were when it was selected, less those marked since."""
        return 0 if self.drop is None else self.drop.messages

    async def perform(self, command: Read | Retr | Acknowledgment) -> Answer:
        """Do one command.

        Raises:
            NoRoom, StoreError: answered "-", and the connection closes.
        """
        match command:
            case Read():
                if command.number is not None:
                    self._current = command.number
                return await self._length()
            case Retr():
                return await self._retr()
            case Ackd():
                if self.drop is not None:
                    self.drop.mark(self._current)
                self._current += 1
            case Acks():
                self._current += 1
            case Nack():
                pass
            case _:
                assert_never(command)
        return await self._length()

    def forget(self) -> None:
        """Give back what the snapshot holds."""
        snapshot, self._snapshot = self._snapshot, None
        self._measured = 0
        if snapshot is not None:
            self._showing.room.give_back(snapshot.held)

    async def _length(self) -> Reply:
        """The size of the current message; a snapshot lives until another is taken."""
        if self._current != self._measured:
            self.forget()
            drop = self.drop
            item = None if drop is None else drop.find(self._current)
            if drop is not None and item is not None:
                self._snapshot = await measure(drop, item, self._showing)
                self._measured = self._current
        snapshot = self._snapshot
        return replies.length(0 if snapshot is None else snapshot.size_octets)

    async def _retr(self) -> Answer:
        snapshot, drop = self._snapshot, self.drop
        if drop is None or snapshot is None or not snapshot.size_octets:
            return replies.CLOSE
        message = await show(snapshot, drop)
        if message is None:
            return replies.CLOSE
        self._counts.retrieved += 1
        self._counts.octets += snapshot.size_octets
        return message

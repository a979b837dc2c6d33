"""What one session has told its client about a mailbox.

Sequence numbers belong to a session: they change only when the server says EXPUNGE (or
VANISHED), and it may not say it at any time (RFC 9051, sections 5.5 and 7.5.1). So a
view goes from one state of the mailbox to the next at moments that the session
chooses; in between a message may be gone and still have its number.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from typing import Final

from attrs import frozen

from mailapp.storage.columns import Columns, missing
from mailapp.storage.types import UID


@frozen
class Update:
    """What the client has to be told, in this order.

    Attributes:
        expunged: sequence numbers, highest first: each is right when those before it
            have been sent.
        vanished: UIDs of the same messages, rising.
        exists: how many messages there are now, if any came.
        changed: places in the new columns, rising, of messages that the client knows
            and whose flags or MODSEQ may differ from what it was told.
    """

    expunged: Sequence[int] = ()
    vanished: Sequence[int] = ()
    exists: int | None = None
    changed: Sequence[int] = ()


NOTHING: Final = Update()
_MANY: Final = 20_000
"""Messages; to compare more takes longer than others should wait."""


@frozen(eq=False)
class Difference:
    """What lies between a view and some columns.

    Attributes:
        lost: sequence numbers less one of messages that are gone, rising.
        vanished: their UIDs.
        expunged: their sequence numbers, highest first.
        changed: as in :class:`Update`.
    """

    lost: Sequence[int] = ()
    vanished: Sequence[int] = ()
    expunged: Sequence[int] = ()
    changed: Sequence[int] = ()


class View:
    """See the module.

    Args:
        columns: what the client is told by SELECT.

    Attributes:
        columns: of the last update.
        uids: what the client knows, by sequence number (from 1).
    """

    __slots__ = ("columns", "uids")

    def __init__(self, columns: Columns) -> None:
        self.columns = columns
        self.uids: array[int] = columns.uids

    def __len__(self) -> int:
        return len(self.uids)

    @property
    def aligned(self) -> bool:
        """Every message that the client knows is there: number n stands in place n-1.

        False while messages are gone that the client was not told of.
        """
        return self.uids is self.columns.uids

    def sequence(self, uid: int) -> int | None:
        """The sequence number of a UID; None: the client does not know it."""
        at = bisect_left(self.uids, uid)
        return at + 1 if at < len(self.uids) and self.uids[at] == uid else None

    def uid(self, sequence: int) -> UID:
        """The UID of a sequence number.

        Raises:
            IndexError: there is no such number.
        """
        if sequence < 1:
            raise IndexError(sequence)
        return UID(self.uids[sequence - 1])

    def place(self, sequence: int) -> int | None:
        """Where that message stands in the columns; None: it is gone.

        Raises:
            IndexError: there is no such number.
        """
        uid = self.uid(sequence)
        return sequence - 1 if self.aligned else self.columns.place(uid)

    def pairs(self, first: int, last: int) -> Iterator[tuple[int, int]]:
        """Sequence numbers and places from one number to another, but for those gone.

        Both are included; numbers that the client does not know are left out.
        """
        first, last = max(first, 1), min(last, len(self.uids))
        if self.aligned:
            yield from zip(range(first, last + 1), range(first - 1, last), strict=False)
            return
        for sequence in range(first, last + 1):
            place = self.columns.place(self.uids[sequence - 1])
            if place is not None:
                yield sequence, place

    def gone(self) -> Sequence[int]:
        """UIDs that are gone and were not announced yet, rising."""
        if self.aligned:
            return ()
        return [self.uids[at] for at in missing(self.uids, self.columns.uids)]

    def far(self, columns: Columns) -> bool:
        """To compare with these takes long: let a thread find :meth:`difference`."""
        if columns is self.columns and self.aligned:
            return False
        return len(self.uids) > _MANY or len(columns) > _MANY

    def difference(self, columns: Columns) -> Difference:
        """What :meth:`update` has to tell. Changes nothing; in any thread."""
        changed = self._changed(self.columns, columns)
        if columns.uids is self.uids:
            return Difference(changed=changed)
        uids = self.uids
        # compact: lists of a million numbers take long to free, too
        lost = array("I", missing(uids, columns.uids))
        return Difference(
            lost,
            array("I", (uids[at] for at in lost)),
            array("I", (at + 1 for at in reversed(lost))),
            changed,
        )

    def update(
        self,
        columns: Columns,
        *,
        may_expunge: bool,
        difference: Difference | None = None,
    ) -> Update:
        """Go on to this state of the mailbox; what to tell the client.

        Args:
            columns: of the same mailbox and UIDVALIDITY, not older than the last.
            may_expunge: the client may be told of what is gone.
            difference: from these columns, if it is known already.
        """
        if columns is self.columns and (self.aligned or not may_expunge):
            return NOTHING
        found = difference or self.difference(columns)
        held = bool(found.lost) and not may_expunge
        fresh = columns.uids[len(self.uids) - len(found.lost) :]
        self.columns = columns
        if not held:
            self.uids = columns.uids
        elif fresh:
            self.uids = self.uids + fresh
        return Update(
            expunged=() if held else found.expunged,
            vanished=() if held else found.vanished,
            exists=len(self.uids) if fresh else None,
            changed=found.changed,
        )

    def _changed(self, before: Columns, columns: Columns) -> Sequence[int]:
        """Places of known messages that changed since the last update."""
        if columns is before:
            return ()
        places = columns.changed_since(before.highest_modseq)
        last = self.uids[-1] if self.uids else 0
        end = bisect_left(columns.uids, last + 1)
        return places[: bisect_left(places, end)]

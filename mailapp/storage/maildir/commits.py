"""Commits of one account: one trip to the disk at a time.

What comes while a trip is under way waits for its end, as it would wait for the account
in a thread. What is appended to one mailbox meanwhile, by any of its sessions, shares
the next trip: one look at the mailbox's UIDs, one change of hands between the reactor
and a thread, one sync of the directory.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from attrs import define

from mailapp.storage.maildir.sink import StagedSink
from mailapp.storage.types import Append, BlobRef, Change, FolderId


@define(eq=False)
class Commit:
    """Changes that belong together.

    Attributes:
        held: bodies among them that are in memory, lent to the trip.
    """

    changes: Sequence[Change]
    held: Mapping[BlobRef, StagedSink]

    @property
    def target(self) -> FolderId | None:
        """The mailbox to which bodies in memory are appended, if that is all."""
        targets = {
            change.folder
            if isinstance(change, Append) and change.blob in self.held
            else None
            for change in self.changes
        }
        return targets.pop() if len(targets) == 1 else None

    def joins(self, other: Commit) -> bool:
        """Whether another may share its trip."""
        target = self.target
        return target is not None and target == other.target

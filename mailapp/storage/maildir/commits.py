"""Commits of one account: one trip to the disk at a time.

What comes while a trip is under way waits for its end, as it would wait for the account
in a thread. What is appended to one mailbox meanwhile, by any of its sessions, shares
the next trip: one look at the mailbox's UIDs, one change of hands between the reactor
and a thread, one sync of the directory.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Coroutine, Mapping, Sequence
from functools import partial
from typing import Any, Final

from attrs import define, field
from twisted.internet.defer import Deferred

from mailapp.net.steps import run
from mailapp.storage.maildir.sink import StagedSink
from mailapp.storage.types import Append, BlobRef, Change, FolderId, Outcome

MOST_TOGETHER: Final = 16
"""Commits of one trip: the first is told when the last is durable."""


@define(eq=False)
class Commit:
    """Changes that belong together.

    Attributes:
        held: bodies among them that are in memory, lent to the trip.
        told: of the outcomes.
    """

    changes: Sequence[Change]
    held: Mapping[BlobRef, StagedSink]
    told: Deferred[Sequence[Outcome]] = field(factory=Deferred)

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


Work = Callable[[Sequence[Commit]], Sequence[Sequence[Outcome] | Exception]]


class Commits:
    """Used by the reactor's thread only.

    Args:
        blocking: runs ``work`` in a thread.
        work: commits those of a trip; what became of each.
    """

    def __init__(
        self, blocking: Callable[..., Coroutine[Any, Any, Any]], work: Work
    ) -> None:
        self._blocking = blocking
        self._work = work
        self._waiting: deque[Commit] = deque()
        self._under_way = False

    def commit(self, commit: Commit) -> Deferred[Sequence[Outcome]]:
        """Do it with the next trip."""
        self._waiting.append(commit)
        if not self._under_way:
            self._begin()
        return commit.told

    def _begin(self) -> None:
        first = self._waiting.popleft()
        batch, target = [first], first.target
        while (
            target is not None
            and self._waiting
            and self._waiting[0].target == target
            and len(batch) < MOST_TOGETHER
        ):
            batch.append(self._waiting.popleft())
        self._under_way = True

        def failed(problem: BaseException) -> None:
            self._end(batch, [problem] * len(batch))

        run(self._blocking(self._work, batch), partial(self._end, batch), failed)

    def _end(
        self,
        batch: Sequence[Commit],
        results: Sequence[Sequence[Outcome] | BaseException],
    ) -> None:
        """A trip is over: begin the next before its results are told."""
        self._under_way = False
        if self._waiting:
            self._begin()
        for commit, result in zip(batch, results, strict=True):
            if isinstance(result, BaseException):
                commit.told.errback(result)
            else:
                commit.told.callback(result)

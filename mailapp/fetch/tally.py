"""Counts what a run does, and tells whoever watches."""

from __future__ import annotations

from collections.abc import Callable

from attrs import define

from mailapp.fetch.types import Report

Watch = Callable[[int, int, int], None]
"""Told of messages that were looked at, how many there will be, and octets so far."""


@define
class Tally:
    """What a run has done so far; the names are those of :class:`Report`."""

    offered: int = 0
    fetched: int = 0
    octets: int = 0
    known: int = 0
    deleted: int = 0
    left: int = 0
    watch: Watch = lambda _done, _all, _octets: None
    _done: int = 0
    _all: int = 0

    def expect(self, messages: int) -> None:
        """So many will be looked at."""
        self._all = messages
        self.watch(0, messages, 0)

    def take(self, is_new: bool, octets: int) -> None:  # noqa: FBT001 - a count of two
        """One was looked at, and is new, or known."""
        self.fetched += is_new
        self.known += not is_new
        self.octets = octets
        self._step()

    def leave(self) -> None:
        """One stays where it is."""
        self.left += 1
        self._step()

    def report(
        self, source: str, problem: str = "", *, lasting: bool = False
    ) -> Report:
        """What was done."""
        return Report(
            source,
            self.offered,
            self.fetched,
            self.octets,
            self.known,
            self.deleted,
            self.left,
            problem,
            lasting,
        )

    def _step(self) -> None:
        self._done += 1
        self.watch(self._done, self._all, self.octets)

"""Hears that something happened in a mailbox."""

from __future__ import annotations

from collections.abc import Callable

from attrs import define


@define(eq=False)
class Hints:
    """What a selected mailbox is watched with; called at each hint.

    Attributes:
        stale: something happened since the mailbox was last looked at.
        listener: wants to hear it at once; None: nobody does.
    """

    stale: bool = False
    listener: Callable[[], None] | None = None

    def __call__(self) -> None:
        """Something happened."""
        self.stale = True
        if self.listener is not None:
            self.listener()

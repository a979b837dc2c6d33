"""Subscriptions and special uses: how they change, and how memory keeps them."""

from __future__ import annotations

from typing import Final

from zope.interface import implementer

from mailapp.storage.interfaces import IMarks
from mailapp.storage.names import canonical
from mailapp.storage.types import FolderId, Noted, TooMany

SUBSCRIPTIONS_MOST: Final = 10_000
"""Names that one account can be subscribed to."""


@implementer(IMarks)
class MemoryMarks:
    """See :class:`IMarks`; keeps all promises but durability."""

    def __init__(self) -> None:
        self._noted = Noted()

    async def read(self) -> Noted:
        """See :class:`IMarks`."""
        return self._noted

    async def subscribe(self, name: tuple[str, ...], *, on: bool) -> None:
        """See :class:`IMarks`."""
        self._noted = subscribed(self._noted, name, on=on)

    async def assign(self, folder: FolderId, uses: frozenset[str]) -> None:
        """See :class:`IMarks`."""
        self._noted = assigned(self._noted, folder, uses)


def subscribed(noted: Noted, name: tuple[str, ...], *, on: bool) -> Noted:
    """With a subscription, or without it.

    Raises:
        BadName, TooMany: as in :class:`IMarks`.
    """
    name = canonical(name)
    if not on:
        return Noted(noted.subscribed - {name}, noted.uses)
    names = noted.subscribed | {name}
    if len(names) > SUBSCRIPTIONS_MOST:
        raise TooMany
    return Noted(names, noted.uses)


def assigned(noted: Noted, folder: FolderId, uses: frozenset[str]) -> Noted:
    """With these uses of a mailbox."""
    other = {key: own for key, own in noted.uses.items() if key != folder}
    return Noted(noted.subscribed, {**other, folder: uses} if uses else other)

"""All messages of a mailbox as POP sees them."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable, Sequence
from typing import overload

from mailapp.storage.types import Item


class Items(Sequence[Item]):
    """Messages in order of arrival; it never changes.

    A store may keep them as small as it likes and make each :class:`Item` when it is
    asked for; so who needs one thing of many messages asks for that.

    Attributes:
        octets: of all messages, as transferred.
    """

    octets: int

    @overload
    def __getitem__(self, index: int) -> Item: ...

    @overload
    def __getitem__(self, index: slice) -> Sequence[Item]: ...

    def __getitem__(self, index: int | slice) -> Item | Sequence[Item]:
        if isinstance(index, slice):
            return [self.item(i) for i in range(*index.indices(len(self)))]
        return self.item(index)

    @abstractmethod
    def item(self, index: int) -> Item:
        """One of them, from the end if the index is below 0.

        Raises:
            IndexError: there are not so many.
        """

    @abstractmethod
    def sizes(self, start: int, end: int) -> Iterable[int]:
        """Octets of the messages from one index to before another."""

    @abstractmethod
    def guids(self, start: int, end: int) -> Iterable[bytes]:
        """Their UIDLs, likewise."""


class Listed(Items):
    """Items that are there already."""

    def __init__(self, items: Iterable[Item]) -> None:
        self._items = tuple(items)
        self.octets = sum(item.size_octets for item in self._items)

    def __len__(self) -> int:
        return len(self._items)

    def item(self, index: int) -> Item:
        """See :class:`Items`."""
        return self._items[index]

    def sizes(self, start: int, end: int) -> Iterable[int]:
        """See :class:`Items`."""
        return [item.size_octets for item in self._items[start:end]]

    def guids(self, start: int, end: int) -> Iterable[bytes]:
        """See :class:`Items`."""
        return [item.guid for item in self._items[start:end]]

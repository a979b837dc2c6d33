"""Content of a message that is at hand."""

from __future__ import annotations

from zope.interface import implementer

from mailapp.queue.interfaces import IContent


@implementer(IContent)
class Octets:
    """Octets as the content of an entry."""

    def __init__(self, octets: bytes) -> None:
        self._octets = octets
        self.size_octets = len(octets)

    async def read(self, start: int, length: int) -> bytes:
        """Up to ``length`` octets from ``start``; none at the end."""
        return self._octets[start : start + length]

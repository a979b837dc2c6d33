"""Connections that nobody needs just now, kept for the next message."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from mailapp.relay.channel import Channel
from mailapp.relay.link import Link

IDLE_SECONDS: Final = 20.0
"""Servers give 300 (RFC 5321, section 4.5.3.2.7); it would be rude to take them."""
IDLE_PER_KEY: Final = 20
IDLE_MOST: Final = 500
LIFE_SECONDS: Final = 300.0
"""After so long a connection is not kept: the next one may find a better server."""

Key = tuple[str, int]
"""Destination and least level of TLS."""


class Pool:
    """Idle connections by what they are good for.

    Args:
        seconds: a clock that never jumps.
    """

    def __init__(self, seconds: Callable[[], float]) -> None:
        self._seconds = seconds
        self._idle: dict[Key, list[Channel]] = {}
        self._count = 0

    def __len__(self) -> int:
        """How many are idle."""
        return self._count

    def take(self, key: Key) -> Channel | None:
        """The one that was used last: it is the least likely to be closed."""
        channels = self._idle.get(key)
        while channels:
            channel = channels.pop()
            self._forget_one(key)
            channel.idle = None
            if channel.usable:
                return channel
            channel.leave()
        return None

    def give(self, key: Key, channel: Channel) -> None:
        """Keep it, or let it say goodbye."""
        channels = self._idle.setdefault(key, [])
        worn = self._seconds() - channel.opened_at > LIFE_SECONDS
        full = len(channels) >= IDLE_PER_KEY or self._count >= IDLE_MOST
        if worn or full or not channel.usable:
            if not channels:
                del self._idle[key]
            channel.leave()
            return
        channels.append(channel)
        self._count += 1

        def gone(channel: Link) -> None:
            waiting = self._idle.get(key, [])
            if channel in waiting:
                waiting.remove(channel)
                self._forget_one(key)

        channel.rest(IDLE_SECONDS, gone)

    def close(self) -> None:
        """All say goodbye."""
        for channels in list(self._idle.values()):
            for channel in list(channels):
                channel.leave()
        self._idle.clear()
        self._count = 0

    def _forget_one(self, key: Key) -> None:
        self._count -= 1
        if not self._idle[key]:
            del self._idle[key]

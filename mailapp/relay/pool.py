"""Connections that nobody needs just now, or soon, kept for the next message.

Where a connection is quick, the next message stands behind the one that is under way:
its commands leave along with the end of that one (see :mod:`mailapp.relay.channel`),
which saves a round trip, and an idle connection goes on resting.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Final

from mailapp.relay.channel import SOON, Channel
from mailapp.relay.link import Link

IDLE_SECONDS: Final = 20.0
"""Servers give 300 (RFC 5321, section 4.5.3.2.7); it would be rude to take them."""
QUICK_SECONDS: Final = 0.02
"""Of a transaction: it is better to wait for its end than to use one that is idle."""
ALONE_SECONDS: Final = 3600.0
"""Time for which nobody stands behind another where that went wrong."""
ALONE_MOST: Final = 1000
IDLE_PER_KEY: Final = 20
IDLE_MOST: Final = 500
LIFE_SECONDS: Final = 300.0
"""After so long a connection is not kept: the next one may find a better server."""

Key = tuple[str, int]
"""Destination and least level of TLS."""


class Pool:
    """Connections by what they are good for.

    Args:
        seconds: a clock that never jumps.
    """

    def __init__(self, seconds: Callable[[], float]) -> None:
        self._seconds = seconds
        self._idle: dict[Key, list[Channel]] = {}
        self._count = 0
        self._leading: dict[Key, list[Channel]] = {}
        self._used: set[Channel] = set()
        self._alone: dict[str, float] = {}

    def __len__(self) -> int:
        """How many are idle."""
        return self._count

    # ---- in use

    def take(self, key: Key) -> Channel | None:
        """One that is quick, or idle, or will be soon; to be released."""
        leading = self._leading.get(key)
        while leading and not leading[-1].client.leads:
            leading.pop()
        pace = leading[-1].pace if leading else math.inf
        if pace > QUICK_SECONDS:
            channel = self._take_idle(key)
            if channel is not None:
                self.use(key, channel)
                return channel
        if not leading or pace > SOON:
            return None
        channel = leading.pop()
        channel.users += 1
        return channel

    def use(self, key: Key, channel: Channel) -> None:
        """One is in use; to be released."""
        channel.users += 1
        self._used.add(channel)
        self._lead(key, channel)

    def release(self, key: Key, channel: Channel) -> None:
        """One of its users has done with it."""
        channel.users -= 1
        leading = self._leading.get(key)
        if leading and channel in leading:
            leading.remove(channel)
            if not leading:
                del self._leading[key]
        if channel.users:
            self._lead(key, channel)
            channel.pass_on()
            return
        self._used.discard(channel)
        if channel.client.offered.domains:
            channel.leave()
        else:
            self.give(key, channel)

    def leave_alone(self, channel: Channel) -> None:
        """Nobody should stand behind another at this server."""
        now = self._seconds()
        while len(self._alone) >= ALONE_MOST:
            self._alone.pop(next(iter(self._alone)))
        self._alone[channel.hop.address] = now + ALONE_SECONDS

    def _lead(self, key: Key, channel: Channel) -> None:
        """It has one user: another may stand behind."""
        if not channel.client.leads or channel.client.offered.domains:
            return
        until = self._alone.get(channel.hop.address)
        if until is None or until < self._seconds():
            self._leading.setdefault(key, []).append(channel)

    # ---- idle

    def _take_idle(self, key: Key) -> Channel | None:
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
        """All that are idle say goodbye, the others are broken off."""
        for channel in list(self._used):
            channel.abort()
        for channels in list(self._idle.values()):
            for channel in list(channels):
                channel.leave()
        self._idle.clear()
        self._count = 0

    def _forget_one(self, key: Key) -> None:
        self._count -= 1
        if not self._idle[key]:
            del self._idle[key]

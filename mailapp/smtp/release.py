"""Sends what waits for a domain when somebody asks for it (ETRN, RFC 1985).

The answer goes to the domain's own servers by new connections, so anybody may ask; what
a stranger can't do is to learn what waits, or to keep the queue busy.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Final

from mailapp.core.failures import DeliveryFailure
from mailapp.smtp import replies
from mailapp.smtp.grammar.reply import Reply

Flush = Callable[[str], Awaitable[int]]
"""Begins to send all that waits for a domain; how many messages, at once."""

PAUSE: Final = 60.0
"""Seconds after which the same domain is looked for in the queue again."""
STARTS: Final = 60
"""Domains that are looked for in so many seconds, whoever asks."""


class Release:
    """The starts of one listener.

    Args:
        flush: of the queue.
        now: seconds since the epoch.
    """

    def __init__(self, flush: Flush, now: Callable[[], float]) -> None:
        self._flush = flush
        self._now = now
        self._started: dict[str, float] = {}  # domain to when, the oldest first

    async def start(self, domain: str, *, trusted: bool) -> Reply:
        """What ETRN is told.

        Args:
            domain: in lower case with A-labels; empty for many at a time.
            trusted: the client may know what waits here.
        """
        if not domain:
            return replies.NODE_NOT_ALLOWED
        self._forget()
        if domain in self._started:
            return replies.QUEUING  # it was begun a moment ago
        if len(self._started) >= STARTS:
            return replies.CANNOT_QUEUE
        self._started[domain] = self._now()
        try:
            waiting = await self._flush(domain)
        except DeliveryFailure:
            self._started.pop(domain, None)
            return replies.CANNOT_QUEUE
        if not trusted:
            return replies.QUEUING
        return replies.queued(waiting) if waiting else replies.NOTHING_WAITS

    def _forget(self) -> None:
        due = self._now() - PAUSE
        while self._started:
            domain, started = next(iter(self._started.items()))
            if due < started <= due + PAUSE:  # else it is old, or the clock went back
                break
            del self._started[domain]

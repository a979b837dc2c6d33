"""One connection to a next server, and the messages that go over it.

Content is read as fast as the server takes it. On a connection that is used again a
short message is one write and one wait.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from twisted.internet.defer import Deferred

from mailapp.core.failures import DeliveryFailure
from mailapp.queue.interfaces import IContent
from mailapp.relay.link import Link
from mailapp.smtp.client_states import (
    ClientState,
    Ended,
    Finished,
    GoAhead,
    Trouble,
    Word,
)
from mailapp.smtp.outgoing import Outgoing

CHUNK: Final = 65_536
"""Octets of the content that are read and written at once."""
_UNREADABLE: Final = Trouble("4.3.0", "the message can't be read here just now")
_SHORT: Final = Trouble("4.3.0", "the message is shorter here than it should be")


class Channel(Link):
    """A session with a server, for one message after the other."""

    @property
    def usable(self) -> bool:
        """Another transaction may begin."""
        client = self.client
        return client.state is ClientState.READY and not client.exhausted

    async def opened(self) -> Word | None:
        """Wait for the session to stand; None: it does."""
        event = await self._event()
        return event.word if isinstance(event, Ended) else None

    async def send(self, outgoing: Outgoing, content: IContent) -> Sequence[Word]:
        """One transaction; legal while ``usable``. A word per recipient, in order."""
        self.idle = None
        self.client.begin(outgoing, self._around.now())
        self._flush()
        event = await self._event()
        if isinstance(event, GoAhead):
            await self._send_content(content)
            event = await self._event()
        if not isinstance(event, Finished):
            msg = f"a transaction ended with {event!r}"
            raise AssertionError(msg)  # noqa: TRY004 - the machine broke its promise
        return event.words

    def rest(self, seconds: float, idle: Callable[[Link], None]) -> None:
        """Nobody needs it now; after ``seconds`` it says goodbye."""
        self.idle = idle
        self.deadline = self._around.clock.seconds() + seconds

    async def _send_content(self, content: IContent) -> None:
        client, position = self.client, 0
        while position < content.size_octets and client.state is ClientState.CONTENT:
            try:
                octets = await content.read(position, CHUNK)
            except DeliveryFailure:
                self._break_off(_UNREADABLE)
                return
            if not octets:
                self._break_off(_SHORT)
                return
            position += len(octets)
            client.write_content(octets)
            if position >= content.size_octets:
                client.end_content()
            self._flush()
            if self._full and client.state is ClientState.CONTENT:
                room = self._room = Deferred()
                await room

    def _break_off(self, word: Trouble) -> None:
        """What was sent so far must not look like a message: no dot, just the end."""
        self.client.break_off(word)
        self._work()
        self.abort()

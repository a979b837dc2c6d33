"""One connection to a next server, and the messages that go over it.

Content is read as fast as the server takes it. On a connection that is used again a
short message is one write and one wait: with CHUNKING by itself, else if one stands
behind it, whose MAIL, RCPT and DATA leave along with its end. One may stand there.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Final

from attrs import define, field
from twisted.internet.defer import Deferred

from mailapp.core.failures import DeliveryFailure
from mailapp.queue.interfaces import IContent
from mailapp.relay.link import Environment, Link
from mailapp.relay.mx import Hop
from mailapp.smtp.client_states import (
    ClientState,
    Ended,
    Finished,
    GoAhead,
    Terms,
    Trouble,
    Word,
)
from mailapp.smtp.outgoing import Outgoing

CHUNK: Final = 65_536
"""Octets of the content that are read and written at once."""
SOON: Final = 1.0
"""Seconds that one may stand behind another, and see nothing happen."""
_UNREADABLE: Final = Trouble("4.3.0", "the message can't be read here just now")
_SPOILT: Final = Trouble("4.3.0", "the session was broken off here")
_SHORT: Final = Trouble("4.3.0", "the message is shorter here than it should be")


@define(eq=False)
class _Behind:
    """Who stands behind the transaction that is under way.

    Attributes:
        turn: has come: True; False: it does not come over this connection.
        sent: its commands are on their way.
    """

    outgoing: Outgoing
    turn: Deferred[bool] = field(factory=Deferred)
    sent: bool = False


class Channel(Link):
    """A session with a server, for one message after the other.

    Attributes:
        users: who holds it: none, one, or one and who stands behind.
        pace: seconds that a transaction took of late; infinite before the first.
    """

    def __init__(
        self, around: Environment, hop: Hop, terms: Terms, *, verify: bool = False
    ) -> None:
        super().__init__(around, hop, terms, verify=verify)
        self.users = 0
        self.pace = math.inf
        self._under_way = False
        self._behind: _Behind | None = None

    @property
    def usable(self) -> bool:
        """Another transaction may begin."""
        client = self.client
        return client.state is ClientState.READY and not client.exhausted

    async def opened(self) -> Word | None:
        """Wait for the session to stand; None: it does."""
        event = await self._event()
        return event.word if isinstance(event, Ended) else None

    async def send(
        self, outgoing: Outgoing, content: IContent, sent: Callable[[], object]
    ) -> Finished | None:
        """One transaction; if another is under way, behind it.

        When it is over, ``pass_on()`` is due.

        Args:
            outgoing: what is sent.
            content: of it.
            sent: called when all is sent, if another one may stand behind this.

        Returns:
            a word per recipient, in order; None: it was not begun, and will not be.
        """
        self.idle = None
        self.pass_on()
        if self._under_way:
            if not await self._turn(outgoing):
                return None
        elif self.usable:
            self.client.begin(outgoing, self._around.now())
            self._flush()
        else:
            return None
        seconds = self._around.clock.seconds
        began = seconds()
        self._under_way = True
        try:
            event = await self._event()
            if isinstance(event, GoAhead):
                await self._send_content(content, sent)
                event = await self._event()
            if not isinstance(event, Finished):
                msg = f"a transaction ended with {event!r}"
                raise AssertionError(msg)  # noqa: TRY004, TRY301 - a broken promise
        except BaseException:
            self._spoil()
            raise
        self._under_way = False
        self._learn(seconds() - began)
        return event

    def pass_on(self) -> None:
        """If no transaction is under way any more: who stands behind has its turn."""
        behind = self._behind
        if behind is None or self._under_way:
            return
        self._behind = None
        if not behind.sent and self.usable:
            self.client.begin(behind.outgoing, self._around.now())
            self._flush()
            behind.sent = True
        behind.turn.callback(behind.sent)

    @property
    def is_quick(self) -> bool:
        """A transaction is over soon, so one may stand behind it."""
        return self.pace <= SOON

    def expired(self, now: float) -> None:
        """As of any link; but whoever only stands behind looks for another before."""
        behind = self._behind
        if behind is None or behind.sent:
            super().expired(now)
            return
        self.pace = max(self.pace, 2 * SOON)
        self._behind = None
        self._give_time()
        behind.turn.callback(False)  # noqa: FBT003 - the result

    def rest(self, seconds: float, idle: Callable[[Link], None]) -> None:
        """Nobody needs it now; after ``seconds`` it says goodbye."""
        self.idle = idle
        self.deadline = self._around.clock.seconds() + seconds

    # One behind the other.

    def _turn(self, outgoing: Outgoing) -> Deferred[bool]:
        behind = self._behind = _Behind(outgoing)
        if self.client.may_follow:
            self._follow(behind)
            self._flush()
        else:
            self._give_time()
        return behind.turn

    def _follow(self, behind: _Behind) -> None:
        self.client.follow(behind.outgoing, self._around.now())
        behind.sent = True

    def _spoil(self) -> None:
        """Nobody listens to the rest of a transaction: let none take it for its own."""
        self._under_way = False
        self._waiter = None
        self.client.break_off(_SPOILT)
        self.abort()
        behind, self._behind = self._behind, None
        if behind is not None:
            behind.turn.callback(False)  # noqa: FBT003 - the result

    def _learn(self, seconds: float) -> None:
        pace = self.pace
        self.pace = seconds if pace == math.inf else pace + (seconds - pace) / 4

    def _give_time(self) -> None:
        super()._give_time()
        if self._behind is not None and not self._behind.sent:
            self.deadline = min(self.deadline, self._around.clock.seconds() + SOON)

    # The content.

    async def _send_content(
        self, content: IContent, sent: Callable[[], object]
    ) -> None:
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
                self._end_sent(sent)
            self._flush()
            if self._full and client.state is ClientState.CONTENT:
                room = self._room = Deferred()
                await room

    def _end_sent(self, sent: Callable[[], object]) -> None:
        """The end is about to leave: whatever follows leaves with it."""
        if not self.client.may_follow:
            return
        if self._behind is None and self.is_quick:
            sent()
        elif self._behind is not None:
            self._follow(self._behind)

    def _break_off(self, word: Trouble) -> None:
        """What was sent so far must not look like a message: no dot, just the end."""
        self.client.break_off(word)
        self._work()
        self.abort()

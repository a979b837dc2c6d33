"""A client machine on a transport: time limits, TLS, and who waits for what.

The machine (:mod:`mailapp.smtp.client`) decides; here is what is true of every
connection to a next server. Each wait is one Deferred.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable
from typing import Any, ClassVar, Final

from attrs import frozen
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IHandshakeListener, IPushProducer, IReactorTime
from twisted.internet.protocol import Protocol, connectionDone
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import implementer

from mailapp.core.connection import Signal
from mailapp.core.failures import DeliveryFailure, SyntaxProblem
from mailapp.net.client_tls import ClientTLS
from mailapp.net.steps import run
from mailapp.net.sweep import Sweep
from mailapp.net.threads import InThread
from mailapp.relay.mx import Hop
from mailapp.smtp.client import SmtpClient
from mailapp.smtp.client_states import (
    BeginTLS,
    Challenged,
    ClientEvent,
    ClientState,
    Terms,
    Trouble,
)

_WRITE_RATE: Final = 64
"""Octets a second that a server must take, on average over a time limit."""
_NO_HANDSHAKE: Final = Trouble("4.7.5", "encryption could not be agreed on")
_UNVERIFIED: Final = "4.7.5"


@frozen
class Environment:
    """What all channels share.

    Attributes:
        clock: time that never jumps.
        now: seconds since the epoch.
        sweep: looks at their deadlines.
        tls: of all of them.
        in_thread: for computations of a login that take long.
    """

    clock: IReactorTime
    now: Callable[[], float]
    sweep: Sweep
    tls: ClientTLS
    in_thread: InThread


@implementer(IHandshakeListener, IPushProducer)
class Link(Protocol):
    """One connection, without what is said over it.

    Args:
        around: what it shares with others.
        hop: where it leads to.
        terms: how the client behaves.
        verify: nothing is said to a server whose certificate is not for its name.

    Attributes:
        lmtp: it speaks LMTP.
        flaw: why the server may be another than it should be; empty: its certificate
            was verified. Without TLS it is not empty.
        handshake_failed: TLS was begun and did not come about.
        domains: of the recipients that were named to this server so far.
        deadline: of what is awaited; the sweep looks at it.
        idle: called when it is idle and must go, so that nobody takes it.
    """

    log: ClassVar = Logger()
    transport: Any

    def __init__(
        self, around: Environment, hop: Hop, terms: Terms, *, verify: bool = False
    ) -> None:
        self.hop: Final = hop
        self.lmtp: Final = terms.lmtp
        self.client: Final = SmtpClient(terms)
        self.flaw = "it is not encrypted"
        self.handshake_failed = False
        self.domains: set[str] = set()
        self.deadline = math.inf
        self.idle: Callable[[Link], None] | None = None
        self.opened_at = around.clock.seconds()
        self._around = around
        self._implicit = terms.encrypted
        self._verify = verify
        self._events: deque[ClientEvent] = deque()
        self._waiter: Deferred[ClientEvent] | None = None
        self._room: Deferred[None] | None = None
        self._full = False
        self._shaking = False
        self._sent = 0
        self._connected = False

    def leave(self) -> None:
        """Say goodbye if that makes sense, and close."""
        self.idle = None
        self.client.quit()
        self._flush()
        if self.client.state is ClientState.CLOSED:
            self._close()

    def abort(self) -> None:
        """Close at once."""
        if self._connected:
            self.transport.abortConnection()

    # What the transport and the sweep call.

    def connectionMade(self) -> None:
        """The way is open; the server speaks first, or TLS does."""
        self._connected = True
        set_no_delay = getattr(self.transport, "setTcpNoDelay", None)
        if set_no_delay is not None:
            set_no_delay(True)
        self._around.sweep.watch(self)
        if self._implicit:
            self._shake()
        else:
            self.transport.registerProducer(self, True)  # noqa: FBT003 - Twisted's
        self._give_time()

    def dataReceived(self, octets: bytes) -> None:
        """The server said something. Hot."""
        self.client.receive(octets)
        self._work()

    def handshakeCompleted(self) -> None:  # noqa: N802
        """TLS is on."""
        self._shaking = False
        self.flaw = ClientTLS.problem(self.transport.getHandle(), self.hop.name)
        self.transport.registerProducer(self, True)  # noqa: FBT003 - Twisted's
        if self.flaw and self._verify:
            self.client.break_off(Trouble(_UNVERIFIED, self.flaw))
        elif self.client.state is ClientState.HANDSHAKE:
            self.client.tls_started()
        self._give_time()
        self._work()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """It is over."""
        del reason
        self._connected = False
        self._around.sweep.unwatch(self)
        if self._shaking:
            self.handshake_failed = True
            self.client.break_off(_NO_HANDSHAKE)
        else:
            self.client.receive_eof()
        self._go_on()
        self._work()
        if self.idle is not None:
            self.idle(self)

    def expired(self, now: float) -> None:
        """The server took too long, or nobody needs it any more."""
        if self.idle is not None:
            self.idle(self)
            self.leave()
            return
        if self._full and self._reads(now):
            return
        self.handshake_failed = self._shaking
        self.client.time_out()
        self._go_on()
        self._work()
        self.abort()

    def pauseProducing(self) -> None:  # noqa: N802
        """The server does not take what we write."""
        self._full = True
        self._sent = self._octets_sent()

    def resumeProducing(self) -> None:  # noqa: N802
        """It does again."""
        self._full = False
        self._give_time()
        self._go_on()

    def stopProducing(self) -> None:  # noqa: N802
        """The transport is lost; ``connectionLost`` follows."""

    # Its own steps.

    async def _event(self) -> ClientEvent:
        if not self._events:
            waiter = self._waiter = Deferred()
            return await waiter
        return self._events.popleft()

    def _work(self) -> None:
        """Act on what the machine found in the server's words."""
        client = self.client
        heard = False
        while not isinstance(event := client.next_event(), Signal):
            match event:
                case BeginTLS():
                    self._flush()
                    self._shake()
                case Challenged():
                    self._answer(event)
                case _:
                    heard = True
                    self._events.append(event)
        if client.state is ClientState.CLOSED:
            self._flush()
            self._close()
        if heard and self._waiter is not None:
            waiter, self._waiter = self._waiter, None
            waiter.callback(self._events.popleft())
        self._flush()

    def _flush(self) -> None:
        octets = self.client.take_output()
        if octets and self._connected:
            self.transport.write(octets)
        if octets or self.client.progress:
            self.client.progress = False
            self._give_time()

    def _give_time(self) -> None:
        if self.idle is None:
            self.deadline = self._around.clock.seconds() + self.client.timeout

    def _reads(self, now: float) -> bool:
        """Whether the server takes enough to be given the same time again."""
        before, self._sent = self._sent, self._octets_sent()
        patience = self.client.timeout
        self.deadline = now + patience
        return self._sent - before >= patience * _WRITE_RATE

    def _octets_sent(self) -> int:
        return getattr(self.transport, "octets_sent", 0)

    def _go_on(self) -> None:
        room, self._room = self._room, None
        if room is not None:
            room.callback(None)

    def _answer(self, asked: Challenged) -> None:
        mechanism = self.client.mechanism
        if mechanism is None:
            return

        async def compute() -> bytes | None:
            try:
                answer: bytes = await self._around.in_thread(
                    mechanism.answer, asked.challenge
                )
            except (SyntaxProblem, DeliveryFailure):
                return None
            return answer

        run(compute(), self._respond, self._failed)

    def _respond(self, response: bytes | None) -> None:
        self.client.respond(response)
        self._work()

    def _failed(self, problem: BaseException) -> None:
        failure = Failure(problem)
        self.log.failure("a login failed", failure, event="relay.login.failed")
        self._respond(None)

    def _shake(self) -> None:
        self._shaking = True
        if not self._implicit:
            self.transport.unregisterProducer()
        self.transport.startTLS(self._around.tls.to(self.hop.name))

    def _close(self) -> None:
        if self._connected and not self._shaking:
            self.transport.unregisterProducer()
            self.transport.loseConnection()
        elif self._connected:
            self.transport.abortConnection()

"""Where a client machine meets a transport: one event at a time, and no faster.

The machine of POP2 or POP3 decides nothing about time, flow or TLS; this does. Octets
are read only while somebody waits for an event, so a server that sends without end
fills the kernel's buffers and not our memory.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, Final, Protocol, cast

from twisted.internet.defer import Deferred
from twisted.internet.endpoints import HostnameEndpoint, connectProtocol
from twisted.internet.error import ConnectionClosed
from twisted.internet.interfaces import (
    IDelayedCall,
    IHandshakeListener,
    IReactorTime,
)
from twisted.internet.protocol import Protocol as TransportProtocol
from twisted.python.failure import Failure
from zope.interface import implementer

from mailapp.core.connection import NEED_DATA, PAUSED
from mailapp.core.peer import TLS, Peer
from mailapp.fetch.types import FetchProblem
from mailapp.fetch.words import shown
from mailapp.net.addresses import LOCAL, plain
from mailapp.net.client_tls import ClientTLS

PROGRESS_OCTETS: Final = 4096
"""A server that sends so many in its time is slow, one that sends less is gone."""
CONNECT_SECONDS: Final = 30.0
_HELD_OCTETS: Final = 65536
_PATIENCE_SECONDS: Final = 1.0


class Machine(Protocol):
    """What is asked of a client machine."""

    def receive(self, octets: bytes) -> None:
        """Take octets, cut anywhere."""

    def receive_eof(self) -> None:
        """The server sends no more."""

    def time_out(self) -> None:
        """The server took too long."""

    def to_send(self) -> bytes:
        """What it has to say without being asked."""

    def next_event(self) -> Any:
        """What the server did, or a Signal."""


class Server(Protocol):
    """What TLS asks of who is connected to."""

    @property
    def host(self) -> str:
        """Its name or address."""

    @property
    def authority(self) -> Path | None:
        """PEM file of the authorities to trust; None: those of the system."""

    @property
    def verify(self) -> bool:
        """It has to prove its name."""


@implementer(IHandshakeListener)
class Dialogue(TransportProtocol):
    """A connection to a server.

    Args:
        machine: of the protocol.
        clock: for deadlines.
        timeout: seconds the server has for each event, and for each 4096 octets of a
            message. Time that we take for ourselves does not count.
        partial: the event that tells of octets of a message.
    """

    transport: Any

    def __init__(
        self,
        machine: Machine,
        clock: IReactorTime,
        timeout: float,
        partial: type[object],
    ) -> None:
        self.machine: Final = machine
        self._clock = clock
        self._timeout = self._budget = timeout
        self._partial = partial
        self._waiter: Deferred[None] | None = None
        self._deadline: IDelayedCall | None = None
        self._closing: IDelayedCall | None = None
        self._progress = 0
        self._unread = 0
        self._held = False
        self._lost = False
        self._shaking: Deferred[None] | None = None

    # What the transport calls.

    def dataReceived(self, octets: bytes) -> None:
        """Octets came, decrypted if TLS is on."""
        self.machine.receive(octets)
        self._progress += len(octets)
        self._unread += len(octets)
        if self._progress >= PROGRESS_OCTETS:
            self._renew()
        if self._waiter is None and self._unread > _HELD_OCTETS and not self._held:
            self._held = True
            self.transport.pauseProducing()
        self._wake()

    def handshakeCompleted(self) -> None:  # noqa: N802
        """TLS is on, and the server is who it should be."""
        shaking, self._shaking = self._shaking, None
        if shaking is not None:
            shaking.callback(None)

    def connectionLost(self, reason: Failure | None = None) -> None:
        """The server, the network or we have closed."""
        self._lost = True
        if self._closing is not None and self._closing.active():
            self._closing.cancel()
        shaking, self._shaking = self._shaking, None
        if shaking is not None:
            shaking.errback(FetchProblem(f"no TLS: {_reason(reason)}"))
        self.machine.receive_eof()
        self._wake()

    # What a session calls.

    async def event(self) -> Any:
        """The next event of the machine; waits for it."""
        try:
            while (event := self.machine.next_event()) is NEED_DATA:
                await self._more()
        finally:
            self._unwatch()
        if event is PAUSED:
            msg = "waits for a server that waits for us"
            raise AssertionError(msg)
        if not isinstance(event, self._partial):
            self._renew()
        return event

    def write(self, octets: bytes) -> None:
        """Send."""
        if octets and not self._lost:
            self.transport.write(octets)

    async def secure(self, source: Server) -> None:
        """Start TLS; nothing that was said in the clear may be waiting.

        Raises:
            FetchProblem: there is no TLS, or the server can't prove its name.
            BadCertificate: the file of authorities can't be used.
        """
        authority = None if source.authority is None else str(source.authority)
        creator = ClientTLS(authority).to(source.host)
        if self._lost:
            msg = "the server has closed the connection"
            raise FetchProblem(msg)
        shaking = self._shaking = Deferred()
        self._watch()
        self.transport.startTLS(creator)
        try:
            await shaking
        finally:
            self._unwatch()
        if source.verify:
            problem = ClientTLS.problem(self.transport.getHandle(), source.host)
            if problem:
                raise FetchProblem(f"the server is not trusted: {problem}")

    def peer(self) -> Peer:
        """The server, for the Received field."""
        address = getattr(self.transport.getPeer(), "host", LOCAL)
        return Peer(plain(address), tls=self._tls())

    def close(self) -> None:
        """Let go of it; what was written may still leave. Closing twice is no error."""
        self._unwatch()
        if not self._lost:
            self.write(self.machine.to_send())
            self.transport.loseConnection()
            if self._closing is None:
                self._closing = self._clock.callLater(_PATIENCE_SECONDS, self._abort)

    def hang_up(self) -> None:
        """Close at once; whoever waits for an event hears of it."""
        self._unwatch()
        self._abort()

    # Its own steps.

    def _more(self) -> Awaitable[None]:
        """Wait until something came, or cannot come any more."""
        self._unread = 0
        self._watch()
        waiter = self._waiter = Deferred()
        if self._held:
            self._held = False
            self.transport.resumeProducing()
        return waiter

    def _wake(self) -> None:
        waiter, self._waiter = self._waiter, None
        if waiter is not None and not waiter.called:
            waiter.callback(None)

    def _renew(self) -> None:
        self._progress = 0
        self._budget = self._timeout
        if self._deadline is not None:
            self._deadline.reset(self._budget)

    def _watch(self) -> None:
        if self._deadline is None:
            self._deadline = self._clock.callLater(self._budget, self._expired)

    def _unwatch(self) -> None:
        deadline, self._deadline = self._deadline, None
        if deadline is not None and deadline.active():
            self._budget = max(0.0, deadline.getTime() - self._clock.seconds())
            deadline.cancel()

    def _expired(self) -> None:
        self._deadline = None
        self.machine.time_out()
        if self._shaking is not None:
            self._abort()
        self._wake()

    def _abort(self) -> None:
        if not self._lost:
            self.transport.abortConnection()

    def _tls(self) -> TLS | None:
        handle = getattr(self.transport, "getHandle", None)
        connection = handle() if handle is not None else None
        if not hasattr(connection, "get_protocol_version_name"):
            return None
        version = cast(Any, connection).get_protocol_version_name()
        return TLS(version, cast(Any, connection).get_cipher_name() or "")


def _reason(failure: Failure | None) -> str:
    """Why, in few words; OpenSSL gives a list of triples."""
    problem = None if failure is None else failure.value
    if problem is None or isinstance(problem, ConnectionClosed):
        return "the server has closed the connection"
    words = problem.args[0] if problem.args else type(problem).__name__
    if isinstance(words, list) and words:
        words = words[0][-1] if isinstance(words[0], tuple) else words[0]
    return shown(str(words)) or type(problem).__name__


Connect = Callable[[str, int, TransportProtocol], Awaitable[Any]]
"""Connects a protocol to host and port; raises what Twisted's endpoints raise."""


def connector(reactor: Any) -> Connect:
    """Connects to a name or an address; IPv6 and IPv4 are tried side by side."""

    def connect(host: str, port: int, protocol: TransportProtocol) -> Awaitable[Any]:
        endpoint = HostnameEndpoint(reactor, host, port, timeout=CONNECT_SECONDS)
        connected: Awaitable[Any] = connectProtocol(endpoint, protocol)
        return connected

    return connect

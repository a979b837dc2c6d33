"""The one place where a connection meets a transport.

:class:`Driver` owns what is true of every protocol: deadlines, flow control in both
directions, STARTTLS, draining, closing. :class:`mailapp.net.pump.Pump` moves events
and answers between the halves; :mod:`mailapp.net.entrance` is what comes before.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final, cast

from attrs import evolve
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import (
    IAddress,
    IHalfCloseableProtocol,
    IHandshakeListener,
    IPushProducer,
)
from twisted.internet.protocol import Protocol, ServerFactory
from zope.interface import implementer

from mailapp.core.connection import Reviewed
from mailapp.core.output import Output
from mailapp.core.peer import TLS
from mailapp.net.addresses import LOCAL, plain, within
from mailapp.net.deadlines import Timed
from mailapp.net.deflate import Deflate, insert
from mailapp.net.entrance import Phase, Register
from mailapp.net.outlet import Outlet
from mailapp.net.pump import Pump
from mailapp.net.steps import run
from mailapp.net.surroundings import Compose, Surroundings
from mailapp.net.tls import ServerTLS

_OPEN: Final = Phase.OPEN
_REFUSALS: Final = 100
"""Refusals a second that are said; beyond that the connection is just closed."""


@implementer(IHandshakeListener, IPushProducer, IHalfCloseableProtocol)
class Driver(Timed):
    """One connection of a listener, from the first octet to the last."""

    def __init__(
        self,
        compose: Compose,
        around: Surroundings,
        register: Register,
        address: str,
    ) -> None:
        super().__init__(around, register, address)
        self._compose = compose
        self._pump: Pump | None = None
        self._held = False
        self._drains = False

    # What the transport calls.

    def dataReceived(self, octets: bytes) -> None:
        """Octets came, decrypted if TLS is on. Hot."""
        pump = self._pump
        if pump is None or self._phase is not _OPEN:
            self.early(octets)
            return
        self.gained += len(octets)
        pump.receive(octets)
        if (
            (pump.full or pump.busy is not None)
            and not self._held
            and pump.connection.buffered > self._around.buffer_limit
        ):
            self._held = True
            self.transport.pauseProducing()

    def handshakeCompleted(self) -> None:  # noqa: N802
        """TLS is on."""
        try:
            tls = cast(ServerTLS, self._around.tls).facts(self.transport.getHandle())
            pump = self._pump
            if pump is not None:
                pump.connection.tls_started()
                pump.session.tls_started(tls)
        except Exception as problem:
            self.fail(problem)
            return
        if pump is None:
            self.entered(tls)
        else:
            pump.shaking = False
            self._go_on(pump)

    def pauseProducing(self) -> None:  # noqa: N802
        """The transport has more than it can send: the peer does not read."""
        if self._pump is not None:
            self._pump.full = True

    def resumeProducing(self) -> None:  # noqa: N802
        """The transport has room."""
        pump = self._pump
        if pump is None:
            return
        pump.full = False
        if self._phase is not _OPEN:
            return
        room, pump.room = pump.room, None
        if self.transport.disconnecting:  # TLS has broken; now it may close
            self.transport.unregisterProducer()
        elif pump.busy is None:
            pump.work()
        if room is not None:
            self.settle()
            room.callback(None)

    def stopProducing(self) -> None:  # noqa: N802
        """The transport is lost; ``connectionLost`` follows."""

    def readConnectionLost(self) -> None:  # noqa: N802
        """The peer sends no more: ``printf ... | nc`` still wants its answers."""
        self.finished = True
        pump = self._pump
        if pump is None or self._phase is not _OPEN:
            self.transport.loseConnection()
            return
        try:
            pump.connection.receive_eof()
        except Exception as problem:
            self.fail(problem)
        else:
            self.settle()

    # What the sweep and the factory call.

    def expired(self, now: float) -> None:
        """The deadline passed."""
        pump = self._pump
        if pump is None or self._phase is Phase.HANDSHAKE:
            super().expired(now)
        elif self._phase is _OPEN and not pump.full and not self.finished:
            self._say(pump, pump.connection.time_out)
        elif self.finished or not self.reads(now):
            self.say_stalled()
            self.abort()

    def drain(self) -> None:
        """The server goes down: end when the work under way is done.

        Who is amid a preamble or a handshake is told when it can hear it.
        """
        pump = self._pump
        if pump is None or pump.shaking or self._phase is Phase.HANDSHAKE:
            self._drains = True
        elif self._phase is _OPEN:
            self._say(pump, pump.connection.drain)

    def review(self) -> None:
        """Ask a session at rest whether it may go on."""
        pump = self._pump
        if pump is None or self._phase is not _OPEN or pump.busy is not None:
            return
        if isinstance(pump.session, Reviewed):
            run(pump.session.still_welcome(), self._reviewed, self.fail)

    # What entrance and pump call.

    def entered(self, tls: TLS | None) -> None:
        """Compose the halves; the connection's first event is the greeting."""
        if tls is not None:
            self.peer = evolve(self.peer, tls=tls)
        try:
            connection, session = self._compose(self.peer)
        except Exception as problem:
            self.fail(problem)
            return
        self.hurries = hasattr(connection, "halfway")
        clock = self._around.clock
        self._pump = pump = Pump(
            connection, session, self.transport.write, self.settle, self.fail, clock
        )
        if (attach := getattr(session, "attach", None)) is not None:
            attach(Outlet(pump, self.settle, self._around.lane))
        self._go_on(pump)

    def ended(self) -> None:
        """The session hears of it, exactly once."""
        pump = self._pump
        if pump is None:
            return
        try:
            pump.cancel()
        except Exception as problem:
            self.bug(problem)
        try:
            pump.session.closed()
        except Exception as problem:
            self.bug(problem)
        self.say_closed(self.received + self.gained)
        pump.forget()  # what it holds is free at once, not when cycles are collected
        self._pump = None
        if isinstance(self.transport, Deflate):
            self.transport.ended()

    def settle(self) -> None:
        """The pump rests: move the deadline, or close, or start TLS. Hot."""
        pump = self._pump
        if pump is None or self._phase is not _OPEN:
            return
        if pump.busy is not None or pump.full:
            self.rest(pump)
            return
        if pump.ending or self.finished:
            self._close()
            return
        if pump.shaking:
            deflate = getattr(pump.connection, "wants_deflate", False)
            (self._start_deflate if deflate else self._start_tls)(pump)
            return
        if self._held:
            self._held = False
            self.transport.resumeProducing()
        self.move_deadline(pump)

    def fail(self, problem: BaseException) -> None:
        """Connection or session raised: say so if it makes sense, and close."""
        self.bug(problem)
        pump = self._pump
        if pump is None or self._phase is not _OPEN:
            self.abort()
            return
        try:
            understood = pump.part(pump.connection.fail)
            pump.cancel()
        except Exception as another:
            self.bug(another)
            understood = False
        if understood:
            self._close()
        else:
            self.abort()

    # Its own steps.

    def _go_on(self, pump: Pump) -> None:
        self._phase = _OPEN
        self.transport.registerProducer(self, True)  # noqa: FBT003 - Twisted's
        pump.moved = True
        (self.drain if self._drains else pump.work)()

    def _reviewed(self, welcome: bool) -> None:  # noqa: FBT001 - called with a result
        pump = self._pump
        if welcome or pump is None or self._phase is not _OPEN or pump.busy is not None:
            return
        self._say(pump, pump.connection.dismiss)

    def _start_deflate(self, pump: Pump) -> None:
        """COMPRESS was granted: from here on another layer writes and reads."""
        insert(self, self._around.clock)
        pump.write = self.transport.write
        cast(Any, pump.connection).deflate_started()
        pump.shaking = False
        (self.drain if self._drains else self.settle)()

    def _start_tls(self, pump: Pump) -> None:
        """STARTTLS was granted: no octet said in clear may cross.

        RFC 3207, section 4.2 has what was learned before forgotten; octets that came
        along with the command are worse, they would pass for protected ones.
        """
        if self._around.tls is None or pump.connection.buffered:
            self.bug(AssertionError("TLS granted without certificates or too late"))
            self.abort()
            return
        self.transport.unregisterProducer()
        if self._held:
            self._held = False
            self.transport.resumeProducing()
        self.shake()

    def _close(self) -> None:
        """Let what was written leave, then close; the sweep does not wait long."""
        self._phase = Phase.CLOSING
        self.start_closing()
        self.transport.unregisterProducer()
        self.transport.loseConnection()

    def _say(self, pump: Pump, words: Callable[[], Sequence[Output]]) -> None:
        try:
            pump.say(words())
        except Exception as problem:
            self.fail(problem)


class _Refused(Protocol):
    """Says one line and closes."""

    def __init__(self, refusal: bytes) -> None:
        self._refusal = refusal

    def connectionMade(self) -> None:
        transport = self.transport
        if transport is not None:
            transport.write(self._refusal)
            transport.loseConnection()


class DriverFactory(ServerFactory):
    """Makes the drivers of one listener.

    Args:
        compose: makes connection and session of a peer.
        surroundings: what the connections share.
    """

    noisy = False

    def __init__(self, compose: Compose, surroundings: Surroundings) -> None:
        self.compose: Final = compose
        self.surroundings: Final = surroundings
        self._register = Register(surroundings.clock)
        self._drained: Deferred[None] | None = None
        self._refusals_until = 0.0
        self._refusals = 0

    def __len__(self) -> int:
        """How many connections there are."""
        return len(self._register.present)

    def __bool__(self) -> bool:
        """Is there, also while nobody is connected."""
        return True

    def buildProtocol(self, addr: IAddress | None) -> Protocol | None:
        """A driver, or a refusal, or None: closed without a word."""
        around = self.surroundings
        address = plain(getattr(addr, "host", LOCAL))
        if self._drained is not None:
            return self._refuse()
        driver = Driver(self.compose, around, self._register, address)
        admission = around.admission
        if admission is not None and not within(address, around.proxy_from):
            limit = admission.enter(address)
            if limit is not None:
                self._register.refused(address, limit)
                return self._refuse()
            driver.admitted = address
        return driver

    def drivers(self) -> list[Driver]:
        """All connections there are now."""
        return [cast(Driver, entrance) for entrance in self._register.present]

    def drain(self) -> Deferred[None]:
        """Take nobody in and ask all to end; fires when they are gone. Call once."""
        drained = self._drained = Deferred()
        self._register.emptied = lambda: drained.callback(None)
        for driver in self.drivers():
            driver.drain()
        if not self._register.present and not drained.called:
            drained.callback(None)
        self._register.emptied = None if drained.called else self._register.emptied
        return drained

    def abort_all(self) -> None:
        """Drop all connections."""
        for driver in self.drivers():
            driver.abort()

    def _refuse(self) -> Protocol | None:
        around = self.surroundings
        if around.implicit_tls or not around.refusal:
            return None
        now = around.clock.seconds()
        if now >= self._refusals_until:
            self._refusals_until = now + 1
            self._refusals = 0
        self._refusals += 1
        return _Refused(around.refusal) if self._refusals <= _REFUSALS else None

"""What happens before a connection speaks: PROXY, admission, TLS that comes first.

Nothing is composed, and no octet is answered, for a peer that does not get through.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from enum import Enum
from typing import Any, ClassVar, Final

from attrs import evolve
from twisted.internet.interfaces import IReactorTime
from twisted.internet.protocol import Protocol, connectionDone
from twisted.logger import Logger, LogLevel
from twisted.python.failure import Failure

from mailapp.core.failures import SyntaxProblem
from mailapp.core.peer import TLS, Peer
from mailapp.net.addresses import LOCAL, plain, within
from mailapp.net.limits import Limit
from mailapp.net.proxy import Ends, parse
from mailapp.net.surroundings import Surroundings


class Phase(Enum):
    """The life of a connection."""

    PREAMBLE = "PROXY preamble"
    HANDSHAKE = "TLS handshake"
    OPEN = "open"
    CLOSING = "closing"
    LOST = "lost"


class Register:
    """Who is connected to one listener, and what was noticed at its door."""

    log: ClassVar = Logger()

    def __init__(self, clock: IReactorTime) -> None:
        self.present: Final[set[Entrance]] = set()
        self.emptied: Callable[[], None] | None = None
        self._clock = clock
        self._quiet_until = 0.0
        self._unsaid = 0

    def left(self, who: Entrance) -> None:
        """Somebody is gone."""
        self.present.discard(who)
        if not self.present and self.emptied is not None:
            self.emptied()

    def refused(self, address: str, limit: Limit) -> None:
        """A limit was reached; the admin may want to know."""
        self.noticed("connection.refused", address, limit.value, LogLevel.info)

    def noticed(
        self, event: str, address: str, reason: str, level: Any = LogLevel.debug
    ) -> None:
        """Something of no weight: one line a second at most, the rest is counted."""
        now = self._clock.seconds()
        if now < self._quiet_until:
            self._unsaid += 1
            return
        self._quiet_until = now + 1
        unsaid, self._unsaid = self._unsaid, 0
        self.log.emit(
            level,
            "{peer}: {reason} ({unsaid} more were not logged)",
            event=event,
            peer=address,
            reason=reason,
            unsaid=unsaid,
        )


class Entrance(Protocol):
    """A connection up to the point where its two halves are made.

    Args:
        around: what the listener's connections share.
        register: of the listener.
        address: of the peer, or of the proxy before it.
    """

    log: ClassVar = Logger()
    transport: Any

    def __init__(self, around: Surroundings, register: Register, address: str) -> None:
        self.deadline = math.inf
        self.admitted = ""
        """The address that was counted, and is to be uncounted at the end."""
        self.finished = False
        """The peer sends no more; it is closed when its last answer was written."""
        self.peer = Peer(address)
        self._around = around
        self._register = register
        self._phase = Phase.PREAMBLE
        self._preamble = b""
        self._made = 0.0

    def connectionMade(self) -> None:
        """A peer was accepted."""
        around = self._around
        self._made = around.clock.seconds()
        self.deadline = self._made + around.handshake_timeout
        around.sweep.watch(self)
        self._register.present.add(self)
        if not within(self.peer.address, around.proxy_from):
            self._admit(None)

    def expired(self, _now: float) -> None:
        """Neither preamble nor handshake came in time."""
        self._register.noticed(
            "connection.timed-out", self.peer.address, self._phase.value
        )
        self.abort()

    def abort(self) -> None:
        """Drop the connection and all that waits to be written."""
        self.transport.abortConnection()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """It is over."""
        phase, self._phase = self._phase, Phase.LOST
        around = self._around
        around.sweep.unwatch(self)
        if around.admission is not None and self.admitted:
            around.admission.leave(self.admitted)
        if phase is Phase.HANDSHAKE:
            self._register.noticed(
                "connection.handshake.failed", self.peer.address, str(reason.value)
            )
        self.ended()
        self._register.left(self)

    def readConnectionLost(self) -> None:  # noqa: N802
        """The peer sends no more."""
        self.transport.loseConnection()

    def writeConnectionLost(self) -> None:  # noqa: N802
        """Never: both ways are closed together."""

    def ended(self) -> None:
        """The transport is gone; called exactly once."""

    def entered(self, tls: TLS | None) -> None:
        """``self.peer`` is complete but for TLS: let the halves be made."""
        raise NotImplementedError

    def early(self, octets: bytes) -> None:
        """Octets before the connection is open, or after it was closed."""
        if self._phase is not Phase.PREAMBLE:
            return
        self._preamble += octets
        try:
            preamble = parse(self._preamble)
        except SyntaxProblem as problem:
            self._register.noticed(
                "connection.refused", self.peer.address, problem.reason
            )
            self.abort()
            return
        if preamble is None:
            return
        rest, self._preamble = self._preamble[preamble.length :], b""
        self._admit(preamble.ends)
        if rest and self._around.implicit_tls:
            self.transport.protocol.dataReceived(rest)
        elif rest:
            self.dataReceived(rest)

    def shake(self) -> None:
        """Have the transport negotiate TLS; ``handshakeCompleted`` follows."""
        around = self._around
        self._phase = Phase.HANDSHAKE
        self.deadline = around.clock.seconds() + around.handshake_timeout
        self.transport.startTLS(around.tls)

    def octets_sent(self) -> int:
        """What the kernel took from us; always 0 if the transport does not tell."""
        return getattr(self.transport, "octets_sent", 0)

    def bug(self, problem: BaseException) -> None:
        """Log what should not have been raised."""
        failure = Failure(problem)
        text = "{session} {peer}: bug"
        self.log.failure(text, failure, event="connection.failed", **self.ids())

    def say_stalled(self) -> None:
        """Log that the peer does not read."""
        text = "{session} {peer} does not read"
        self.log.info(text, event="connection.stalled", **self.ids())

    def say_closed(self, octets: int) -> None:
        """Log the end, with the octets that came; the session says what it was for."""
        self.log.debug(
            "{session} {peer} closed after {seconds:.1f} s, {octets} octets came",
            event="connection.closed",
            seconds=self._around.clock.seconds() - self._made,
            octets=octets,
            **self.ids(),
        )

    def ids(self) -> dict[str, Any]:
        """Names this connection in the log."""
        return {"session": self.peer.session, "peer": self.peer.address}

    def _admit(self, ends: Ends | None) -> None:
        """The peer is known: admit it, then TLS or the greeting."""
        around = self._around
        peer = self.peer = self._introduce(ends)
        if around.admission is not None and not self.admitted:
            limit = around.admission.enter(peer.address)
            if limit is not None:
                self._register.refused(peer.address, limit)
                self._phase = Phase.CLOSING
                if not around.implicit_tls:
                    self.transport.write(around.refusal)
                self.transport.loseConnection()
                return
            self.admitted = peer.address
        text = "{session} {peer} came"
        self.log.debug(text, event="connection.opened", **self.ids())
        if around.implicit_tls:
            self.shake()
        else:
            self.entered(None)

    def _introduce(self, ends: Ends | None) -> Peer:
        around = self._around
        if ends is None:
            there, here = self.transport.getPeer(), self.transport.getHost()
            ends = Ends(
                self.peer.address,
                getattr(there, "port", 0),
                getattr(here, "host", LOCAL),
                getattr(here, "port", 0),
            )
        address = plain(ends.source)
        return evolve(
            self.peer,
            address=address,
            port=ends.source_port,
            local_address=plain(ends.destination),
            local_port=ends.destination_port,
            session=around.name(),
            trusted=within(address, around.trusted),
        )

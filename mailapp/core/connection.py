"""What the driver knows of a protocol: the promises of connection and session.

A *connection* is a machine without I/O: octets in, events out; answers in, octets out.
A *session* is asynchronous: it turns one event at a time into one answer. The driver
(:mod:`mailapp.net.driver`) is the only one that calls both::

    connection.receive(octets)
    while (event := connection.next_event()) is not NEED_DATA:
        answer = await session.respond(event)
        if answer is not None:
            write(connection.send(answer))

The first event of every connection is its own ``Opened``, whose answer is the
greeting. After an event that wants an answer, ``next_event`` gives ``PAUSED`` until
the answer was sent; so replies keep their order under pipelining, and the driver
stops reading while the connection holds more than it needs.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum
from typing import Any, Final, Protocol, runtime_checkable

from mailapp.core.output import Output
from mailapp.core.peer import TLS


class Signal(Enum):
    """What ``next_event`` gives when there is no event."""

    NEED_DATA = "need data"
    PAUSED = "paused"


NEED_DATA: Final = Signal.NEED_DATA
PAUSED: Final = Signal.PAUSED


class Connection(Protocol):
    """A protocol's state machine. Pure: no clock, no transport, no await."""

    @property
    def timeout(self) -> float:
        """Seconds the peer has, in this state, until the next event is complete."""

    @property
    def minimum_rate(self) -> float:
        """Octets a second that move the deadline on; 0 where only events do.

        In a state with bulk input each ``n`` octets move the deadline by
        ``n / minimum_rate`` seconds, never beyond ``timeout`` from now.
        """

    @property
    def buffered(self) -> int:
        """Octets received that no event has carried yet."""

    # A connection whose peers send a command in pieces also has ``halfway``: True while
    # the rest of one is due. Then what came is acknowledged at once.

    @property
    def wants_tls(self) -> bool:
        """What was sent last was the go-ahead of STARTTLS or STLS.

        Or of COMPRESS (RFC 4978): then the connection has ``wants_deflate`` too, and
        ``deflate_started`` is called in place of ``tls_started``.
        """

    @property
    def wants_close(self) -> bool:
        """Nothing more will be read: write what is left, then close."""

    def receive(self, octets: bytes) -> None:
        """Take what the transport gave; any cut is as good as any other."""

    def receive_eof(self) -> None:
        """The peer will send no more. What is incomplete is dropped."""

    def next_event(self) -> Any:
        """The next event, ``NEED_DATA``, or ``PAUSED``."""

    def send(self, answer: Any) -> Sequence[Output]:
        """Take the answer to the last event; give what is to be written."""

    def tls_started(self) -> None:
        """The handshake is done: forget all that was said in the clear."""

    def time_out(self) -> Sequence[Output]:
        """The deadline passed: the parting words. Afterwards ``wants_close``."""

    def dismiss(self) -> Sequence[Output]:
        """The session may not go on: the parting words, then ``wants_close``."""

    def fail(self) -> Sequence[Output]:
        """A bug left the state unknown: the parting words, then ``wants_close``."""

    def drain(self) -> Sequence[Output]:
        """The server goes down: say so now if no work is under way, else after it."""


class Session(Protocol):
    """A protocol's decisions, one event at a time."""

    async def respond(self, event: Any) -> Any:
        """Give the answer for ``connection.send``, or None where none is due."""

    def tls_started(self, tls: TLS) -> None:
        """The handshake is done: forget identity and transaction."""

    # A session that writes what answers no event also has ``attach``; it is called
    # once, before the first event, with the :class:`mailapp.net.outlet.Outlet`.

    def closed(self) -> None:
        """The connection is gone: drop locks, temporary files, counters. Once."""


@runtime_checkable
class Reviewed(Protocol):
    """A session that may end for reasons of its own, also while its peer is silent."""

    async def still_welcome(self) -> bool:
        """Asked now and then; False has the connection ``dismiss`` its peer."""

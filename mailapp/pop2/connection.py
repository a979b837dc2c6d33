"""POP2 without I/O: octets in, events out; answers in, octets out.

What may come in which state, and what follows, is :mod:`mailapp.pop2.table`. A state
changes when the answer is sent, not when the command arrives. Whatever goes wrong ends
the connection (RFC 937, page 2: "if anything goes wrong close the connection").
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from attrs import frozen

from mailapp.core.failures import SyntaxProblem
from mailapp.core.output import Output, Stream
from mailapp.core.turns import Turns
from mailapp.pop2 import replies
from mailapp.pop2.grammar import (
    LINE_LIMIT,
    Ackd,
    Acks,
    Command,
    Fold,
    Helo,
    Nack,
    Quit,
    Read,
    Retr,
    parse_command,
)
from mailapp.pop2.replies import Answer, Message, Reply, Silence
from mailapp.pop2.table import LEADS_TO, SERVER, Action, Input, State


@frozen
class Opened:
    """The connection was made; the answer is the greeting."""


@frozen
class Garbage:
    """What may not come, or not now; the answer ends the connection."""

    reply: Reply


Event = Opened | Garbage | Command

_INPUTS: Final[Mapping[type[Event], Input]] = {
    Opened: Input.OPEN,
    Helo: Input.HELO,
    Fold: Input.FOLD,
    Read: Input.READ,
    Retr: Input.RETR,
    Acks: Input.ACKS,
    Ackd: Input.ACKD,
    Nack: Input.NACK,
    Quit: Input.QUIT,
    Garbage: Input.OTHER,
}
_OPENED: Final = Opened()


@frozen
class Limits:
    """How long a client may be silent; RFC 937, page 11, calls it T2, with no number.

    Attributes:
        login_seconds: before HELO.
        idle_seconds: after it.
    """

    login_seconds: float = 60.0
    idle_seconds: float = 300.0


class Pop2Connection(Turns[Event]):
    """See :class:`mailapp.core.connection.Connection`.

    Args:
        limits: how long the client may be silent.

    Attributes:
        state: where the dialogue stands.
    """

    minimum_rate: Final = 0.0
    wants_tls: Final = False

    def __init__(self, limits: Limits | None = None) -> None:
        super().__init__()
        self.state = State.LSTN
        self._limits: Final = limits or Limits()
        self._buffer: Final = bytearray()

    @property
    def timeout(self) -> float:
        """Seconds until the next command must be there."""
        if self.state is State.AUTH:
            return self._limits.login_seconds
        return self._limits.idle_seconds

    @property
    def buffered(self) -> int:
        """Octets received that no event has carried yet."""
        return len(self._buffer)

    @property
    def wants_close(self) -> bool:
        """All is said."""
        return self.state is State.DONE

    def receive(self, octets: bytes) -> None:
        """Take octets, cut anywhere."""
        self._buffer.extend(octets)

    def send(self, answer: Answer) -> Sequence[Output]:
        """Take the answer to the last event: here the state advances."""
        event = self._answered()
        outputs: Sequence[Output]
        if isinstance(answer, Silence):
            self._close()
            return ()
        if isinstance(answer, Message):
            octets = answer.octets
            outputs = (octets if isinstance(octets, bytes) else Stream(octets),)
        else:
            outputs = (answer.octets,)
            if answer.closes:
                self._close()
                return outputs
        self.state = LEADS_TO[SERVER[_INPUTS[type(event)], self.state]]
        if self._draining:
            return (*outputs, *self._part(replies.GOING_DOWN))
        return outputs

    def tls_started(self) -> None:
        """There is no STARTTLS in POP2; implicit TLS is over before this begins."""
        msg = "TLS in the middle of POP2"
        raise RuntimeError(msg)

    def time_out(self) -> Sequence[Output]:
        """RFC 937, page 22: a time-out is garbage."""
        return self._part(replies.TIMED_OUT)

    def dismiss(self) -> Sequence[Output]:
        """The account is gone, was disabled, or has another password."""
        return self._part(replies.ACCOUNT_GONE)

    def fail(self) -> Sequence[Output]:
        """A bug left the state unknown."""
        return self._part(replies.FAILED)

    def drain(self) -> Sequence[Output]:
        """The server goes down: part now, or after the answer that is due."""
        if self._unanswered is None:
            return () if self.state is State.DONE else self._part(replies.GOING_DOWN)
        self._draining = True
        return ()

    def _read(self) -> Event | None:
        if self.state is State.DONE:
            return None
        return _OPENED if self.state is State.LSTN else self._next_line()

    def _next_line(self) -> Event | None:
        """A lone LF is told at once: who types without a telnet client waits for it."""
        end = self._buffer.find(b"\n", 0, LINE_LIMIT)
        if end < 0:
            if len(self._buffer) < LINE_LIMIT:
                return None
            return Garbage(replies.LINE_TOO_LONG)
        line = bytes(self._buffer[: end + 1])
        del self._buffer[: end + 1]
        if not end or line.find(b"\r") != end - 1:
            return Garbage(replies.BAD_LINE_END)
        try:
            command = parse_command(line[:-2])
        except SyntaxProblem as problem:
            return Garbage(replies.err(problem.reason))
        if SERVER[_INPUTS[type(command)], self.state] is Action.GARBAGE:
            return Garbage(replies.NOT_NOW)
        return command

    def _part(self, reply: Reply) -> Sequence[Output]:
        self._close()
        return (reply.octets,)

    def _close(self) -> None:
        self.state = State.DONE
        self._unanswered = None
        self._buffer.clear()

"""POP3 without I/O: octets in, events out; answers in, octets out.

States (RFC 1939, section 3), and what moves from one to the next::

    GREETING ──greeting──> AUTHORIZATION <──-ERR── PASSWORD, SASL
    AUTHORIZATION ──USER +OK──> PASSWORD ──PASS +OK──> TRANSACTION
    AUTHORIZATION ──AUTH, challenge──> SASL ──+OK──> TRANSACTION
    AUTHORIZATION ──STLS +OK──> TLS ──handshake──> AUTHORIZATION
    any ──QUIT, too many bad commands──> CLOSED

A state changes when the answer is sent, not when the command arrives. The UPDATE state
lasts from QUIT to its answer and takes no command, so it needs no name.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import Enum, auto
from typing import Final

from attrs import field, frozen

from mailapp.core.failures import SyntaxProblem
from mailapp.core.lines import LineBuffer, LineProblem
from mailapp.core.output import Output, Stream
from mailapp.core.turns import Turns
from mailapp.pop3 import replies
from mailapp.pop3.grammar import (
    COMMAND_LIMIT,
    Apop,
    Auth,
    Capa,
    Command,
    Dele,
    Lang,
    List,
    Noop,
    Pass,
    Quit,
    Retr,
    Rset,
    Stat,
    Stls,
    Top,
    Uidl,
    User,
    Utf8,
    parse_command,
)
from mailapp.pop3.languages.table import ENGLISH, Language
from mailapp.pop3.multiline import DotStuffer, StuffedRest, encode_block
from mailapp.pop3.replies import Answer, Block, Reply
from mailapp.sasl import base64


class State(Enum):
    """See the module."""

    GREETING = auto()
    AUTHORIZATION = auto()
    PASSWORD = auto()  # AUTHORIZATION right after a successful USER
    SASL = auto()
    TLS = auto()
    TRANSACTION = auto()
    CLOSED = auto()


_BEFORE: Final = frozenset({State.AUTHORIZATION, State.PASSWORD})
_AFTER: Final = frozenset({State.TRANSACTION})

# RFC 1939, section 9; RFC 2449, section 5; RFC 2595, section 4; RFC 5034, section 4;
# RFC 6856, sections 2 and 3
LEGAL: Final[Mapping[type[Command], frozenset[State]]] = {
    User: _BEFORE,
    Pass: frozenset({State.PASSWORD}),
    Apop: _BEFORE,
    Auth: _BEFORE,
    Stls: _BEFORE,
    Utf8: _BEFORE,
    Lang: _BEFORE | _AFTER,
    Capa: _BEFORE | _AFTER,
    Quit: _BEFORE | _AFTER,
    Stat: _AFTER,
    List: _AFTER,
    Retr: _AFTER,
    Dele: _AFTER,
    Noop: _AFTER,
    Rset: _AFTER,
    Top: _AFTER,
    Uidl: _AFTER,
}


@frozen
class Opened:
    """The connection was made; the answer is the greeting."""


@frozen
class Response:
    """A client response in a SASL exchange, after base64."""

    octets: bytes = field(repr=False)


@frozen
class Wrong:
    """The peer's mistake, with the answer it gets. It ends a SASL exchange."""

    reply: Reply


Event = Opened | Response | Wrong | Command

# where a positive reply leads
_NEXT: Final[Mapping[type[Event], State]] = {
    Opened: State.AUTHORIZATION,
    User: State.PASSWORD,
    Pass: State.TRANSACTION,
    Apop: State.TRANSACTION,
    Auth: State.TRANSACTION,
    Response: State.TRANSACTION,
    Stls: State.TLS,
}
_LOGINS: Final = frozenset({Pass, Apop, Auth, Response})
_OPENED: Final = Opened()
_CANCEL: Final = b"*"


@frozen
class Limits:
    """What one connection may cost.

    Attributes:
        login_seconds: for each step before the login.
        idle_seconds: RFC 1939, section 3: at least 10 minutes.
        bad_commands: unknown, malformed or misplaced ones, until the end.
        failed_logins: until the end.
        response_octets: of one line in a SASL exchange.
        exchange_octets: of all lines of a SASL exchange (threat 43).
    """

    login_seconds: float = 60.0
    idle_seconds: float = 600.0
    bad_commands: int = 10
    failed_logins: int = 5
    response_octets: int = 12 * 1024
    exchange_octets: int = 64 * 1024


class Pop3Connection(Turns[Event]):
    """See :class:`mailapp.core.connection.Connection`.

    Args:
        tls_active: the connection began with TLS (port 995).
        tls_available: STLS may begin it.
        limits: what the connection may cost.

    Attributes:
        state: where the dialogue stands.
    """

    minimum_rate: Final = 0.0

    def __init__(
        self, *, tls_active: bool, tls_available: bool, limits: Limits | None = None
    ) -> None:
        super().__init__()
        self.state = State.GREETING
        self._language = ENGLISH
        self._limits: Final = limits or Limits()
        self._lines: Final = LineBuffer(COMMAND_LIMIT)
        self._tls_active = tls_active
        self._tls_available = tls_available
        self._bad_commands = 0
        self._failed_logins = 0
        self._exchange_octets = 0

    @property
    def timeout(self) -> float:
        """Seconds until the next command must be there."""
        if self.state is State.TRANSACTION:
            return self._limits.idle_seconds
        return self._limits.login_seconds

    @property
    def buffered(self) -> int:
        """Octets received that no event has carried yet."""
        return len(self._lines)

    @property
    def wants_tls(self) -> bool:
        """STLS was granted."""
        return self.state is State.TLS

    @property
    def wants_close(self) -> bool:
        """All is said."""
        return self.state is State.CLOSED

    def receive(self, octets: bytes) -> None:
        """Take octets, cut anywhere."""
        self._lines.feed(octets)

    def send(self, answer: Answer) -> Sequence[Output]:
        """Take the answer to the last event: here the state advances."""
        event = self._answered()
        if isinstance(answer, Block):
            if self.state is State.PASSWORD:
                self.state = State.AUTHORIZATION
            outputs = _encode(answer, self._language)
        elif isinstance(answer, Reply):
            outputs = (self._say(self._advance(event, answer)),)
        else:
            self.state = State.SASL
            self._lines.limit = self._limits.response_octets
            outputs = (b"+ " + base64.encode(answer.octets) + b"\r\n",)
        if self._draining and self.state is not State.CLOSED:
            return (*outputs, *self._part(replies.GOING_DOWN))
        return outputs

    def tls_started(self) -> None:
        """TLS protects the connection: what was said in the clear is forgotten.

        RFC 2595, section 4: the session is in the AUTHORIZATION state.
        """
        self._lines.clear()
        self._tls_active = True
        self._language = ENGLISH
        self.state = State.AUTHORIZATION

    def time_out(self) -> Sequence[Output]:
        """RFC 1939, section 3: close "without … sending any response"."""
        self._close()
        return ()

    def dismiss(self) -> Sequence[Output]:
        """The account is gone, was disabled, or has another password."""
        return self._part(replies.ACCOUNT_GONE)

    def fail(self) -> Sequence[Output]:
        """A bug left the state unknown."""
        return self._part(replies.FAILED)

    def drain(self) -> Sequence[Output]:
        """The server goes down: part now, or after the answer that is due."""
        if self._unanswered is None and self.state is not State.TLS:
            return () if self.state is State.CLOSED else self._part(replies.GOING_DOWN)
        self._draining = True
        return ()

    def _read(self) -> Event | None:
        state = self.state
        if state is State.GREETING:
            return _OPENED
        if state is State.CLOSED or state is State.TLS:
            return None
        line = self._lines.next_line()
        if line is None:
            return None
        return self._response(line) if state is State.SASL else self._command(line)

    def _command(self, line: bytes | LineProblem) -> Event:
        """One line outside of SASL."""
        if isinstance(line, LineProblem):
            return self._wrong(replies.LINE_TOO_LONG)
        try:
            command = parse_command(line)
        except SyntaxProblem as problem:
            return self._wrong(replies.err(problem.reason))
        kind = type(command)
        if self.state not in LEGAL[kind]:
            return self._wrong(self._misplaced(kind))
        if kind is Stls:
            return self._stls(command)
        return command

    def _stls(self, command: Command) -> Event:
        if self._lines:
            # threat 7: what was sent in the clear must not count as said under TLS
            return Wrong(replies.TLS_INJECTION)
        if self._tls_active:
            return self._wrong(replies.TLS_ACTIVE)
        if not self._tls_available:
            return self._wrong(replies.TLS_MISSING)
        return command

    def _misplaced(self, kind: type[Command]) -> Reply:
        if self.state is State.TRANSACTION:
            return replies.LOGGED_IN
        return replies.NAME_FIRST if kind is Pass else replies.LOG_IN_FIRST

    def _wrong(self, reply: Reply) -> Wrong:
        self._bad_commands += 1
        if self._bad_commands >= self._limits.bad_commands:
            return Wrong(replies.TOO_MANY_ERRORS)
        return Wrong(reply)

    def _response(self, line: bytes | LineProblem) -> Event:
        """One line of a SASL exchange; what is wrong ends only the exchange."""
        if isinstance(line, LineProblem):
            return self._wrong(replies.LINE_TOO_LONG)
        self._exchange_octets += len(line) + 2
        if self._exchange_octets > self._limits.exchange_octets:
            return self._wrong(replies.LINE_TOO_LONG)
        if line == _CANCEL:
            return Wrong(replies.CANCELLED)
        try:
            return Response(base64.decode(line))
        except SyntaxProblem as problem:
            return self._wrong(replies.err(problem.reason))

    def _advance(self, event: Event, reply: Reply) -> Reply:
        """Move on by what is answered; give what is really sent."""
        kind = type(event)
        if kind is Stls and reply.positive and self._lines:
            reply = replies.TLS_INJECTION
        if reply.closes or kind is Quit:
            self._close()
            return reply
        if self.state is State.SASL:
            self._lines.limit = COMMAND_LIMIT
            self._exchange_octets = 0
        self.state = self._after(kind, reply)
        if kind in _LOGINS and not reply.positive:
            self._failed_logins += 1
            if self._failed_logins >= self._limits.failed_logins:
                self._close()
        return reply

    def _after(self, kind: type[Event], reply: Reply) -> State:
        """The state behind this answer."""
        if reply.positive and kind in _NEXT:
            return _NEXT[kind]
        if self.state is State.TRANSACTION:
            return State.TRANSACTION
        # PASS "immediately after a successful USER command" (RFC 1939, section 7);
        # only a mistyped line may come between
        if self.state is State.PASSWORD and kind is Wrong:
            return State.PASSWORD
        return State.AUTHORIZATION

    def _part(self, reply: Reply) -> Sequence[Output]:
        self._close()
        return (self._say(reply),)

    def _say(self, reply: Reply) -> bytes:
        """RFC 6856, section 3.2: LANG's own reply speaks the new language already."""
        self._language = reply.language or self._language
        return reply.line(self._language)

    def _close(self) -> None:
        self.state = State.CLOSED
        self._unanswered = None
        self._lines.clear()


def _encode(block: Block, language: Language) -> Sequence[Output]:
    """Status line, lines and end: one string where all of it is at hand."""
    status = block.status.line(language)
    if block.rest is None:
        return (status + encode_block(block.first),)
    stuffer = DotStuffer()
    head = status + stuffer.stuff(block.first)
    return (head, Stream(StuffedRest(stuffer, block.rest)))

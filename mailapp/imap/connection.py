"""IMAP without I/O: octets in, events out; answers in, octets out.

States (RFC 9051, section 3), and what moves from one to the next::

    GREETING ──greeting──> NOT_AUTHENTICATED
    NOT_AUTHENTICATED ──LOGIN OK──> AUTHENTICATED
    NOT_AUTHENTICATED ──AUTHENTICATE, challenge──> SASL ──OK──> AUTHENTICATED
    NOT_AUTHENTICATED ──STARTTLS OK──> TLS ──handshake──> NOT_AUTHENTICATED
    AUTHENTICATED ──SELECT OK──> SELECTED ──CLOSE OK, SELECT NO──> AUTHENTICATED
    AUTHENTICATED, SELECTED ──IDLE──> the same, waiting for DONE
    any ──LOGOUT OK, BYE──> LOGOUT

A state changes when the answer is sent, not when the command arrives; and as no command
is read before the one ahead of it is answered, none is ever ambiguous (RFC 9051,
section 5.5; threat 65).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final, assert_never

from mailapp.core.output import Output
from mailapp.core.turns import Turns
from mailapp.imap.events import (
    Answer,
    Challenge,
    Event,
    GoAhead,
    Idling,
    MessageBegun,
    MessageOctets,
    Opened,
    Reply,
    Response,
    Wrong,
)
from mailapp.imap.grammar.command import Tagged
from mailapp.imap.grammar.values.commands import (
    Authenticate,
    Close,
    Compress,
    Login,
    Logout,
    Select,
    Starttls,
    Unselect,
)
from mailapp.imap.limits import Limits
from mailapp.imap.reading import UNTAGGED, Legal, Reading
from mailapp.imap.responses import replies
from mailapp.imap.responses.status import Kind, Status
from mailapp.imap.states import State
from mailapp.sasl import base64

_IN_USE: Final = frozenset({State.AUTHENTICATED, State.SELECTED})
_SILENT: Final = frozenset({State.TLS, State.LOGOUT})
_OPENED: Final = Opened()
_GO_AHEAD: Final = (b"+ go ahead\r\n",)
_IDLING: Final = (b"+ idling\r\n",)

# where a positive reply leads
_NEXT: Final[Mapping[type[object], State]] = {
    Opened: State.NOT_AUTHENTICATED,
    Login: State.AUTHENTICATED,
    Authenticate: State.AUTHENTICATED,
    Response: State.AUTHENTICATED,
    Starttls: State.TLS,
    Select: State.SELECTED,
    Close: State.AUTHENTICATED,
    Unselect: State.AUTHENTICATED,
    Logout: State.LOGOUT,
}
_LOGINS: Final = frozenset({Login, Authenticate, Response})


class ImapConnection(Turns[Event]):
    """See :class:`mailapp.core.connection.Connection`.

    Args:
        legal: from the command table.
        tls_active: the connection began with TLS (port 993).
        tls_available: STARTTLS may begin it.
        limits: what the connection may cost.

    Attributes:
        state: where the dialogue stands.
    """

    _unasked = MessageOctets

    def __init__(
        self,
        legal: Legal,
        *,
        tls_active: bool,
        tls_available: bool,
        limits: Limits | None = None,
    ) -> None:
        super().__init__()
        self.state = State.GREETING
        self._limits: Final = limits or Limits()
        self._reading: Final = Reading(legal, self._limits)
        self._framer: Final = self._reading.framer
        self._tls_active = tls_active
        self._tls_available = tls_available
        self._idling = False
        self._deflating = False
        self._failed_logins = 0

    @property
    def timeout(self) -> float:
        """Seconds until the next command must be there."""
        if self.state in _IN_USE:
            return self._limits.idle_seconds
        return self._limits.login_seconds

    @property
    def minimum_rate(self) -> float:
        """Octets move the deadline while a message comes."""
        return self._limits.minimum_rate if self._framer.in_message else 0.0

    @property
    def buffered(self) -> int:
        """Octets received that no event has carried yet."""
        return len(self._framer)

    @property
    def halfway(self) -> bool:
        """Something came, and neither an answer to it is due nor has it ended.

        Clients send the end of a literal's line on its own, and few turn off Nagle's
        algorithm: their kernels hold it until ours says that it has the literal.
        """
        return not self._reading.at_rest or len(self._framer) > 0

    @property
    def wants_tls(self) -> bool:
        """STARTTLS or COMPRESS was granted."""
        return self._deflating or self.state is State.TLS

    @property
    def wants_deflate(self) -> bool:
        """It was COMPRESS (RFC 4978, section 3)."""
        return self._deflating

    @property
    def wants_close(self) -> bool:
        """All is said."""
        return self.state is State.LOGOUT

    def receive(self, octets: bytes) -> None:
        """Take octets, cut anywhere."""
        self._framer.feed(octets)

    def send(self, answer: Answer) -> Sequence[Output]:
        """Take the answer to the last event: here the state advances."""
        event = self._answered()
        outputs: tuple[Output, ...]
        match answer:
            case Reply():
                outputs = (self._conclude(event, answer),)
            case GoAhead():
                asked = not isinstance(event, MessageBegun) or event.waits
                outputs = _GO_AHEAD if asked else ()
            case Challenge(octets):
                self.state = State.SASL
                outputs = (b"+ %b\r\n" % base64.encode(octets),)
            case Idling():
                self._idling = True
                outputs = _IDLING
            case _:
                assert_never(answer)
        if self._draining and self._reading.at_rest:
            return (*outputs, *self._part(replies.GOING_DOWN))
        return outputs

    def tls_started(self) -> None:
        """TLS protects the connection: what was said in the clear is forgotten."""
        self._framer.clear()
        self._tls_active = True
        self.state = State.NOT_AUTHENTICATED

    def deflate_started(self) -> None:
        """From here on octets are compressed, both ways."""
        self._deflating = False

    def time_out(self) -> Sequence[Output]:
        """RFC 9051, section 5.4: the server closes, and says so."""
        return self._part(replies.TIMED_OUT)

    def dismiss(self) -> Sequence[Output]:
        """The account is gone, was disabled, or has another password."""
        return self._part(replies.ACCOUNT_GONE)

    def fail(self) -> Sequence[Output]:
        """A bug left the state unknown."""
        return self._part(replies.FAILED)

    def drain(self) -> Sequence[Output]:
        """The server goes down: part now, or after the command under way.

        IDLE is no work: it ends now.
        """
        if self._unanswered is None and not self.wants_tls and self._reading.at_rest:
            return self._part(replies.GOING_DOWN)
        self._draining = True
        return ()

    # ---- its own steps

    def _read(self) -> Event | None:
        state = self.state
        if state is State.GREETING:
            return _OPENED
        if state in _SILENT or self._deflating:
            return None
        if state is State.SASL:
            return self._reading.response()
        if self._idling:
            return self._reading.done()
        event = self._reading.command(state)
        return self._alone(event) if isinstance(event, Tagged) else event

    def _alone(self, tagged: Tagged) -> Event:
        """STARTTLS and COMPRESS: what comes behind them must not count as either."""
        kind = type(tagged.command)
        if kind is Starttls:
            if self._framer:
                # threat 7: what was sent in the clear must not count as said under TLS
                return Wrong(replies.TLS_INJECTION)
            if self._tls_active:
                return self._reading.wrong(replies.TLS_ACTIVE)
            if not self._tls_available:
                return self._reading.wrong(replies.TLS_MISSING)
        elif kind is Compress and self._framer:
            return Wrong(replies.DEFLATE_INJECTION)
        return tagged

    def _conclude(self, event: Event, reply: Reply) -> bytes:
        """Move on by what is answered; give what is really sent."""
        status = self._late(event, reply.status)
        kind: type[object] = type(event)
        if isinstance(event, Tagged):
            kind = type(event.command)
        if status.kind is Kind.BYE:
            self._close()
            return status.line()
        if isinstance(event, MessageBegun):
            self._reading.refuse_message()
        self._idling = False
        self._reading.utf8 |= reply.utf8
        self._advance(kind, status)
        line = status.line(UNTAGGED if kind is Opened else self._reading.tag)
        if kind in _LOGINS and status.kind is Kind.NO:
            self._failed_logins += 1
            if self._failed_logins >= self._limits.failed_logins:
                self._close()
                line += replies.TOO_MANY_LOGINS.line()
        return line

    def _late(self, event: Event, status: Status) -> Status:
        """What came while a command was carried out may forbid to grant it."""
        if status.ok and self._framer and isinstance(event, Tagged):
            if isinstance(event.command, Starttls):
                return replies.TLS_INJECTION
            if isinstance(event.command, Compress):
                return replies.DEFLATE_INJECTION
        return status

    def _advance(self, kind: type[object], status: Status) -> None:
        """The state behind this answer."""
        if self.state is State.SASL:
            self.state = State.NOT_AUTHENTICATED
            self._reading.exchange_ended()
        if status.ok:
            self._reading.bad_commands = 0
            self.state = _NEXT.get(kind, self.state)
            if kind in _LOGINS:
                self._framer.limits = self._limits.frames
            elif kind is Compress:
                self._deflating = True
            elif kind is Logout:
                self._close()
        elif kind is Select and status.kind is Kind.NO:
            # RFC 9051, section 6.3.2: no mailbox is selected then
            self.state = State.AUTHENTICATED

    def _part(self, reply: Status) -> Sequence[Output]:
        if self.state is State.LOGOUT:
            return ()
        self._close()
        return (reply.line(),)

    def _close(self) -> None:
        self.state = State.LOGOUT
        self._unanswered = None
        self._deflating = False
        self._framer.clear()

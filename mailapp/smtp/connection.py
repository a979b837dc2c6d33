"""The state machine of a connection: octets in, events out; replies in, octets out.

Pure: it knows no clock, no transport and no policy. What the peer does wrong comes out
as a ``Misstep`` with its reply. The states stand in :mod:`mailapp.smtp.states`, what
reads in :mod:`mailapp.smtp.reading`, the facts of each command in the table of verbs
that the profile brings.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from mailapp.core import status as statuses
from mailapp.core.connection import NEED_DATA, PAUSED, Signal
from mailapp.core.output import Output
from mailapp.core.status import Status
from mailapp.smtp import replies
from mailapp.smtp.events import Event, Opened
from mailapp.smtp.grammar.reply import Answer
from mailapp.smtp.reading import ENDS, NO_RULE, Reading
from mailapp.smtp.states import CONTENT, Rule, State

_OPENED: Final = Opened()
_CHALLENGE: Final = 334
# A member of an Enum takes five times as long to look up as a name of the module.
_AUTH: Final = State.AUTH
_CLOSED: Final = State.CLOSED
_DATA: Final = State.DATA
_HANDSHAKE: Final = State.HANDSHAKE
_SILENT: Final = frozenset({State.OPENING, State.HANDSHAKE, State.CLOSED})
"""In these states nothing that comes is looked at."""


class SmtpConnection(Reading):
    """One connection, as :class:`mailapp.core.connection.Connection` promises."""

    # ---- what the driver asks

    @property
    def state(self) -> State:
        """What was agreed so far."""
        return self._state

    @property
    def timeout(self) -> float:
        """RFC 5321, section 4.5.3.2."""
        limits = self._profile.limits
        if self._state is _DATA:
            return limits.content_seconds
        return limits.command_seconds

    @property
    def minimum_rate(self) -> float:
        """Only content is bulk."""
        return self._profile.limits.minimum_rate if self._state is _DATA else 0.0

    @property
    def buffered(self) -> int:
        """Octets received that no event has carried yet."""
        return len(self._lines) + self._arrival.buffered

    @property
    def wants_tls(self) -> bool:
        """The go-ahead of STARTTLS was sent."""
        return self._state is _HANDSHAKE

    @property
    def wants_close(self) -> bool:
        """Nothing more will be read."""
        return self._state is _CLOSED

    def receive(self, octets: bytes) -> None:
        """Take what the transport gave; any cut is as good as any other."""
        if self._state is _CLOSED:
            return
        intake = self._arrival.intake
        if intake is not None:
            octets = intake.feed(octets)
            if not octets:
                return
        self._lines.feed(octets)

    def receive_eof(self) -> None:
        """The peer will send no more.

        Whole commands that are here already are still answered, as somebody who pipes
        a dialogue into ``nc`` expects.
        """
        self._eof = True
        if self._waiting is None and not self.buffered:
            self._close()

    def next_event(self) -> Event | Signal:
        """The next event, ``NEED_DATA``, or ``PAUSED``."""
        if self._waiting is not None:
            return PAUSED
        if self._arrival.intake is not None:
            event = self._content_event()
        elif self._state in _SILENT:
            return self._first_event()
        else:
            line = self._lines.next_line()
            event = None if line is None else self._command_event(line)
        if event is None:
            if self._eof:
                self._close()
            return NEED_DATA
        return event

    def _first_event(self) -> Event | Signal:
        """The greeting is due, if the connection has just begun."""
        if self._state is State.OPENING:
            self._waiting = _OPENED
            return _OPENED
        return NEED_DATA

    def send(self, answer: Answer) -> Sequence[Output]:
        """Take the answer to the last event; give what is to be written."""
        event, rule = self._waiting, self._rule
        self._waiting, self._rule = None, NO_RULE
        if self._state is _AUTH:
            self._state = State.READY  # unless a challenge follows
        if isinstance(event, Opened):
            answer = self._open(answer)
        elif isinstance(event, ENDS):
            self._state = self._arrival.answered(event, answer)
            if self._state is State.READY and answer.positive:
                self._errors = 0
        elif answer.positive:
            # Anything that came while the answer was being found was not meant for
            # the state that the answer leads to.
            if rule.synchronizes and len(self._lines):
                answer = replies.PIPELINED
            else:
                answer = self._advance(rule, answer)
        elif answer.code >= 500:  # noqa: PLR2004 - 5yz
            self._count(rule)
        if answer.closes:
            self._close()
        elif self._draining and self._state not in CONTENT:
            return (answer.octets, *self._part(statuses.SHUTTING_DOWN))
        return (answer.octets,)

    def tls_started(self) -> None:
        """RFC 3207, section 4.2: back to the state after the greeting."""
        self._lines.clear()
        if self._state is _HANDSHAKE:
            self._state = State.START

    def time_out(self) -> Sequence[Output]:
        """421 4.4.2, then close."""
        return self._part(statuses.TIMED_OUT)

    def dismiss(self) -> Sequence[Output]:
        """421 4.7.0, then close."""
        return self._part(statuses.ACCOUNT_GONE)

    def fail(self) -> Sequence[Output]:
        """421 4.3.0, then close."""
        return self._part(statuses.SYSTEM_TROUBLE)

    def drain(self) -> Sequence[Output]:
        """421 4.3.2 (RFC 5321, section 3.8), at once or after the message at hand."""
        self._draining = True
        if self._waiting is not None or self._state in CONTENT:
            return ()
        return self._part(statuses.SHUTTING_DOWN)

    # ---- answers

    def _open(self, answer: Answer) -> Answer:
        if not answer.positive:
            # RFC 5321, section 3.1: after 554 "MUST still wait for the client to send
            # a QUIT"
            self._state = State.REFUSED
        elif len(self._lines):
            answer = replies.EARLY_TALKER  # threat 6
        else:
            self._state = State.START
        return answer

    def _advance(self, rule: Rule, answer: Answer) -> Answer:
        self._state = rule.next_state(self._state)
        self._arrival.settle(self._state)
        if self._state is _DATA:
            self._arrival.begin()
        elif self._state is _AUTH:
            if answer.code != _CHALLENGE:
                self._state = State.READY
            elif len(self._lines):
                # RFC 4954, section 4: only what completes in one round trip may be
                # followed by other commands
                return replies.PIPELINED
        return answer

    def _count(self, rule: Rule) -> None:
        """A command was refused; many refused recipients are no wrong commands."""
        if rule.after is State.RCPT:
            self._refused_recipients += 1
        elif rule is not NO_RULE:
            self._errors += 1

    def _part(self, status: Status) -> Sequence[Output]:
        if self._state is _CLOSED:
            return ()
        silent = self._state is _HANDSHAKE  # nothing may be said in the clear
        self._close()
        return () if silent else (self._profile.closing(status).octets,)

    def _close(self) -> None:
        self._state = State.CLOSED
        self._waiting = None
        self._arrival.forget()
        self._lines.clear()

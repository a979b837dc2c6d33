"""The state machine of a connection: octets in, events out; replies in, octets out.

Pure: it knows no clock, no transport and no policy. What the peer does wrong comes out
as a :class:`Misstep` with its reply. The states stand in :mod:`mailapp.smtp.states`,
the facts of each command in the table of verbs that the profile brings.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from mailapp.core import status as statuses
from mailapp.core.connection import NEED_DATA, PAUSED, Signal
from mailapp.core.failures import SyntaxProblem
from mailapp.core.lines import LineBuffer, LineProblem
from mailapp.core.output import Output
from mailapp.core.status import Status
from mailapp.smtp import replies
from mailapp.smtp.events import (
    BodyChunk,
    BodyRefused,
    EndOfBody,
    Event,
    Misstep,
    Opened,
)
from mailapp.smtp.extensions.auth import RESPONSE, Broken, read_response
from mailapp.smtp.grammar.reply import Reply
from mailapp.smtp.intake import Intake
from mailapp.smtp.profile import COMMAND_LIMIT, Profile
from mailapp.smtp.states import Rule, State
from mailapp.smtp.verbs import NOT_IMPLEMENTED, Verb

_OPENED: Final = Opened()
_BODY_REFUSED: Final = BodyRefused()
_TOO_MANY_ERRORS: Final = Status(7, 0, "too many errors")
_NOT_SMTP: Final = Status(7, 0, "this is a mail server")
# The first words of other protocols; we say no more to them (ALPACA; threat 32).
_FOREIGN: Final = frozenset({b"GET", b"POST", b"HEAD", b"PUT", b"OPTIONS", b"CONNECT"})
# A refused command changes nothing. QUIT is no refusal, so it needs no rule here.
_NO_RULE: Final = Rule()
_CHALLENGE: Final = 334


class SmtpConnection:
    """One connection, as :class:`mailapp.core.connection.Connection` promises."""

    def __init__(self, profile: Profile) -> None:
        self._profile = profile
        self._lines = LineBuffer(profile.longest_line)
        self._state = State.OPENING
        self._waiting: Event | None = None  # its answer is due
        self._rule = _NO_RULE  # of the command that waits
        self._intake: Intake | None = None  # while content is coming
        self._errors = 0
        self._refused_recipients = 0
        self._eof = False
        self._draining = False

    # ---- what the driver asks

    @property
    def state(self) -> State:
        """What was agreed so far."""
        return self._state

    @property
    def timeout(self) -> float:
        """RFC 5321, section 4.5.3.2."""
        limits = self._profile.limits
        if self._state is State.DATA:
            return limits.content_seconds
        return limits.command_seconds

    @property
    def minimum_rate(self) -> float:
        """Only content is bulk."""
        return self._profile.limits.minimum_rate if self._state is State.DATA else 0.0

    @property
    def buffered(self) -> int:
        """Octets received that no event has carried yet."""
        content = 0 if self._intake is None else self._intake.buffered
        return len(self._lines) + content

    @property
    def wants_tls(self) -> bool:
        """The go-ahead of STARTTLS was sent."""
        return self._state is State.HANDSHAKE

    @property
    def wants_close(self) -> bool:
        """Nothing more will be read."""
        return self._state is State.CLOSED

    def receive(self, octets: bytes) -> None:
        """Take what the transport gave; any cut is as good as any other."""
        if self._state is State.CLOSED:
            return
        if self._intake is None:
            self._lines.feed(octets)
        else:
            self._intake.feed(octets)

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
        if self._state is State.OPENING:
            self._waiting = _OPENED
            return _OPENED
        if self._state is State.CLOSED or self._state is State.HANDSHAKE:
            return NEED_DATA
        if self._intake is not None:
            event = self._content_event(self._intake)
        else:
            line = self._lines.next_line()
            event = None if line is None else self._command_event(line)
        if event is None:
            if self._eof:
                self._close()
            return NEED_DATA
        return event

    def send(self, answer: Reply) -> Sequence[Output]:
        """Take the answer to the last event; give what is to be written."""
        event, rule = self._waiting, self._rule
        self._waiting, self._rule = None, _NO_RULE
        if self._state is State.AUTH:
            self._state = State.READY  # unless a challenge follows
        if isinstance(event, Opened):
            answer = self._open(answer)
        elif isinstance(event, EndOfBody):
            self._state = State.READY
            if answer.positive:
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
        elif self._draining and self._state is not State.DATA:
            return (answer.octets, *self._part(statuses.SHUTTING_DOWN))
        return (answer.octets,)

    def tls_started(self) -> None:
        """RFC 3207, section 4.2: back to the state after the greeting."""
        self._lines.clear()
        if self._state is State.HANDSHAKE:
            self._state = State.START

    def time_out(self) -> Sequence[Output]:
        """421 4.4.2, then close."""
        return self._part(statuses.TIMED_OUT)

    def fail(self) -> Sequence[Output]:
        """421 4.3.0, then close."""
        return self._part(statuses.SYSTEM_TROUBLE)

    def drain(self) -> Sequence[Output]:
        """421 4.3.2 (RFC 5321, section 3.8), at once or after the message at hand."""
        self._draining = True
        if self._waiting is not None or self._state is State.DATA:
            return ()
        return self._part(statuses.SHUTTING_DOWN)

    # ---- commands

    def _command_event(self, line: bytes | LineProblem) -> Event:
        if self._errors >= self._profile.limits.errors or (
            self._refused_recipients >= self._profile.limits.refused_recipients
        ):
            return self._closing_misstep(_TOO_MANY_ERRORS)
        if self._state is State.AUTH:
            return self._response_event(line)
        if isinstance(line, LineProblem):
            return self._misstep(replies.LINE_TOO_LONG)
        line = line.rstrip(b" \t")  # RFC 5321, section 4.1.1
        name, _, argument = line.partition(b" ")
        name = name.upper()
        verb = self._profile.verbs.get(name)
        if verb is None:
            return self._unknown(name)
        if len(line) + 2 > COMMAND_LIMIT and (
            len(line) + 2 > self._profile.line_limit(name)
        ):
            return self._misstep(replies.LINE_TOO_LONG)
        return self._legal_event(verb, argument)

    def _unknown(self, name: bytes) -> Misstep:
        if name in _FOREIGN and self._state is State.START:
            return self._closing_misstep(_NOT_SMTP)
        if name in NOT_IMPLEMENTED:
            return self._misstep(replies.NOT_IMPLEMENTED)
        return self._misstep(replies.UNRECOGNIZED)

    def _legal_event(self, verb: Verb, argument: bytes) -> Event:
        rule = verb.rule
        if self._state not in rule.states:
            return self._misstep(rule.refuse(self._state))
        if rule.synchronizes and len(self._lines):
            return self._misstep(replies.PIPELINED)
        try:
            command = verb.read(argument)
        except SyntaxProblem as problem:
            return self._misstep(replies.problem(problem))
        self._rule = rule
        self._waiting = command
        return command

    def _response_event(self, line: bytes | LineProblem) -> Event:
        """A line of a login; what is wrong with it ends the login and no more."""
        try:
            response = read_response(line)
        except Broken as broken:
            return self._misstep(broken.reply)
        self._rule = RESPONSE
        self._waiting = response
        return response

    def _misstep(self, reply: Reply) -> Misstep:
        self._errors += 1
        self._waiting = misstep = Misstep(reply)
        return misstep

    def _closing_misstep(self, status: Status) -> Misstep:
        return self._misstep(self._profile.closing(status))

    # ---- answers

    def _open(self, answer: Reply) -> Reply:
        if not answer.positive:
            # RFC 5321, section 3.1: after 554 "MUST still wait for the client to send
            # a QUIT"
            self._state = State.REFUSED
        elif len(self._lines):
            answer = replies.EARLY_TALKER  # threat 6
        else:
            self._state = State.START
        return answer

    def _advance(self, rule: Rule, answer: Reply) -> Reply:
        self._state = rule.next_state(self._state)
        if self._state is State.DATA:
            self._intake = Intake(self._profile.content, self._profile.memory)
        elif self._state is State.AUTH:
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
        elif rule is not _NO_RULE:
            self._errors += 1

    def _part(self, status: Status) -> Sequence[Output]:
        if self._state is State.CLOSED:
            return ()
        silent = self._state is State.HANDSHAKE  # nothing may be said in the clear
        self._close()
        return () if silent else (self._profile.closing(status).octets,)

    def _close(self) -> None:
        self._state = State.CLOSED
        self._waiting = None
        self._intake = None
        self._lines.clear()

    # ---- content

    def _content_event(self, intake: Intake) -> Event | None:
        told = intake.refusal
        content = intake.next_content()
        if content:
            return BodyChunk(content)
        if intake.refusal is not told:
            return _BODY_REFUSED
        if intake.endless:
            return self._misstep(replies.MESSAGE_ENDLESS)
        return self._end_of_body(intake) if intake.ended else None

    def _end_of_body(self, intake: Intake) -> EndOfBody:
        # RFC 2920, section 3.1: the content may be followed by the next commands
        self._intake = None
        self._lines.feed(intake.rest)
        self._waiting = event = EndOfBody(
            intake.size_octets, intake.header, intake.eight_bit, intake.refusal
        )
        return event

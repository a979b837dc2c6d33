"""What a peer's octets mean in each state: lines to commands, chunks to content.

The half of a connection that reads; :mod:`mailapp.smtp.connection` is the other.
"""

from __future__ import annotations

from typing import Final

from mailapp.core.envelope import Body
from mailapp.core.failures import SyntaxProblem
from mailapp.core.lines import LineBuffer, LineProblem
from mailapp.core.status import Status
from mailapp.smtp import replies
from mailapp.smtp.arrival import Arrival
from mailapp.smtp.events import EndOfBody, EndOfChunk, Event, Misstep
from mailapp.smtp.extensions.auth import RESPONSE, Broken, read_response
from mailapp.smtp.extensions.chunking import read_bdat
from mailapp.smtp.extensions.eightbitmime import declared_body
from mailapp.smtp.grammar.command import Mail
from mailapp.smtp.grammar.reply import Reply
from mailapp.smtp.profile import COMMAND_LIMIT, Profile
from mailapp.smtp.states import Rule, State
from mailapp.smtp.verbs import NOT_IMPLEMENTED, Verb

_TOO_MANY_ERRORS: Final = Status(7, 0, "too many errors")
_NOT_SMTP: Final = Status(7, 0, "this is a mail server")
# The first words of other protocols; we say no more to them (ALPACA; threat 32).
_FOREIGN: Final = frozenset({b"GET", b"POST", b"HEAD", b"PUT", b"OPTIONS", b"CONNECT"})
_AUTH: Final = State.AUTH
_BINARY: Final = Body.BINARY
ENDS: Final = (EndOfBody, EndOfChunk)
# A refused command changes nothing. QUIT is no refusal, so it needs no rule here.
NO_RULE: Final = Rule()


class Reading:
    """Where a connection stands, and the next event from what was received."""

    def __init__(self, profile: Profile) -> None:
        self._profile = profile
        self._lines = LineBuffer(profile.longest_line)
        self._state = State.OPENING
        self._waiting: Event | None = None  # its answer is due
        self._rule = NO_RULE  # of the command that waits
        self._arrival = Arrival(profile.content, profile.memory)
        self._errors = 0
        self._refused_recipients = 0
        self._eof = False
        self._draining = False

    # ---- commands

    def _command_event(self, line: bytes | LineProblem) -> Event | None:
        if self._errors >= self._profile.limits.errors or (
            self._refused_recipients >= self._profile.limits.refused_recipients
        ):
            return self._closing_misstep(_TOO_MANY_ERRORS)
        if self._state is _AUTH:
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
        refusal = self._profile.dialect.refusals.get(name)
        if refusal is not None:
            return self._misstep(refusal)
        if name in NOT_IMPLEMENTED:
            return self._misstep(replies.NOT_IMPLEMENTED)
        return self._misstep(replies.UNRECOGNIZED)

    def _legal_event(self, verb: Verb, argument: bytes) -> Event | None:
        rule = verb.rule
        if rule.carries:
            return self._chunk_event(verb, argument)
        if self._state not in rule.states:
            return self._misstep(rule.refuse(self._state))
        if rule.synchronizes and len(self._lines):
            return self._misstep(replies.PIPELINED)
        try:
            command = verb.read(argument)
        except SyntaxProblem as problem:
            return self._misstep(replies.problem(problem))
        if isinstance(command, Mail):
            body = declared_body(command.parameters)
            self._arrival.binary = body is _BINARY
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

    # ---- content

    def _chunk_event(self, verb: Verb, argument: bytes) -> Event | None:
        """BDAT: its octets are read first, and only then it is answered.

        The first one begins the content, and wants no answer for that.
        """
        try:
            chunk = read_bdat(argument)
        except SyntaxProblem as problem:
            return self._misstep(replies.last_word(replies.problem(problem)))
        if self._state not in verb.rule.states:
            refusal = verb.rule.refuse(self._state)
            self._arrival.discard(chunk, refusal, self._lines)
            return self._content_event()
        begins = self._arrival.begin_chunk(chunk, self._lines)
        self._state = State.DATA
        return chunk if begins else self._content_event()

    def _content_event(self) -> Event | None:
        event = self._arrival.next_event(self._lines)
        if isinstance(event, Misstep):
            return self._misstep(event.reply)
        if isinstance(event, ENDS):
            self._waiting = event
        return event

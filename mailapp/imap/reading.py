"""What an IMAP client sends, as events; what is wrong with it, as answers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from mailapp.core.failures import SyntaxProblem
from mailapp.imap import framer
from mailapp.imap.events import (
    Done,
    Event,
    LiteralAnnounced,
    MessageBegun,
    MessageOctets,
    MessagesEnded,
    Response,
    Wrong,
)
from mailapp.imap.framer import Framer, Problem
from mailapp.imap.grammar.append import append_end, append_head
from mailapp.imap.grammar.command import Tagged, UnknownCommand, parse_command, tag_of
from mailapp.imap.grammar.search import BadCharset
from mailapp.imap.grammar.values.commands import Append, AppendHead, Command
from mailapp.imap.limits import Limits
from mailapp.imap.responses import replies
from mailapp.imap.responses.status import Status, bad
from mailapp.imap.states import State
from mailapp.sasl import base64

Legal = Mapping[type[Command], frozenset[State]]
"""In which states a command is legal; one that is not in it is unknown."""

UNTAGGED: Final = b"*"
_DONE_LIMIT: Final = 1024
_ANNOUNCED: Final = LiteralAnnounced()
_DONE: Final = Done()
_PROBLEMS: Final = {
    Problem.LINE: replies.LINE_TOO_LONG,
    Problem.LITERAL: replies.LITERAL_TOO_BIG,
    Problem.MESSAGE: replies.MESSAGE_TOO_BIG,
    Problem.UNREADABLE: replies.UNREADABLE_LITERAL,
}


class Reading:
    """Makes events of what came, and counts mistakes.

    Args:
        legal: from the command table.
        limits: what the connection may cost.

    Attributes:
        framer: where octets go in.
        tag: of the command under way, for its reply.
        utf8: as for :class:`mailapp.imap.grammar.reader.Reader`.
        bad_commands: since the last good one.
    """

    def __init__(self, legal: Legal, limits: Limits) -> None:
        self.framer: Final = Framer(limits.frames_before_login)
        self.tag = UNTAGGED
        self.utf8 = False
        self.bad_commands = 0
        self._legal: Final = legal
        self._limits: Final = limits
        self._head: AppendHead | None = None  # of the message that came last
        self._refusal: Status | None = None  # of a command that is being swallowed
        self._exchange_octets = 0

    @property
    def at_rest(self) -> bool:
        """No APPEND is half done."""
        return self._head is None and not self.framer.in_message

    def command(self, state: State) -> Event | None:
        """The next event of a state in which commands come; None: not complete."""
        while (frame := self.framer.next_frame()) is not None:
            try:
                event = self._event(frame, state)
            except BadCharset as problem:
                return self.wrong(replies.BAD_CHARSET, forgets=problem.saves)
            except SyntaxProblem as problem:
                return self.wrong(bad(problem.reason))
            if event is not None:
                return event
        return None

    def response(self) -> Event | None:
        """One line of AUTHENTICATE; what is wrong ends only the exchange."""
        line = self.framer.next_line(self._limits.response_octets)
        if line is None:
            return None
        if not isinstance(line, bytes):
            return self.wrong(_PROBLEMS[line.problem])
        self._exchange_octets += len(line) + 2
        if self._exchange_octets > self._limits.exchange_octets:
            return self.wrong(replies.LINE_TOO_LONG)
        if line == b"*":
            return Wrong(replies.CANCELLED)
        try:
            return Response(base64.decode(line))
        except SyntaxProblem as problem:
            return self.wrong(bad(problem.reason))

    def exchange_ended(self) -> None:
        """The next AUTHENTICATE may say as much again."""
        self._exchange_octets = 0

    def done(self) -> Event | None:
        """DONE (RFC 9051, section 6.3.13), or what ends IDLE as a mistake."""
        line = self.framer.next_line(_DONE_LIMIT)
        if line is None:
            return None
        if isinstance(line, bytes) and line.upper() == b"DONE":
            return _DONE
        return self.wrong(replies.NOT_DONE)

    def refuse_message(self) -> None:
        """The message was answered instead of being told to come."""
        self._head = None
        self.framer.refuse()

    def wrong(self, reply: Status, *, forgets: bool = False) -> Wrong:
        """A mistake; one too many is the last one."""
        self.bad_commands += 1
        if self.bad_commands >= self._limits.bad_commands:
            return Wrong(replies.TOO_MANY_ERRORS)
        return Wrong(reply, forgets)

    # ---- frames

    def _event(self, frame: framer.Frame, state: State) -> Event | None:
        match frame:
            case framer.Whole(octets):
                return self._whole(octets, state)
            case framer.MessagePart(octets, last):
                return MessageOctets(octets, last)
            case framer.MessageBegins():
                return self._message(frame)
            case framer.Announced():
                return _ANNOUNCED
            case framer.Broken():
                return self._broken(frame)

    def _whole(self, octets: bytes, state: State) -> Event:
        """A command, or the end of an APPEND."""
        head, self._head = self._head, None
        if head is not None:
            append_end(octets, closes=head.utf8)
            return MessagesEnded(self.tag)
        self.tag = tag_of(octets)
        try:
            tagged = parse_command(octets, utf8=self.utf8)
        except UnknownCommand:
            if b" HTTP/" in octets and state is State.NOT_AUTHENTICATED:
                # a browser was made to talk to us (threat 32)
                return Wrong(replies.WRONG_PROTOCOL)
            return self.wrong(replies.UNKNOWN_COMMAND)
        return self._judge(tagged, state)

    def _judge(self, tagged: Tagged, state: State) -> Event:
        """Is it there, and is it legal now?"""
        states = self._legal.get(type(tagged.command))
        if states is None:
            return self.wrong(replies.UNKNOWN_COMMAND)
        if state in states:
            return tagged
        if state is State.NOT_AUTHENTICATED:
            return self.wrong(replies.LOG_IN_FIRST)
        if State.SELECTED in states:
            return self.wrong(replies.SELECT_FIRST)
        if State.AUTHENTICATED in states:
            return self.wrong(replies.UNSELECT_FIRST)
        return self.wrong(replies.LOGGED_IN)

    def _message(self, frame: framer.MessageBegins) -> Event | None:
        """The head of a message; what is wrong with it ends the command."""
        if frame.first:
            self.tag = tag_of(frame.octets)
        closes = self._head is not None and self._head.utf8
        try:
            if Append not in self._legal:
                raise UnknownCommand
            head = append_head(
                frame.octets, utf8=self.utf8, first=frame.first, closes=closes
            )
        except SyntaxProblem as problem:
            self._head = None
            if frame.waits:
                self.framer.refuse()
                raise
            # the message comes in any case, and must not be taken for commands
            self._refusal = bad(problem.reason)
            self.framer.spoil()
            return None
        self._head = head
        return MessageBegun(self.tag, head, frame.waits)

    def _broken(self, frame: framer.Broken) -> Event:
        refusal, self._refusal = self._refusal, None
        if self._head is None and refusal is None:
            self.tag = tag_of(frame.head)
        self._head = None
        if frame.problem is Problem.UNREADABLE:
            return Wrong(replies.UNREADABLE_LITERAL)
        if frame.problem is Problem.MESSAGE:
            # RFC 7889, section 4; no mistake of a client that asked
            return Wrong(replies.MESSAGE_TOO_BIG)
        return self.wrong(refusal or _PROBLEMS[frame.problem])

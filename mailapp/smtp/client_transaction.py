"""One transaction of a client: commands out, replies in, a word per recipient (pure).

With PIPELINING (RFC 2920) MAIL, all RCPT and DATA leave in one write. With CHUNKING too
(RFC 3030) a short content leaves along with them, as BDAT LAST: one round trip. Without
it they may leave along with the content before: one round trip too. Replies are matched
to commands by counting them and by nothing else (RFC 2920, section 3.1).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from enum import Enum, unique
from typing import Final

from attrs import evolve

from mailapp.core.envelope import Body
from mailapp.smtp.answers import Answer
from mailapp.smtp.capabilities import Capabilities
from mailapp.smtp.client_opening import CONFUSED
from mailapp.smtp.client_states import ClientState, Word
from mailapp.smtp.outgoing import Outgoing, mail_command, rcpt_command

_GO_AHEAD: Final = 354


@unique
class _Step(Enum):
    """What a reply answers."""

    RESET = "reset"
    MAIL = "mail"
    RCPT = "rcpt"
    DATA = "data"
    FINAL = "final"


_Command = tuple[_Step, int, bytes]
"""What it is, for which recipient, and its octets."""


class ClientTransaction:
    """From MAIL to the last word.

    Args:
        outgoing: what to send.
        offered: what the server announced.
        lmtp: a final reply for each accepted recipient (RFC 2033, section 4.2).
        now: seconds since the epoch.
        reset: the last transaction left something behind: RSET first.
        followed: it is sent before the server has said its last word on the one before.

    Attributes:
        heard: how many answers the server gave to it; counted by who passes them on.
        state: COMMANDS, CONTENT, FINAL, or READY when it is over.
        words: what became of each recipient; all of them when it is over.
        clean: what comes next needs no RSET.
        confused: the server lost count, or we did: end the session.
    """

    def __init__(
        self,
        outgoing: Outgoing,
        offered: Capabilities,
        *,
        lmtp: bool,
        now: float,
        reset: bool,
        followed: bool = False,
    ) -> None:
        self.followed: Final = followed
        self.heard = 0
        self.state = ClientState.COMMANDS
        self.clean = False
        self.confused = False
        self._outgoing = outgoing
        self._offered = offered
        self._lmtp = lmtp
        self._words: list[Word | None] = [None] * len(outgoing.recipients)
        self._accepted: list[int] = []
        self._refused: Answer | None = None
        """MAIL or DATA was: the word for whoever was not refused alone."""
        self._awaited: deque[tuple[_Step, int]] = deque()
        self._in_chunk = False
        self._script = self._commands(now, reset=reset)

    @property
    def words(self) -> Sequence[Word]:
        """One per recipient; those without any are out of count."""
        return [CONFUSED if word is None else word for word in self._words]

    @property
    def awaits_data(self) -> bool:
        """Only the reply to DATA is missing."""
        return len(self._awaited) == 1 and self._awaited[0][0] is _Step.DATA

    def start(self) -> bytes:
        """What is to be sent first."""
        return self._advance()

    def take(self, answer: Answer) -> bytes:
        """The next reply; gives what is to be sent next."""
        if not self._awaited:
            return self._early(answer)
        step, place = self._awaited.popleft()
        if step is _Step.FINAL:
            self._final(answer)
        elif step is _Step.DATA:
            return self._go_ahead(answer)
        else:
            self._envelope(step, place, answer)
        if not self._awaited:
            return self._advance()
        if self._awaited[0][0] is _Step.FINAL:
            self.state = ClientState.FINAL
        return b""

    def end_content(self) -> None:
        """The last octet of the content was sent."""
        self.state = ClientState.FINAL
        self._awaited.append((_Step.FINAL, 0))

    def lose(self, word: Word) -> None:
        """The session ended: nobody without a word gets another."""
        self._finish(word)

    def _commands(self, now: float, *, reset: bool) -> deque[_Command]:
        outgoing, offered = self._outgoing, self._offered
        script: deque[_Command] = deque()
        if reset:
            script.append((_Step.RESET, 0, b"RSET\r\n"))
        script.append((_Step.MAIL, 0, mail_command(outgoing, offered, now)))
        late = outgoing.deliver_by
        for place, recipient in enumerate(outgoing.recipients):
            command = rcpt_command(recipient, offered, late)
            script.append((_Step.RCPT, place, command))
        content = outgoing.content
        if content is not None and offered.chunking and offered.pipelining:
            self._in_chunk = True
            chunk = b"BDAT %d LAST\r\n%b" % (len(content), content)
            script.append((_Step.FINAL, 0, chunk))
        elif outgoing.body is Body.BINARY:
            self._in_chunk = True  # its octets are sent when somebody wants them
        else:
            script.append((_Step.DATA, 0, b"DATA\r\n"))
        return script

    def _advance(self) -> bytes:
        """All commands are answered that were sent: send more, or go on."""
        if self.state is not ClientState.COMMANDS:
            return b""
        script = self._script
        if not script:
            return self._open_chunk()
        if self._offered.pipelining:
            self._awaited.extend([command[:2] for command in script])
            octets = b"".join([command[2] for command in script])
            script.clear()
            return octets
        step, place, octets = script.popleft()
        over = self._refused is not None or (step is _Step.DATA and not self._accepted)
        if over:
            self._finish()
            return b""
        self._awaited.append((step, place))
        return octets

    def _open_chunk(self) -> bytes:
        """Without the content in the script: one chunk, now that somebody wants it."""
        if self._refused is not None or not self._accepted:
            self._finish()
            return b""
        self.state = ClientState.CONTENT
        return b"BDAT %d LAST\r\n" % self._outgoing.size_octets

    def _envelope(self, step: _Step, place: int, answer: Answer) -> None:
        if answer.code // 100 == 3:  # noqa: PLR2004 - more input is wanted here by nobody
            self.confused = True
        elif step is _Step.MAIL and not answer.positive:
            self._refused = answer
        elif step is _Step.RCPT:
            if answer.positive:
                self._accepted.append(place)
            else:
                self._words[place] = evolve(answer, of_rcpt=True)

    def _go_ahead(self, answer: Answer) -> bytes:
        """The reply to DATA."""
        if answer.code != _GO_AHEAD:
            if answer.positive:
                self.confused = True
            else:
                self._finish(answer)
            return b""
        if self._accepted and self._refused is None:
            self.state = ClientState.CONTENT
            return b""
        # RFC 2920, section 3.1: "if the DATA command was accepted the client SMTP
        # should send a single dot". LMTP has no reply to that (RFC 2033, section 4.2).
        if self._lmtp:
            self.confused = True
            return b""
        self.end_content()
        return b".\r\n"

    def _final(self, answer: Answer) -> None:
        """A reply to the whole message."""
        self.state = ClientState.FINAL
        if answer.code // 100 == 3:  # noqa: PLR2004 - there is nothing left to send
            self.confused = True
            return
        # RFC 3030, section 2: after a failed BDAT the state is indeterminate
        self.clean = answer.positive or not self._in_chunk
        if self._refused is not None or not self._accepted:
            self._finish()
        elif not self._lmtp:
            self._finish(answer)
        else:
            self._final_of_one(answer)

    def _final_of_one(self, answer: Answer) -> None:
        waiting = [place for place in self._accepted if self._words[place] is None]
        self._words[waiting[0]] = answer
        if len(waiting) > 1:
            self._awaited.append((_Step.FINAL, 0))
        else:
            self._finish()

    def _early(self, answer: Answer) -> bytes:
        """A reply while we send the content: a refusal counts, praise does not."""
        self.confused = True
        if self.state is ClientState.CONTENT and not answer.positive:
            self._refused = answer
        return b""

    def _finish(self, word: Word | None = None) -> None:
        self.state = ClientState.READY
        last = self._refused or word or CONFUSED
        self._words = [last if known is None else known for known in self._words]

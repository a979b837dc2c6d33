"""The client's way from the greeting to a session that takes mail (pure).

Greeting, EHLO (or LHLO, or HELO), STARTTLS and EHLO again, AUTH. What the server knows
only in the clear is forgotten, and what it lacks of what we need ends the session.
"""

from __future__ import annotations

import binascii
from collections import deque
from typing import Final

from mailapp.core.failures import SyntaxProblem
from mailapp.sasl import base64
from mailapp.smtp.answers import Answer, AnswerReader
from mailapp.smtp.capabilities import (
    NO_CAPABILITIES,
    Capabilities,
    read_capabilities,
)
from mailapp.smtp.client_login import (
    CHALLENGE_LIMIT,
    ClientMechanism,
    choose_mechanism,
)
from mailapp.smtp.client_states import (
    BeginTLS,
    Challenged,
    ClientEvent,
    ClientState,
    Ended,
    Ready,
    StartTLS,
    Terms,
    Trouble,
    Word,
)

_S = ClientState
_READY: Final = 220
_DONE: Final = 250
_LOGGED_IN: Final = 235
_CHALLENGE: Final = 334

CONFUSED: Final = Trouble("4.5.0", "the server gave a reply that makes no sense there")
INJECTED: Final = Trouble("4.7.0", "the server sent something before TLS began")
_NO_TLS: Final = Trouble("4.7.10", "the server offers no encryption, which is needed")
NO_LOGIN: Final = Trouble("4.7.0", "the server offers no way to log in that we use")
_NO_ESMTP: Final = Trouble("4.5.0", "the server knows only HELO, and we need more")


class Opening:
    """The part of a client before its first transaction.

    Args:
        terms: how it behaves.

    Attributes:
        state: what it waits for.
        offered: what the server announced last.
        encrypted: TLS is on.
    """

    def __init__(self, terms: Terms) -> None:
        self.state = _S.GREETING
        self.offered: Capabilities = NO_CAPABILITIES
        self.encrypted = terms.encrypted
        self._terms = terms
        self._reader = AnswerReader()
        self._written: list[bytes] = []
        self._events: deque[ClientEvent] = deque()
        self._mechanism: ClientMechanism | None = None
        self._asked = False
        self._helo = False

    def tls_started(self) -> None:
        """The handshake is done; what was said in the clear is forgotten.

        RFC 3207, section 4.2: "The client MUST discard any knowledge obtained from the
        server, such as the list of SMTP service extensions".
        """
        self.encrypted = True
        self.offered = NO_CAPABILITIES
        self._reader.clear()
        self._hello()

    def respond(self, response: bytes | None) -> None:
        """The mechanism's answer to ``Challenged``; None: give up."""
        if self.state is not _S.AUTH:
            return
        self._asked = False
        if response is None:
            self._write(b"*\r\n")
            self._end(NO_LOGIN)
        else:
            self._write(base64.encode(response) + b"\r\n")

    @property
    def mechanism(self) -> ClientMechanism | None:
        """Who answers what ``Challenged`` asks."""
        return self._mechanism

    def _open(self, answer: Answer) -> None:
        """A reply to one of the steps of the opening."""
        match self.state:
            case _S.GREETING:
                self._greeted(answer)
            case _S.HELLO:
                self._hello_answered(answer)
            case _S.STARTTLS:
                self._tls_answered(answer)
            case _:
                self._login_answered(answer)

    def _greeted(self, answer: Answer) -> None:
        if answer.code == _READY:
            self._hello()
        else:
            self._end(CONFUSED if answer.positive else answer)

    def _hello(self) -> None:
        verb = "HELO" if self._helo else "LHLO" if self._terms.lmtp else "EHLO"
        self._write(f"{verb} {self._terms.hostname}\r\n".encode("ascii"))
        self.state = _S.HELLO

    def _hello_answered(self, answer: Answer) -> None:
        if answer.code == _DONE:
            self.offered = NO_CAPABILITIES if self._helo else read_capabilities(answer)
            self._go_on()
        elif not answer.permanent or self._helo or self._terms.lmtp:
            self._end(CONFUSED if answer.positive else answer)
        elif self._terms.starttls is StartTLS.ALWAYS or self._terms.login is not None:
            self._end(_NO_ESMTP)
        else:
            # RFC 5321, section 3.2: a server that knows no EHLO refuses it
            self._helo = True
            self._hello()

    def _go_on(self) -> None:
        """The server was heard: STARTTLS, then AUTH, as far as they are wanted."""
        wanted = self._terms.starttls
        if self.encrypted or wanted is StartTLS.NEVER:
            self._log_in()
        elif self.offered.starttls:
            self._write(b"STARTTLS\r\n")
            self.state = _S.STARTTLS
        elif wanted is StartTLS.ALWAYS:
            self._end(_NO_TLS)
        else:
            self._log_in()

    def _tls_answered(self, answer: Answer) -> None:
        if answer.code == _READY:
            if len(self._reader):
                # threat 8: such replies would be taken for protected ones
                self._end(INJECTED)
                return
            self.state = _S.HANDSHAKE
            self._events.append(BeginTLS())
        elif self._terms.starttls is StartTLS.ALWAYS:
            self._end(_NO_TLS)
        else:
            self._log_in()

    def _log_in(self) -> None:
        terms = self._terms
        if terms.login is None:
            self._be_ready()
            return
        mechanism = self._mechanism = choose_mechanism(
            terms.login,
            self.offered.mechanisms,
            encrypted=self.encrypted,
            nonce=terms.nonce,
        )
        if mechanism is None:
            self._end(NO_LOGIN)
            return
        first = mechanism.first()
        command = b"AUTH " + mechanism.name.encode()
        if first is not None:
            # RFC 4954, section 4: "=" is an initial response of no octets
            command += b" " + (base64.encode(first) or b"=")
        self._write(command + b"\r\n")
        self.state = _S.AUTH

    def _login_answered(self, answer: Answer) -> None:
        mechanism = self._mechanism
        if mechanism is None or answer.code not in {_LOGGED_IN, _CHALLENGE}:
            self._end(_login_trouble(answer))
        elif answer.code == _LOGGED_IN:
            if mechanism.finished():
                self._be_ready()
            else:
                self._end(Trouble("4.7.0", "the server did not prove itself"))
        else:
            try:
                challenge = base64.decode(answer.lines[0][:CHALLENGE_LIMIT])
            except (SyntaxProblem, binascii.Error):
                self._end(CONFUSED)
                return
            self._asked = True
            self._events.append(Challenged(challenge))

    def _be_ready(self) -> None:
        self.state = _S.READY
        self._events.append(Ready(self.offered))

    def _end(self, word: Word) -> None:
        """The session is over, whatever for."""
        state, self.state = self.state, _S.CLOSED
        if state not in {_S.CLOSED, _S.QUIT}:
            self._events.append(Ended(word))

    def _write(self, octets: bytes) -> None:
        if octets:
            self._written.append(octets)


def _login_trouble(answer: Answer) -> Word:
    """Our password is wrong: that is ours to mend, so the message waits."""
    if answer.positive:
        return CONFUSED
    return Trouble("4.7.8", f"the server refuses our login: {answer.text}")

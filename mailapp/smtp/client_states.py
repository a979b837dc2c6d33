"""The states of a client, how long each may last, and what it tells its user (pure)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from enum import Enum, unique
from typing import Final

from attrs import frozen

from mailapp.smtp.answers import Answer
from mailapp.smtp.capabilities import Capabilities
from mailapp.smtp.client_login import Login


@unique
class ClientState(Enum):
    """What the client waits for.

    ========== ========================================== ==========================
    state      what is awaited                            leads to
    ========== ========================================== ==========================
    GREETING   220                                        HELLO, CLOSED
    HELLO      the reply to EHLO, LHLO or HELO            STARTTLS, AUTH, READY
    STARTTLS   the go-ahead                               HANDSHAKE, AUTH, READY
    HANDSHAKE  ``tls_started()``                          HELLO
    AUTH       challenges and their end                   READY, CLOSED
    READY      ``begin()`` or ``quit()``                  COMMANDS, QUIT
    COMMANDS   replies to RSET, MAIL, RCPT and DATA       CONTENT, FINAL, READY
    CONTENT    the user's octets                          FINAL
    FINAL      the replies to the whole message           READY; COMMANDS of the next
                                                          one, if one ``follow()``s
    QUIT       221                                        CLOSED
    CLOSED     nothing any more
    ========== ========================================== ==========================
    """

    GREETING = "greeting"
    HELLO = "hello"
    STARTTLS = "starttls"
    HANDSHAKE = "handshake"
    AUTH = "auth"
    READY = "ready"
    COMMANDS = "commands"
    CONTENT = "content"
    FINAL = "final"
    QUIT = "quit"
    CLOSED = "closed"

    __hash__ = object.__hash__  # Enum's own is Python, and asked for each reply


# RFC 5321, section 4.5.3.2: the least that a client must wait, in seconds.
TIMEOUTS: Final[Mapping[ClientState, float]] = {
    ClientState.GREETING: 300.0,  # 4.5.3.2.1: initial 220
    ClientState.HELLO: 300.0,  # none is given; as for MAIL
    ClientState.STARTTLS: 300.0,
    ClientState.HANDSHAKE: 60.0,  # no command of SMTP
    ClientState.AUTH: 300.0,
    ClientState.READY: 300.0,  # nothing is awaited; who keeps it idle says how long
    ClientState.COMMANDS: 300.0,  # 4.5.3.2.2 and 4.5.3.2.3: MAIL and RCPT
    ClientState.CONTENT: 180.0,  # 4.5.3.2.5: a block of the content
    ClientState.FINAL: 600.0,  # 4.5.3.2.6: after the final dot
    ClientState.QUIT: 10.0,  # nothing depends on it any more
    ClientState.CLOSED: 10.0,
}
DATA_TIMEOUT: Final = 120.0
"""For the 354 alone (RFC 5321, section 4.5.3.2.4)."""


@unique
class StartTLS(Enum):
    """Whether a clear connection is to be encrypted."""

    NEVER = "never"
    IF_OFFERED = "if offered"
    ALWAYS = "always"


@frozen(kw_only=True)
class Terms:
    """How a client behaves.

    Attributes:
        hostname: its name, as ASCII, or an address literal.
        lmtp: LMTP (RFC 2033) instead of SMTP.
        starttls: on a connection that is clear.
        encrypted: TLS is on from the start.
        login: how to log in; None: not.
        nonce: fresh text of printable ASCII without commas, for SCRAM.
    """

    hostname: str
    nonce: Callable[[], str]
    lmtp: bool = False
    starttls: StartTLS = StartTLS.IF_OFFERED
    encrypted: bool = False
    login: Login | None = None


@frozen
class Trouble:
    """What we say where the server said nothing that counts.

    Attributes:
        status: enhanced code with its class.
        text: one line.
    """

    status: str
    text: str

    @property
    def positive(self) -> bool:
        """Never."""
        return False

    @property
    def permanent(self) -> bool:
        """It would not help to ask again."""
        return self.status.startswith("5")


Word = Answer | Trouble
"""The last word on a recipient, or on a session."""


@frozen
class BeginTLS:
    """Shake hands now, then call ``tls_started()``."""


@frozen
class Challenged:
    """The mechanism is asked: call ``respond()`` with its answer."""

    challenge: bytes


@frozen
class Ready:
    """The session stands; ``begin()`` or ``quit()`` may be called."""

    offered: Capabilities


@frozen
class GoAhead:
    """The server takes the content now: ``write_content()``, ``end_content()``."""


@frozen
class Finished:
    """The transaction is over.

    Attributes:
        words: one per recipient, in order.
        heard: how many answers the server gave to it.
        followed: it was begun with :meth:`SmtpClient.follow`.
    """

    words: Sequence[Word]
    heard: int
    followed: bool


@frozen
class Ended:
    """The session is over, and no transaction was under way: close.

    Attributes:
        word: why.
    """

    word: Word


ClientEvent = BeginTLS | Challenged | Ready | GoAhead | Finished | Ended

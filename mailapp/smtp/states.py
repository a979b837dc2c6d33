"""The states of a connection, and which command is legal in which, as values.

RFC 5321, section 4.1.4. A state changes when the positive reply is sent, not when the
command arrives. The rows of the table are the verbs (:mod:`mailapp.smtp.verbs` and
the extensions); each holds one :class:`Rule`.

    OPENING --220--> START --HELO, EHLO--> READY --MAIL--> MAIL --RCPT--> RCPT
       |               ^ (TLS)               ^  ^            |              |
       +--554--> REFUSED                     |  +----RSET----+--------------+
                                             +--end of data-- DATA <--DATA--+

HELO and EHLO lead to READY from every state; RSET leads there from MAIL, RCPT and
CHUNKS. BDAT leads from RCPT to DATA, and from there to CHUNKS, as often as it comes,
until the last chunk or a refused one leads to READY (RFC 3030).
AUTH leads from READY to AUTH as long as challenges are sent, and back with the last
reply, whatever it is.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum, unique
from typing import Final

from attrs import frozen

from mailapp.smtp import replies
from mailapp.smtp.grammar.reply import Reply


@unique
class State(Enum):
    """What was agreed so far."""

    OPENING = "not greeted yet"
    REFUSED = "refused in the greeting, only QUIT is served"
    START = "greeted"
    READY = "the client said its name"
    MAIL = "a transaction has a sender"
    RCPT = "a transaction has recipients"
    DATA = "content is coming"
    CHUNKS = "a part of the content has come"
    AUTH = "a login is under way"
    HANDSHAKE = "TLS is being started"
    CLOSED = "nothing more is read"

    __hash__ = object.__hash__  # Enum's own is Python, and asked with each command


ANY: Final = frozenset({State.START, State.READY, State.MAIL, State.RCPT, State.CHUNKS})
TRANSACTION: Final = frozenset({State.MAIL, State.RCPT})
CONTENT: Final = frozenset({State.DATA, State.CHUNKS})
_RESETTABLE: Final = TRANSACTION | {State.CHUNKS}


@frozen
class Rule:
    """The facts of a command that its connection must know.

    Attributes:
        states: where it is legal.
        otherwise: the reply where it is not; 503 5.5.1 if nothing better stands here.
        after: the state after the positive reply; None: as it was.
        resets: the positive reply ends the transaction.
        synchronizes: the client must wait for the reply (RFC 2920, section 3.1), and
            what it sends before is not read as commands or content (threats 6, 7).
        carries: octets that its argument counts follow at once; they are read whatever
            becomes of it.
    """

    states: frozenset[State] = ANY
    otherwise: Mapping[State, Reply] = {}
    after: State | None = None
    resets: bool = False
    synchronizes: bool = False
    carries: bool = False

    def refuse(self, state: State) -> Reply:
        """The reply to the command in a state where it is not legal."""
        return self.otherwise.get(state, replies.BAD_SEQUENCE)

    def next_state(self, state: State) -> State:
        """The state after the positive reply."""
        if self.after is not None:
            return self.after
        if self.resets and state in _RESETTABLE:
            return State.READY
        return state

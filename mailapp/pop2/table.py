"""The decision tables of RFC 937, as data: page 22 for servers, page 20 for clients.

A row is what comes in, a column is a state, a number is an action.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum, IntEnum
from typing import Final


class State(Enum):
    """Where a server stands (RFC 937, page 18)."""

    LSTN = "waits for a connection"
    AUTH = "waits for HELO"
    MBOX = "has a mailbox"
    ITEM = "has a message in view"
    NEXT = "waits for an acknowledgment"
    DONE = "has said goodbye"


class Input(Enum):
    """What may happen to a server."""

    OPEN = "Open"
    HELO = "HELO"
    FOLD = "FOLD"
    READ = "READ"
    RETR = "RETR"
    ACKS = "ACKS"
    ACKD = "ACKD"
    NACK = "NACK"
    QUIT = "QUIT"
    CLOSE = "Close"
    OTHER = "other"
    TIMEOUT = "Timeout"


class Action(IntEnum):
    """What a server does then (RFC 937, page 23).

    Action 5 is printed as "+NNN" there; text and diagrams say ``#NNN``.
    """

    GARBAGE = 1  # "- error", and close
    GREET = 2  # -> AUTH
    LOG_IN = 3  # "#NNN" -> MBOX, or "- error", and close
    PART = 4  # "+ Bye" -> DONE
    SELECT = 5  # "#NNN" -> MBOX
    MEASURE = 6  # "=CCC" -> ITEM
    TRANSFER = 7  # the message -> NEXT, or close
    ACKNOWLEDGE = 8  # "=CCC" -> ITEM
    CLOSE = 9


LEADS_TO: Final[Mapping[Action, State]] = {
    Action.GREET: State.AUTH,
    Action.LOG_IN: State.MBOX,
    Action.SELECT: State.MBOX,
    Action.MEASURE: State.ITEM,
    Action.TRANSFER: State.NEXT,
    Action.ACKNOWLEDGE: State.ITEM,
}
"""The state behind a positive answer; every other answer leads to DONE."""

_SERVER: Final = """\
Open    2 1 1 1 1 1
HELO    1 3 1 1 1 1
FOLD    1 1 5 5 1 1
READ    1 1 6 6 1 1
RETR    1 1 1 7 1 1
ACKS    1 1 1 1 8 1
ACKD    1 1 1 1 8 1
NACK    1 1 1 1 8 1
QUIT    1 4 4 4 1 1
Close   1 1 1 1 1 9
other   1 1 1 1 1 1
Timeout 1 1 1 1 1 1
"""


class ClientState(Enum):
    """Where a client stands (RFC 937, page 17)."""

    CALL = "waits for the greeting"
    NMBR = "waits for the number of messages"
    SIZE = "waits for the size of a message"
    XFER = "waits for the message"
    EXIT = "has sent QUIT"


class ClientInput(Enum):
    """What may happen to a client."""

    GREET = "Greet"
    COUNT = "#NNN"
    LENGTH = "=CCC"
    CONTENT = "data"
    BYE = "+Bye"
    CLOSE = "Close"
    OTHER = "other"
    TIMEOUT = "Timeout"


class ClientAction(IntEnum):
    """What a client does then (RFC 937, page 21)."""

    GARBAGE = 1  # QUIT -> EXIT
    GREETED = 2  # HELO -> NMBR, or QUIT -> EXIT
    COUNTED = 3  # READ -> SIZE, or FOLD -> NMBR, or QUIT -> EXIT
    MEASURED = 4  # RETR -> XFER, or READ -> SIZE, or QUIT -> EXIT
    RECEIVED = 5  # ACKS, ACKD or NACK -> SIZE
    CLOSE = 6


_CLIENT: Final = """\
Greet   2 1 1 1 6
#NNN    1 3 1 1 6
=CCC    1 1 4 1 6
data    1 1 1 5 6
+Bye    1 1 1 1 6
Close   1 1 1 1 6
other   1 1 1 1 6
Timeout 1 1 1 1 6
"""


def _server() -> Mapping[tuple[Input, State], Action]:
    rows = (row.split() for row in _SERVER.splitlines())
    return {
        (Input(name), state): Action(int(number))
        for name, *numbers in rows
        for state, number in zip(State, numbers, strict=True)
    }


def _client() -> Mapping[tuple[ClientInput, ClientState], ClientAction]:
    rows = (row.split() for row in _CLIENT.splitlines())
    return {
        (ClientInput(name), state): ClientAction(int(number))
        for name, *numbers in rows
        for state, number in zip(ClientState, numbers, strict=True)
    }


SERVER: Final = _server()
CLIENT: Final = _client()

"""A POP2 client without I/O (RFC 937, pages 17, 20 and 21).

What the server sends becomes events; after each of them, but a :class:`Piece` with more
to come, its user chooses a command, and ``send`` gives the octets of it. What may not
come is garbage: the client sends QUIT, and :class:`Trouble` says what it was.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from attrs import frozen

from mailapp.core.connection import NEED_DATA, PAUSED, Signal
from mailapp.pop2.grammar import (
    LINE_LIMIT,
    Ackd,
    Acks,
    Command,
    Fold,
    Helo,
    Nack,
    Quit,
    Read,
    Retr,
    encode_command,
)
from mailapp.pop2.table import CLIENT, ClientAction, ClientInput, ClientState


@frozen
class Greeted:
    """The server is there; next are HELO or QUIT."""

    line: bytes


@frozen
class Counted:
    """The mailbox has so many messages; next are READ, FOLD or QUIT."""

    messages: int


@frozen
class Measured:
    """The message has so many octets, 0: there is none; RETR, READ, FOLD or QUIT."""

    octets: int


@frozen
class Piece:
    """Octets of the message; when none is ``left``: ACKS, ACKD or NACK."""

    octets: bytes
    left: int


@frozen
class Farewell:
    """The server said goodbye, to our QUIT."""

    line: bytes


@frozen
class Trouble:
    """What should not have come; QUIT was sent, the connection ends.

    Attributes:
        reason: for the user.
        line: what the server said, if it said something.
    """

    reason: str
    line: bytes = b""


ClientEvent = Greeted | Counted | Measured | Piece | Farewell | Trouble

_LEADS_TO: Final[Mapping[ClientAction, Mapping[type[Command], ClientState]]] = {
    ClientAction.GREETED: {Helo: ClientState.NMBR, Quit: ClientState.EXIT},
    ClientAction.COUNTED: {
        Read: ClientState.SIZE,
        Fold: ClientState.NMBR,
        Quit: ClientState.EXIT,
    },
    ClientAction.MEASURED: {
        Retr: ClientState.XFER,
        Read: ClientState.SIZE,
        Quit: ClientState.EXIT,
        # page 17 has it, page 21 forgets it
        Fold: ClientState.NMBR,
    },
    ClientAction.RECEIVED: {
        Acks: ClientState.SIZE,
        Ackd: ClientState.SIZE,
        Nack: ClientState.SIZE,
    },
}
_NUMBER: Final = re.compile(rb"[#=]([0-9]{1,15})(?: .*)?", re.DOTALL)
_GREETING: Final = re.compile(rb"\+ POP2(?: .*)?", re.DOTALL | re.IGNORECASE)
_QUIT: Final = encode_command(Quit())


class Pop2Client:
    """One connection to a server.

    Attributes:
        state: where the dialogue stands.
        closed: the connection is over: close it.
    """

    def __init__(self) -> None:
        self.state = ClientState.CALL
        self.closed = False
        self._buffer: Final = bytearray()
        self._choice: ClientAction | None = None  # the user has to choose
        self._left = 0  # octets of the message
        self._ended = False
        self._trouble = ""  # is to be told
        self._octets = b""  # to be sent without being asked for

    def receive(self, octets: bytes) -> None:
        """Take octets, cut anywhere."""
        self._buffer.extend(octets)

    def receive_eof(self) -> None:
        """The server sends no more."""
        self._ended = True

    def time_out(self) -> None:
        """The server took too long."""
        self._garbage(ClientInput.TIMEOUT, "the server does not answer")

    def to_send(self) -> bytes:
        """The QUIT of a client that was told garbage, once; or nothing."""
        octets, self._octets = self._octets, b""
        return octets

    def next_event(self) -> ClientEvent | Signal:
        """What the server did, ``NEED_DATA``, or ``PAUSED``: choose a command first."""
        if self._trouble:
            reason, self._trouble = self._trouble, ""
            return Trouble(reason)
        if self.closed or self._choice is not None:
            return NEED_DATA if self.closed else PAUSED
        if self.state is ClientState.XFER and self._buffer:
            return self._piece()
        line = None if self.state is ClientState.XFER else self._line()
        if line is not None:
            return self._said(line)
        return self._over() if self._ended else NEED_DATA

    def send(self, command: Command) -> bytes:
        """Choose what to do next; the octets to send.

        Raises:
            ValueError: it may not come now.
            SyntaxProblem: no line can carry it; choose another one.
        """
        states = {} if self._choice is None else _LEADS_TO[self._choice]
        empty = isinstance(command, Retr) and not self._left
        if type(command) not in states or empty:
            msg = f"{type(command).__name__} in {self.state.name}"
            raise ValueError(msg)
        octets = encode_command(command)
        self.state = states[type(command)]
        self._choice = None
        return octets

    def _line(self) -> bytes | None:
        end = self._buffer.find(b"\n", 0, LINE_LIMIT)
        if end < 0:
            if len(self._buffer) < LINE_LIMIT:
                return None
            end = LINE_LIMIT - 1
        line = bytes(self._buffer[: end + 1])
        del self._buffer[: end + 1]
        return line

    def _said(self, line: bytes) -> ClientEvent:
        if not line.endswith(b"\r\n"):
            return self._refused("a line that does not end in CR LF", line)
        line = line[:-2]
        kind = _kind(line, self.state)
        action = CLIENT[kind, self.state]
        if action is ClientAction.GARBAGE:
            return self._refused("an unexpected answer", line)
        if action is ClientAction.CLOSE:
            self.closed = True
            is_bye = kind is ClientInput.BYE
            return Farewell(line) if is_bye else Trouble("no goodbye", line)
        self._choice = action
        return self._event(action, line)

    def _event(self, action: ClientAction, line: bytes) -> ClientEvent:
        if action is ClientAction.GREETED:
            return Greeted(line)
        if action is ClientAction.COUNTED:
            return Counted(_number(line))
        self._left = _number(line)
        return Measured(self._left)

    def _piece(self) -> Piece:
        octets = bytes(self._buffer[: self._left])
        del self._buffer[: len(octets)]
        self._left -= len(octets)
        if not self._left:
            self._choice = CLIENT[ClientInput.CONTENT, self.state]
        return Piece(octets, self._left)

    def _over(self) -> ClientEvent | Signal:
        in_exit = self.state is ClientState.EXIT
        self._garbage(ClientInput.CLOSE, "" if in_exit else "the server has closed")
        self.closed = True
        self._octets = b""
        reason, self._trouble = self._trouble, ""
        return Trouble(reason or "no goodbye")

    def _refused(self, reason: str, line: bytes) -> Trouble:
        self._garbage(ClientInput.OTHER, "")
        return Trouble(reason, line)

    def _garbage(self, kind: ClientInput, reason: str) -> None:
        """Action 1: QUIT, and EXIT; in EXIT action 6: close."""
        if CLIENT[kind, self.state] is ClientAction.CLOSE:
            self.closed = True
        else:
            self._octets = _QUIT
            self.state = ClientState.EXIT
        self._choice = None
        self._trouble = reason


def _kind(line: bytes, state: ClientState) -> ClientInput:
    """What a line is; "+" greets where a greeting is due, and is goodbye elsewhere."""
    first = line[:1]
    if first in {b"#", b"="} and _NUMBER.fullmatch(line):
        return ClientInput.COUNT if first == b"#" else ClientInput.LENGTH
    if first == b"+" and state is not ClientState.CALL:
        return ClientInput.BYE
    if _GREETING.fullmatch(line):
        return ClientInput.GREET
    return ClientInput.OTHER


def _number(line: bytes) -> int:
    match = _NUMBER.fullmatch(line)
    return int(match[1]) if match else 0

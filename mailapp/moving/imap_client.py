"""What an IMAP server says to a client, response by response (pure).

A small client's half of RFC 9051 and RFC 3501: enough to read mailboxes, no more. What
a server sends is bounded; only the octets of a message may be many, and those are
handed on as they come.
"""

from __future__ import annotations

import re
from typing import Final

from attrs import frozen

from mailapp.core.connection import NEED_DATA, Signal

RESPONSE_OCTETS: Final = 1024 * 1024
"""Of one response, without the octets of a message."""
_LITERAL: Final = re.compile(rb"~?\{([0-9]{1,19})\}\Z")
_BODY: Final = re.compile(rb"\* [0-9]{1,10} FETCH .*\bBODY\[\] ?\Z", re.I | re.S)


@frozen
class Said:
    r"""One whole response.

    Attributes:
        octets: without the line end; literals stand in it as ``{3}\r\nabc``, and that
            of a message as ``{}``.
    """

    octets: bytes


@frozen
class Begins:
    """The octets of a message follow, and then the response that they are part of.

    Attributes:
        octets: of the response so far.
        size: of the message.
    """

    octets: bytes
    size: int


@frozen
class Piece:
    """Octets of the message.

    Attributes:
        left: so many follow.
    """

    octets: bytes
    left: int


@frozen
class Trouble:
    """The conversation is over; the text says why."""

    reason: str


Event = Said | Begins | Piece | Trouble


class ImapClient:
    """What has come from a server, as events."""

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._said = bytearray()
        self._left = 0
        self._searched = 0
        self._trouble = ""

    def receive(self, octets: bytes) -> None:
        """Take octets, cut anywhere."""
        self._buffer += octets

    def receive_eof(self) -> None:
        """The server sends no more."""
        self._trouble = self._trouble or "the server has closed the connection"

    def time_out(self) -> None:
        """The server took too long."""
        self._trouble = "the server does not answer"

    def to_send(self) -> bytes:
        """What it has to say without being asked: nothing."""
        return b""

    def forget(self) -> None:
        """What was said in the clear does not count any more."""
        self._buffer.clear()
        self._searched = 0

    def next_event(self) -> Event | Signal:
        """What the server did."""
        if self._left and self._buffer:
            piece = bytes(self._buffer[: self._left])
            del self._buffer[: len(piece)]
            self._left -= len(piece)
            return Piece(piece, self._left)
        while not self._left:
            end = self._buffer.find(b"\r\n", self._searched)
            if end < 0:
                self._searched = max(0, len(self._buffer) - 1)
                if len(self._buffer) + len(self._said) > RESPONSE_OCTETS:
                    self._trouble = "the server sends a line without end"
                break
            event = self._line(end)
            if event is not None:
                return event
        if self._trouble:
            return Trouble(self._trouble)
        return NEED_DATA

    def _line(self, end: int) -> Event | Signal | None:
        """A line has come; None: it goes on behind a literal."""
        line = bytes(self._buffer[:end])
        announced = _LITERAL.search(line)
        if announced is None:
            self._take(end)
            said, self._said = bytes(self._said) + line, bytearray()
            return Said(said)
        size, before = int(announced[1]), bytes(self._said) + line[: announced.start()]
        if _BODY.match(before):
            self._take(end)
            self._left = size
            self._said = bytearray(before + b"{}")
            return Begins(before, size)
        if size + len(before) > RESPONSE_OCTETS:
            self._trouble = "the server sends more than there can be"
            self._buffer.clear()
            return Trouble(self._trouble)
        whole = end + 2 + size
        if len(self._buffer) < whole:
            self._searched = end
            return Trouble(self._trouble) if self._trouble else NEED_DATA
        self._said += self._buffer[:whole]
        del self._buffer[:whole]
        self._searched = 0
        return None

    def _take(self, end: int) -> None:
        del self._buffer[: end + 2]
        self._searched = 0

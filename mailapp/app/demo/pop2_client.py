"""A POP2 client that blocks, for the demo's check and for tests."""

from __future__ import annotations

import socket
from contextlib import suppress
from types import TracebackType
from typing import Final, TypeVar

from mailapp.core.connection import Signal
from mailapp.core.secret import Secret
from mailapp.pop2.client import (
    ClientEvent,
    Counted,
    Farewell,
    Greeted,
    Measured,
    Piece,
    Pop2Client,
    Trouble,
)
from mailapp.pop2.grammar import (
    Ackd,
    Acknowledgment,
    Acks,
    Command,
    Fold,
    Helo,
    Nack,
    Quit,
    Read,
    Retr,
)

_E = TypeVar("_E", bound=ClientEvent)
_CHUNK: Final = 65536


class Pop2Mailbox:
    """A connection to a POP2 server. Usable with ``with``.

    Whatever goes wrong raises ConnectionError, and nothing more can be done with it:
    POP2 closes then (RFC 937, page 2).

    Args:
        connected: to the server, with TLS if there shall be TLS; closed by us.
    """

    def __init__(self, connected: socket.socket) -> None:
        self._socket: Final = connected
        self._client: Final = Pop2Client()
        self.greeting: Final = self._await(Greeted).line

    def __enter__(self) -> Pop2Mailbox:
        return self

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        _problem: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        """Close, without QUIT: marks are dropped."""
        self._socket.close()

    def log_in(self, user: bytes, password: bytes) -> int:
        """How many messages INBOX has."""
        return self._do(Helo(user, Secret(password)), Counted).messages

    def select(self, mailbox: bytes) -> int:
        """How many messages another mailbox has; deletes what was marked."""
        return self._do(Fold(mailbox), Counted).messages

    def measure(self, number: int | None = None) -> int:
        """The octets of a message, or of the current one; 0: there is none."""
        return self._do(Read(number), Measured).octets

    def retrieve(self) -> bytes:
        """The message that was measured; ``keep``, ``delete`` or ``repeat`` it."""
        piece = self._do(Retr(), Piece)
        pieces = [piece.octets]
        while piece.left:
            piece = self._await(Piece)
            pieces.append(piece.octets)
        return b"".join(pieces)

    def keep(self) -> int:
        """The octets of the message after it."""
        return self._acknowledge(Acks())

    def delete(self) -> int:
        """Mark it; the octets of the message after it."""
        return self._acknowledge(Ackd())

    def repeat(self) -> int:
        """The octets of the same message."""
        return self._acknowledge(Nack())

    def quit(self) -> None:
        """Delete what was marked, say goodbye and close."""
        self._do(Quit(), Farewell)
        self._socket.close()

    def _acknowledge(self, command: Acknowledgment) -> int:
        return self._do(command, Measured).octets

    def _do(self, command: Command, wanted: type[_E]) -> _E:
        self._socket.sendall(self._client.send(command))
        return self._await(wanted)

    def _await(self, wanted: type[_E]) -> _E:
        """The next event.

        Raises:
            ConnectionError: it is another one.
        """
        while isinstance(event := self._client.next_event(), Signal):
            try:
                octets = self._socket.recv(_CHUNK)
            except TimeoutError:
                self._client.time_out()
                continue
            if octets:
                self._client.receive(octets)
            else:
                self._client.receive_eof()
        if isinstance(event, wanted):
            return event
        with suppress(OSError):
            self._socket.sendall(self._client.to_send())
        self._socket.close()
        reason = str(event)
        if isinstance(event, Trouble):
            reason = f"{event.reason}: {event.line.decode('latin-1')}".rstrip(": \r\n")
        raise ConnectionError(reason)

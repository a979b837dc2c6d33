"""A POP3 client without I/O (RFC 1939, RFC 2449, RFC 5034, RFC 6856).

What the server sends becomes events. Commands are answered in order, so several may be
sent ahead once the server has announced PIPELINING (RFC 2449, section 6.6). What may
not come is :class:`Trouble`, after which nothing is believed any more: close.

A message comes as pieces of any size, its dots unstuffed; nothing else is ever held
that a server could make long (threats 13, 64).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from typing import Final, assert_never

from attrs import frozen

from mailapp.core.connection import NEED_DATA, PAUSED, Signal
from mailapp.core.failures import SyntaxProblem
from mailapp.pop3.grammar import (
    Auth,
    Capa,
    Command,
    Dele,
    List,
    Noop,
    Quit,
    Retr,
    Stat,
    Stls,
    Top,
    Uidl,
)
from mailapp.pop3.listing import (
    MESSAGES_LIMIT,
    Capabilities,
    Names,
    Sizes,
    Status,
    parse_status,
)
from mailapp.pop3.requests import Request, Response, encode_request
from mailapp.pop3.unstuffing import Unstuffer
from mailapp.sasl import base64

LINE_LIMIT: Final = 4096
"""Octets of a line of the server's, with CRLF; RFC 2449, section 4 allows 512."""
AHEAD: Final = 64
"""Commands that may wait for their answers."""

_TOGETHER: Final = (Retr, Dele, List, Uidl, Stat, Noop)


@frozen
class Greeted:
    """The server is there. ``timestamp`` is what APOP needs, or empty."""

    text: bytes
    timestamp: bytes


@frozen
class Accepted:
    """+OK to a command whose answer is one line."""

    command: Command
    text: bytes


@frozen
class Refused:
    """-ERR; ``code`` is its response code, for example ``IN-USE``, or empty."""

    command: Command
    text: bytes
    code: str


@frozen
class Challenge:
    """Of a SASL exchange; a :class:`Response` is due."""

    octets: bytes


@frozen
class Announced:
    """The answer to CAPA: keyword to arguments, all in upper case."""

    capabilities: Mapping[str, tuple[str, ...]]


@frozen
class Measured:
    """The answer to LIST: octets of each message, as the server says."""

    sizes: Mapping[int, int]


@frozen
class Named:
    """The answer to UIDL: the unique-id of each message; empty where it is broken."""

    names: Mapping[int, bytes]


@frozen
class Piece:
    """Octets of a message."""

    number: int
    octets: bytes


@frozen
class Retrieved:
    """The message is complete."""

    number: int


@frozen
class Trouble:
    """What should not have come, or did not come; the connection is of no use.

    Attributes:
        reason: for the user.
        line: what the server said, if it said something.
    """

    reason: str
    line: bytes = b""


ClientEvent = (
    Greeted
    | Accepted
    | Refused
    | Challenge
    | Announced
    | Measured
    | Named
    | Piece
    | Retrieved
    | Trouble
)
_Block = Capabilities | Sizes | Names | Unstuffer


class Pop3Client:
    """One connection to a server.

    Args:
        most_messages: more than so many in a listing are trouble.

    Attributes:
        closed: the connection is over: close it.
        pipelining: the server has announced it.
    """

    def __init__(self, most_messages: int = MESSAGES_LIMIT) -> None:
        self.closed = False
        self.pipelining = False
        self._most = most_messages
        self._buffer: Final = bytearray()
        self._waiting: Final[deque[Command]] = deque()
        self._block: _Block | None = None
        self._greeted = False
        self._challenged = False
        self._ended = False
        self._trouble = ""

    def receive(self, octets: bytes) -> None:
        """Take octets, cut anywhere."""
        self._buffer.extend(octets)

    def receive_eof(self) -> None:
        """The server sends no more."""
        self._ended = True

    def time_out(self) -> None:
        """The server took too long."""
        self._trouble = self._trouble or "the server does not answer"

    @property
    def buffered(self) -> int:
        """Octets that no event has carried yet."""
        return len(self._buffer)

    def tls_started(self) -> None:
        """The handshake is done: what was announced in the clear is forgotten."""
        self.pipelining = False

    def to_send(self) -> bytes:
        """Nothing: whoever was told nonsense just closes."""
        return b""

    def next_event(self) -> ClientEvent | Signal:
        """What the server did, ``NEED_DATA``, or ``PAUSED``: send something first."""
        if self.closed:
            return NEED_DATA
        if self._trouble:
            return self._give_up(self._trouble)
        try:
            event = self._next()
        except SyntaxProblem as problem:
            return self._give_up(problem.reason)
        if event is not NEED_DATA:
            return event
        if self._ended:
            return self._give_up("the server has closed the connection")
        return NEED_DATA

    def send(self, request: Request) -> bytes:
        """The octets of a request.

        Raises:
            ValueError: it may not come now.
            SyntaxProblem: no line can carry it; nothing was sent.
        """
        if not self._may_send(request):
            msg = f"{type(request).__name__} may not come now"
            raise ValueError(msg)
        octets = encode_request(request)
        self._challenged = False
        if not isinstance(request, Response):
            self._waiting.append(request)
        return octets

    def _may_send(self, request: Request) -> bool:
        if self.closed or not self._greeted or self._trouble:
            return False
        if isinstance(request, Response) or self._challenged:
            return self._challenged and isinstance(request, Response)
        if not self._waiting:
            return True
        return (
            self.pipelining
            and len(self._waiting) < AHEAD
            and isinstance(request, _TOGETHER)
            and isinstance(self._waiting[-1], _TOGETHER)
        )

    def _next(self) -> ClientEvent | Signal:
        if self._block is not None:
            return self._inside(self._block)
        if self._greeted and (self._challenged or not self._waiting):
            if self._buffer:
                return self._give_up("the server spoke out of turn", self._line())
            return NEED_DATA if self._ended else PAUSED
        line = self._line()
        if line is None:
            return NEED_DATA
        if not self._greeted:
            return self._greeting(line)
        return self._answer(self._waiting[0], line)

    def _line(self) -> bytes | None:
        """The next line without its CRLF; None: not complete.

        Raises:
            SyntaxProblem: it is too long.
        """
        end = self._buffer.find(b"\r\n", 0, LINE_LIMIT)
        if end < 0:
            if len(self._buffer) >= LINE_LIMIT:
                reason = "a line that is too long"
                raise SyntaxProblem(reason)
            return None
        line = bytes(self._buffer[:end])
        del self._buffer[: end + 2]
        return line

    def _greeting(self, line: bytes) -> ClientEvent:
        status = parse_status(line)
        if status is None or not status.positive:
            return self._give_up("no greeting of a POP3 server", line)
        self._greeted = True
        return Greeted(status.text, status.timestamp)

    def _answer(self, command: Command, line: bytes) -> ClientEvent | Signal:
        if isinstance(command, Auth) and (line == b"+" or line.startswith(b"+ ")):
            self._challenged = True
            return Challenge(base64.decode(line[2:]))
        status = parse_status(line)
        if status is None:
            return self._give_up("neither +OK nor -ERR", line)
        if not status.positive:
            self._waiting.popleft()
            return Refused(command, status.text, status.code)
        self._block = self._begin(command)
        if self._block is not None:
            return self._inside(self._block)
        return self._accepted(command, status)

    def _accepted(self, command: Command, status: Status) -> ClientEvent:
        self._waiting.popleft()
        if isinstance(command, Stls) and self._buffer:
            # Octets said in the clear would pass for protected ones (threat 8).
            return self._give_up("the server spoke before TLS", self._line())
        if isinstance(command, Quit):
            self.closed = True
        return Accepted(command, status.text)

    def _begin(self, command: Command) -> _Block | None:
        """What follows +OK in further lines."""
        match command:
            case Capa():
                return Capabilities()
            case List(None):
                return Sizes(self._most)
            case Uidl(None):
                return Names(self._most)
            case Retr() | Top():
                return Unstuffer()
            case _:
                return None

    def _inside(self, block: _Block) -> ClientEvent | Signal:
        if isinstance(block, Unstuffer):
            return self._content(block)
        while (line := self._line()) is not None:
            if line == b".":
                return self._listed(block)
            block.add(line.removeprefix(b"."))
        return NEED_DATA

    def _content(self, block: Unstuffer) -> ClientEvent | Signal:
        command = self._waiting[0]
        number = command.number if isinstance(command, Retr | Top) else 0
        octets = b"" if block.ended else block.take(self._buffer)
        if octets:
            return Piece(number, octets)
        if not block.ended:
            return NEED_DATA
        self._waiting.popleft()
        self._block = None
        return Retrieved(number)

    def _listed(self, block: Capabilities | Sizes | Names) -> ClientEvent:
        self._waiting.popleft()
        self._block = None
        match block:
            case Capabilities():
                self.pipelining = "PIPELINING" in block.found
                return Announced(block.found)
            case Sizes():
                return Measured(block.found)
            case Names():
                return Named(block.found)
            case _:
                assert_never(block)

    def _give_up(self, reason: str, line: bytes | None = b"") -> Trouble:
        self.closed = True
        self._buffer.clear()
        self._waiting.clear()
        self._block = None
        return Trouble(reason, line or b"")

"""A protocol of a few words, to drive the driver with.

Commands end in CRLF. ``ECHO x`` answers x; ``WAIT`` answers when the session's Deferred
fires; ``TLS`` is STARTTLS; ``SEND n`` streams n chunks; ``BULK`` takes all octets that
follow, up to a line with a dot; ``BUG`` raises; ``QUIT`` closes.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import Any

from twisted.internet.defer import Deferred

from mailapp.core.connection import NEED_DATA, PAUSED
from mailapp.core.output import Output, Stream
from mailapp.core.peer import TLS, Peer

CHUNK = b"c" * 65536


class ToyConnection:
    """Lines in, lines out."""

    def __init__(self) -> None:
        self._buffer = b""
        self._paused = False
        self._opened = False
        self._bulk = False
        self._draining = False
        self.timeout = 60.0
        self.wants_tls = False
        self.wants_close = False
        self.told: list[str] = []

    @property
    def minimum_rate(self) -> float:
        """Only in bulk."""
        return 10.0 if self._bulk else 0.0

    @property
    def buffered(self) -> int:
        """Octets not yet looked at."""
        return len(self._buffer)

    def receive(self, octets: bytes) -> None:
        """Take octets."""
        self._buffer += octets

    def receive_eof(self) -> None:
        """Never called."""
        self.told.append("eof")

    def next_event(self) -> Any:
        """A line, or a chunk."""
        if self._paused:
            return PAUSED
        if not self._opened:
            self._opened = self._paused = True
            return b"OPENED"
        if self._bulk:
            return self._chunk()
        line, end, rest = self._buffer.partition(b"\r\n")
        if not end or self.wants_close:
            return NEED_DATA
        self._buffer = rest
        self._paused = True
        if line == b"TLS" and rest:
            return b"REFUSE"
        return line

    def _chunk(self) -> Any:
        chunk, end, rest = self._buffer.partition(b".\r\n")
        if not chunk and not end:
            return NEED_DATA
        self._buffer = rest
        if end:
            self._bulk = False
            self._paused = True
            return b"DONE"
        return bytearray(chunk)

    def send(self, answer: Any) -> Sequence[Output]:
        """A line, or a stream in brackets."""
        self._paused = False
        self.wants_tls = answer == b"go ahead"
        self._bulk = answer == b"bulk"
        if answer in {b"bye", b"refused"} or self._draining:
            self.wants_close = True
        if isinstance(answer, Stream):
            return (b"<", answer, b">\r\n")
        return (answer + b"\r\n",)

    def tls_started(self) -> None:
        """Remember."""
        self.told.append("tls")
        self.wants_tls = False
        self._buffer = b""

    def time_out(self) -> Sequence[Output]:
        """Say so."""
        self.wants_close = True
        return (b"timeout\r\n",)

    def dismiss(self) -> Sequence[Output]:
        """Say so."""
        self.wants_close = True
        return (b"not welcome\r\n",)

    def fail(self) -> Sequence[Output]:
        """Say so."""
        self.wants_close = True
        return (b"bug\r\n",)

    def drain(self) -> Sequence[Output]:
        """Say so, now or after the work."""
        if self._paused:
            self._draining = True
            return ()
        self.wants_close = True
        return (b"going down\r\n",)


class ToySession:
    """Answers; keeps what a test looks at."""

    def __init__(self, peer: Peer) -> None:
        self.peer = peer
        self.waits: list[Deferred[bytes]] = []
        self.said: list[bytes] = []
        self.tls: TLS | None = None
        self.closings = 0
        self.bulk = 0
        self.left: list[str] = []

    async def respond(self, event: Any) -> Any:
        """Answer."""
        if isinstance(event, bytearray):
            self.bulk += len(event)
            return None
        self.said.append(event)
        verb, _, argument = event.partition(b" ")
        if verb == b"WAIT":
            return await self._wait()
        if verb == b"SEND":
            return Stream(self._stream(int(argument)))
        if verb == b"BUG":
            msg = "a bug"
            raise LookupError(msg)
        answers = {
            b"OPENED": b"hello", b"QUIT": b"bye", b"TLS": b"go ahead",
            b"BULK": b"bulk", b"REFUSE": b"refused", b"DONE": b"done",
        }  # fmt: skip
        return answers.get(verb, argument)

    async def _wait(self) -> bytes:
        deferred: Deferred[bytes] = Deferred()
        self.waits.append(deferred)
        try:
            return await deferred
        finally:
            self.left.append("wait")

    async def _stream(self, chunks: int) -> AsyncIterator[bytes]:
        try:
            for _ in range(chunks):
                yield CHUNK
        finally:
            self.left.append("stream")

    def tls_started(self, tls: TLS) -> None:
        """Remember."""
        self.tls = tls

    def closed(self) -> None:
        """Count."""
        self.closings += 1


class Toys:
    """Composes, and keeps all that it composed."""

    def __init__(self) -> None:
        self.made: list[tuple[ToyConnection, ToySession]] = []

    def __call__(self, peer: Peer) -> tuple[ToyConnection, ToySession]:
        """Compose."""
        pair = ToyConnection(), ToySession(peer)
        self.made.append(pair)
        return pair

    @property
    def connection(self) -> ToyConnection:
        """The last one."""
        return self.made[-1][0]

    @property
    def session(self) -> ToySession:
        """The last one."""
        return self.made[-1][1]

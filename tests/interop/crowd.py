"""Many connections at once, driven by one thread of the test."""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
import time
from collections.abc import Iterator, Sequence
from types import TracebackType
from typing import Final

from attrs import define, frozen

from tests.interop.wire import ALICE

_BATCH: Final = 100  # connections that are made between two looks at the rest


@frozen
class Part:
    """What a slow client does.

    Attributes:
        protocol: whose port it takes.
        dialogue: what it sends before it becomes slow; each when the server has said
            something to the one before. None: it waits for no word of the server.
        trickle: what it then sends octet by octet, over and over.
    """

    protocol: str
    dialogue: Sequence[bytes] | None
    trickle: bytes


def client_hello() -> bytes:
    """The first flight of a TLS client."""
    came, sent = ssl.MemoryBIO(), ssl.MemoryBIO()
    context = ssl.create_default_context()
    connection = context.wrap_bio(came, sent, server_hostname="localhost")
    with contextlib.suppress(ssl.SSLWantReadError):
        connection.do_handshake()
    return sent.read()


def parts() -> Sequence[Part]:
    """Slow in a command, in content, in a handshake, in POP3."""
    hello = client_hello()
    begin = b"MAIL FROM:<>\r\nRCPT TO:<%s>\r\nDATA\r\n" % ALICE.encode()
    return (
        Part("smtp", (), b"MAIL FROM:<" + b"a" * 60),
        Part("smtp", (b"EHLO slow\r\n", begin), b"Subject: slow\r\n\r\nabc\r\n"),
        Part("smtp", (b"EHLO slow\r\n", b"STARTTLS\r\n"), hello),
        Part("pop3s", None, hello),
        Part("pop3", (), b"USER alice"),
        Part("pop3", (b"STLS\r\n",), hello),
    )


@define(eq=False)
class _Slow:
    socket: socket.socket
    part: Part
    step: int = 0
    sent: int = 0

    def act(self) -> bool:
        """The next step; False once the server has hung up."""
        try:
            dialogue = self.part.dialogue
            if dialogue is not None and self.step <= len(dialogue):
                if not self.socket.recv(4096):
                    return False
                self.step += 1
                if self.step <= len(dialogue):
                    self.socket.send(dialogue[self.step - 1])
                return True
            trickle = self.part.trickle
            self.socket.send(trickle[self.sent % len(trickle) :][:1])
            self.sent += 1
        except BlockingIOError:
            return True
        except OSError:
            return False
        return True


class Crowd:
    """Slow clients, each of which sends an octet now and then.

    Args:
        ports: protocol to port on 127.0.0.1.
        count: of clients, shared out among ``parts``.
        every: seconds between two octets of one client.
    """

    def __init__(self, ports: dict[str, int], count: int, *, every: float) -> None:
        self._ports = ports
        self._every = every
        self._ending = threading.Event()
        self._slow: list[_Slow] = []
        self._connect(count)
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def __len__(self) -> int:
        """How many the server still bears."""
        return len(self._slow)

    def __enter__(self) -> Crowd:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        problem: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._ending.set()
        self._thread.join()
        for slow in self._slow:
            slow.socket.close()

    @property
    def shaking(self) -> int:
        """How many of them are in the middle of a TLS handshake."""
        return sum(slow.part.trickle[:1] == b"\x16" for slow in list(self._slow))

    @property
    def trickling(self) -> int:
        """How many have come so far that they are slow."""
        return sum(slow.sent > 0 for slow in list(self._slow))

    def _connect(self, count: int) -> None:
        played = parts()
        for number in range(count):
            part = played[number % len(played)]
            connection = socket.socket()
            self._slow.append(_Slow(connection, part))
            # an address for each few: the pairs of address and port must not run out
            connection.bind((f"127.0.1.{1 + number % 200}", 0))
            connection.connect(("127.0.0.1", self._ports[part.protocol]))
            connection.setblocking(False)  # noqa: FBT003 - the socket module's own form

    def _run(self) -> None:
        while not self._ending.is_set():
            begun = time.monotonic()
            for start in range(0, len(self._slow), _BATCH):
                for slow in self._slow[start : start + _BATCH]:
                    if not slow.act():
                        slow.socket.close()
                        slow.sent = -1
                self._ending.wait(self._every * _BATCH / max(len(self._slow), 1) / 2)
            self._slow = [slow for slow in self._slow if slow.sent >= 0]
            self._ending.wait(max(0.0, self._every - (time.monotonic() - begun)))


class Flood:
    """Connections as fast as they can be made, held as long as the server holds them.

    Args:
        port: on 127.0.0.1.
        count: of connections.
        addresses: they come from so many, 127.0.2.1 and on.

    Attributes:
        made: how many have been made.
        refused: those that were told 421.
        dropped: those that were closed without a word.
    """

    def __init__(self, port: int, count: int, addresses: int) -> None:
        self.made = 0
        self.refused = 0
        self.dropped = 0
        self._port = port
        self._count = count
        self._addresses = addresses
        self._open: list[socket.socket] = []
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def __enter__(self) -> Flood:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        problem: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._ending.set()
        self._thread.join()
        for connection in self._open:
            connection.close()

    @property
    def over(self) -> bool:
        """All have been made, and the server's answer to each is known."""
        return not self._thread.is_alive()

    @property
    def held(self) -> int:
        """How many the server has taken."""
        return len(self._open)

    def _run(self) -> None:
        fresh: list[socket.socket] = []
        for connection in self._connections():
            fresh.append(connection)
            self.made += 1
            if len(fresh) >= _BATCH:
                self._sort(fresh)
                fresh.clear()
            if self._ending.is_set():
                break
        self._sort(fresh)

    def _connections(self) -> Iterator[socket.socket]:
        for number in range(self._count):
            connection = socket.socket()
            connection.settimeout(20)
            try:
                connection.bind((f"127.0.2.{1 + number % self._addresses}", 0))
                connection.connect(("127.0.0.1", self._port))
            except OSError:
                connection.close()
                self.dropped += 1
            else:
                yield connection

    def _sort(self, fresh: list[socket.socket]) -> None:
        for connection in fresh:
            try:
                greeting = connection.recv(4096)
            except OSError:
                greeting = b""
            if greeting.startswith(b"220"):
                self._open.append(connection)
                continue
            connection.close()
            if greeting.startswith(b"421"):
                self.refused += 1
            else:
                self.dropped += 1

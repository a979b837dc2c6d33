"""What POP3 costs without network and disk: ``python -m tests.bench.bench_pop3``.

Grammar, connection and session, over a store that gives ready chunks. Microseconds of
one operation, the best of five rounds.
"""

from __future__ import annotations

import sys
import time
from collections.abc import AsyncIterator, Callable
from typing import Any, cast

from twisted.internet.task import Clock
from zope.interface import implementer

from mailapp.core.connection import NEED_DATA
from mailapp.core.output import Stream
from mailapp.core.peer import Peer
from mailapp.pop.locking import Terms
from mailapp.pop3.connection import Event
from mailapp.pop3.protocol import compose_pop3
from mailapp.pop3.service import Service
from mailapp.storage.interfaces import IAccount, ILease
from mailapp.storage.items import Items, Listed
from mailapp.storage.types import BlobRef, FolderId, Item
from tests.doubles import FakeAuthenticator, User

CHUNK = 65536
LOGIN = b"USER u\r\nPASS p\r\n"


@implementer(ILease)
class _Lease:
    async def renew(self) -> None:
        """See :class:`ILease`."""

    async def release(self) -> None:
        """See :class:`ILease`."""


class _Account:
    """One body in every message; as much of IAccount as POP3 uses to read."""

    def __init__(self, body: bytes, count: int) -> None:
        self.chunks = [body[at : at + CHUNK] for at in range(0, len(body), CHUNK)]
        self.content = Listed(
            Item(b"1763874000.M%dP1Q2.host" % n, len(body), BlobRef(b""))
            for n in range(count)
        )

    async def items(self, folder: FolderId) -> Items:
        """See :class:`IAccount`."""
        del folder
        return self.content

    async def lease(self, purpose: str, owner: str, ttl_seconds: float) -> _Lease:
        """See :class:`IAccount`."""
        del purpose, owner, ttl_seconds
        return _Lease()

    async def read(
        self, blob: BlobRef, start: int = 0, length: int | None = None
    ) -> AsyncIterator[bytes]:
        """See :class:`IAccount`."""
        del blob, start, length
        for chunk in self.chunks:
            yield chunk

    def at_hand(self, blob: BlobRef) -> bytes | None:
        """See :class:`IAccount`."""
        del blob
        return self.chunks[0] if len(self.chunks) == 1 else None


class _Client:
    """Does what the driver does, and counts the octets."""

    def __init__(self, account: _Account) -> None:
        user = User(b"u", b"p", cast(IAccount, account))
        service = Service(
            FakeAuthenticator([user]),
            Terms(Clock()),
            lambda: b"token",
            "mail.example.test",
        )
        self.compose = compose_pop3(service)
        self.octets = 0
        self.connect()

    def connect(self) -> None:
        self.connection, self.session = self.compose(Peer("192.0.2.1", 1))
        self.send(b"")

    def send(self, octets: bytes) -> None:
        connection, session = self.connection, self.session
        connection.receive(octets)
        while (event := connection.next_event()) is not NEED_DATA:
            answer = _now(session.respond(cast(Event, event)))
            for output in connection.send(answer):
                if isinstance(output, Stream):
                    self._drain(output)
                else:
                    self.octets += len(output)

    def _drain(self, stream: Stream) -> None:
        while True:
            try:
                self.octets += len(_now(stream.chunks.__anext__()))
            except StopAsyncIteration:
                return

    def whole_session(self) -> None:
        self.connect()
        self.send(b"USER u\r\n")
        self.send(b"PASS p\r\n")
        self.send(b"STAT\r\n")
        self.send(b"QUIT\r\n")
        self.session.closed()


def _now(awaitable: Any) -> Any:
    try:
        awaitable.send(None)
    except StopIteration as stop:
        return stop.value
    msg = "it waits"
    raise RuntimeError(msg)


def _measure(name: str, times: int, operation: Callable[[], None]) -> None:
    best = float("inf")
    for _ in range(5):
        began = time.process_time()
        for _ in range(times):
            operation()
        best = min(best, time.process_time() - began)
    sys.stdout.write(f"{name:<32} {best / times * 1e6:>10.1f} us\n")


def main() -> None:
    """Print the table."""
    line = b"x" * 62 + b"\r\n"
    plain = _Client(_Account(b"Subject: x\r\n\r\n" + line * 63, 10))
    dotted = _Client(
        _Account(b"Subject: x\r\n\r\n" + b"." * 62 + b"\r\n" + line * 62, 10)
    )
    large = _Client(_Account(b"Subject: x\r\n\r\n" + line * 16384, 10))
    many = _Client(_Account(line, 10_000))
    for client in (plain, dotted, large, many):
        client.send(LOGIN)
    _measure("session USER PASS STAT QUIT", 2000, plain.whole_session)
    plain.connect()
    plain.send(LOGIN)
    for name, client, command, times in (
        ("NOOP", plain, b"NOOP\r\n", 20_000),
        ("STAT", plain, b"STAT\r\n", 20_000),
        ("RETR 4 KB", plain, b"RETR 1\r\n", 20_000),
        ("RETR 4 KB with dots", dotted, b"RETR 1\r\n", 20_000),
        ("RETR 1 MB", large, b"RETR 1\r\n", 100),
        ("TOP 0 of 4 KB", plain, b"TOP 1 0\r\n", 20_000),
        ("TOP 0 of 1 MB", large, b"TOP 1 0\r\n", 2000),
        ("LIST of 10,000", many, b"LIST\r\n", 20),
        ("UIDL of 10,000", many, b"UIDL\r\n", 20),
        ("1,000 x RETR 4 KB, pipelined", plain, b"RETR 1\r\n" * 1000, 20),
    ):
        _measure(name, times, lambda c=client, o=command: c.send(o))  # type: ignore[misc]


if __name__ == "__main__":
    main()

"""A POP3 server in memory with one user, for the tests of this folder."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from itertools import count
from typing import Any, TypeVar, cast

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock, deferLater

from mailapp.core.peer import Peer
from mailapp.net.steps import run
from mailapp.pop.locking import Present, Terms, as_it_is
from mailapp.pop3.connection import Limits
from mailapp.pop3.languages.table import ENGLISH
from mailapp.pop3.protocol import compose_pop3
from mailapp.pop3.service import Service
from mailapp.pop3.visits import Visits
from mailapp.storage.memory import MemoryAccount, MemoryStore
from mailapp.storage.types import INBOX_ID, AccountId, BlobRef, Destination, Discard
from tests.doubles import FakeAuthenticator, User
from tests.play import Wire

_T = TypeVar("_T")
NAME = AccountId("u@example.test")
LOGIN = b"USER u\r\nPASS p w\r\n"


def now(awaitable: Awaitable[_T]) -> _T:
    """The result of what does not wait."""
    results: list[_T] = []
    failures: list[BaseException] = []
    run(cast(Any, awaitable), results.append, failures.append)
    if failures:
        raise failures[0]
    return results[0]


def tokens() -> Iterator[bytes]:
    """Different ones."""
    return (b"token%d" % number for number in count())


class Server:
    """A POP3 server; ``u`` with the password ``p w`` has the messages."""

    def __init__(self, *messages: bytes, limits: Limits | None = None) -> None:
        self.clock = Clock()
        self.store = MemoryStore(self.clock)
        self.account: MemoryAccount = now(self.store.create(NAME))
        self.user = User(b"u", b"p w", self.account)
        self.authenticator = FakeAuthenticator([self.user])
        self.tls_available = True
        self.limits = limits
        self.pause: Callable[[float], Awaitable[object]] | None = None
        self.present: Present = as_it_is
        self.downgrade: Callable[[bytes], bytes] | None = None
        self.leave_on_server = True
        self.visits: Visits | None = None
        self.language = ENGLISH
        self.greeting = b""
        self.tokens = tokens()
        for message in messages:
            self.deliver(message)

    def deliver(self, message: bytes) -> None:
        """One message more."""
        sink = self.store.stage()
        now(sink.write(message))
        assert now(self.store.deliver(sink, [Destination(NAME)])) == [None]

    def expunge(self, number: int) -> None:
        """Somebody else removes the message that now has this number."""
        blob = now(self.account.items(INBOX_ID))[number - 1].blob
        change = Discard(INBOX_ID, [blob])
        now(self.account.commit([change], request_id=next(self.tokens)))

    def bodies(self) -> list[bytes]:
        """What lies in INBOX."""
        return [self.read(item.blob) for item in now(self.account.items(INBOX_ID))]

    def read(self, blob: BlobRef) -> bytes:
        """One message."""

        async def join() -> bytes:
            return b"".join([chunk async for chunk in self.account.read(blob)])

        return now(join())

    def wait(self, seconds: float) -> Deferred[None]:
        """Wait on the clock; for ``pause``."""
        return deferLater(self.clock, seconds, lambda: None)

    def connect(self, peer: Peer | None = None) -> Wire:
        """A client, greeted."""
        service = Service(
            self.authenticator,
            Terms(self.clock, pause=self.pause, present=self.present),
            self.tokens.__next__,
            "mail.example.test",
            tls_available=self.tls_available,
            downgrade=self.downgrade,
            leave_on_server=self.leave_on_server,
            visits=self.visits,
            language=self.language,
        )
        wire = Wire(*compose_pop3(service, self.limits)(peer or Peer("192.0.2.1")))
        self.greeting = wire.take()
        assert self.greeting.startswith(b"+OK ")
        return wire

    def login(self) -> Wire:
        """A client that is logged in."""
        wire = self.connect()
        wire.feed(LOGIN)
        assert wire.take().count(b"+OK ") == 2
        return wire


def ask(wire: Wire, command: bytes) -> bytes:
    """All that comes for one command."""
    wire.feed(command + b"\r\n")
    return wire.take()

"""A POP2 server in memory with one user, for the tests of this folder."""

from __future__ import annotations

from collections.abc import Awaitable
from itertools import count
from typing import Any, TypeVar, cast

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock, deferLater

from mailapp.core.peer import Peer
from mailapp.net.steps import run
from mailapp.pop.locking import Present, Terms, as_it_is
from mailapp.pop2.connection import Limits
from mailapp.pop2.protocol import compose_pop2
from mailapp.pop2.session import Service
from mailapp.pop2.snapshot import Convert, Pause, Room, Showing
from mailapp.storage.memory import MemoryAccount, MemoryStore
from mailapp.storage.types import INBOX, AccountId, BlobRef, Destination, Discard
from tests.doubles import FakeAuthenticator, User
from tests.play import Wire

_T = TypeVar("_T")
NAME = AccountId("u@example.test")
LOGIN = b"HELO u p\\ w\r\n"
HOST = "mail.example.test"


def now(awaitable: Awaitable[_T]) -> _T:
    """The result of what does not wait."""
    results: list[_T] = []
    failures: list[BaseException] = []
    run(cast(Any, awaitable), results.append, failures.append)
    if failures:
        raise failures[0]
    return results[0]


async def inconvertible(octets: bytes) -> bytes | None:
    """Converts nothing."""
    del octets
    return None


class Server:
    """A POP2 server; ``u`` with the password ``p w`` has the messages."""

    def __init__(self, *messages: bytes, limits: Limits | None = None) -> None:
        self.clock = Clock()
        self.store = MemoryStore(self.clock)
        self.account: MemoryAccount = now(self.store.create(NAME))
        self.user = User(b"u", b"p w", self.account)
        self.authenticator = FakeAuthenticator([self.user])
        self.limits = limits
        self.convert: Convert = inconvertible
        self.room = Room()
        self.most_octets = 2**20
        self.pause: Pause | None = None
        self.present: Present = as_it_is
        self.tokens = (b"token%d" % number for number in count())
        for message in messages:
            self.deliver(message)

    def deliver(self, message: bytes, folder: tuple[str, ...] = INBOX) -> None:
        """One message more."""
        sink = self.store.stage()
        now(sink.write(message))
        assert now(self.store.deliver(sink, [Destination(NAME, folder)])) == [None]

    def expunge(self, number: int) -> None:
        """Somebody else removes the message that now has this number."""
        box = self.account.state.named(INBOX)
        blob = now(self.account.items(box.id))[number - 1].blob
        change = Discard(box.id, [blob])
        now(self.account.commit([change], request_id=next(self.tokens)))

    def bodies(self, folder: tuple[str, ...] = INBOX) -> list[bytes]:
        """What lies in a mailbox."""
        box = self.account.state.named(folder)
        return [self.read(item.blob) for item in now(self.account.items(box.id))]

    def read(self, blob: BlobRef) -> bytes:
        """One message."""

        async def join() -> bytes:
            return b"".join([chunk async for chunk in self.account.read(blob)])

        return now(join())

    def wait(self, seconds: float) -> Deferred[None]:
        """Wait on the clock; for ``pause``."""
        return deferLater(self.clock, seconds, lambda: None)

    def service(self) -> Service:
        """What its sessions share."""
        showing = Showing(self.convert, self.room, self.most_octets, self.pause)
        terms = Terms(self.clock, pause=self.pause, present=self.present)
        return Service(self.authenticator, terms, self.tokens.__next__, HOST, showing)

    def connect(self, peer: Peer | None = None) -> Wire:
        """A client, greeted."""
        compose = compose_pop2(self.service(), self.limits)
        wire = Wire(*compose(peer or Peer("192.0.2.1")))
        assert wire.take() == b"+ POP2 mail.example.test mailapp server ready\r\n"
        return wire

    def login(self) -> Wire:
        """A client that is logged in."""
        wire = self.connect()
        assert ask(wire, LOGIN[:-2]).startswith(b"#")
        return wire


def ask(wire: Wire, command: bytes) -> bytes:
    """All that comes for one command."""
    wire.feed(command + b"\r\n")
    return wire.take()

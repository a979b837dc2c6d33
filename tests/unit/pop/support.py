"""A POP server with one user, for the tests of POP2 and POP3."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Coroutine, Iterator, Sequence
from itertools import count
from typing import Any, ClassVar, TypeVar, cast

from twisted.internet.address import IPv4Address
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock, deferLater
from twisted.internet.testing import StringTransport
from twisted.trial.unittest import SynchronousTestCase

from mailapp.core.peer import Peer
from mailapp.net.driver import Driver, DriverFactory
from mailapp.net.steps import finish
from mailapp.net.surroundings import Surroundings
from mailapp.net.sweep import Sweep
from mailapp.net.threads import inline
from mailapp.pop.locking import Present, Terms, as_it_is
from mailapp.storage.maildir.store import MaildirStore
from mailapp.storage.memory import MemoryAccount, MemoryStore
from mailapp.storage.types import (
    INBOX,
    INBOX_ID,
    AccountId,
    BlobRef,
    Destination,
    Discard,
)
from tests.doubles import FakeAuthenticator, User
from tests.play import Wire
from tests.svt import make_message

_T = TypeVar("_T")
NAME = AccountId("u@example.test")
HOST = "mail.example.test"
_CLIENT = IPv4Address("TCP", "192.0.2.1", 4711)
_SERVER = IPv4Address("TCP", "198.51.100.1", 110)


def now(awaitable: Awaitable[_T]) -> _T:
    """The result of what does not wait."""
    return finish(cast(Coroutine[Any, Any, _T], awaitable))


def tokens() -> Iterator[bytes]:
    """Different ones."""
    return (b"token%d" % number for number in count())


def ask(wire: Wire, command: bytes) -> bytes:
    """All that comes for one command."""
    wire.feed(command + b"\r\n")
    return wire.take()


def put(store: Any, message: bytes, folder: tuple[str, ...] = INBOX) -> None:
    """One message more in a store."""
    sink = store.stage()
    now(sink.write(message))
    assert now(store.deliver(sink, [Destination(NAME, folder)])) == [None]


class PopServer:
    """A server in memory; ``u`` with the password ``p w`` has the messages."""

    def __init__(self, *messages: bytes) -> None:
        self.clock = Clock()
        self.store = MemoryStore(self.clock)
        self.account: MemoryAccount = now(self.store.create(NAME))
        self.user = User(b"u", b"p w", self.account)
        self.authenticator = FakeAuthenticator([self.user])
        self.pause: Callable[[float], Awaitable[object]] | None = None
        self.present: Present = as_it_is
        self.tokens = tokens()
        for message in messages:
            self.deliver(message)

    def deliver(self, message: bytes, folder: tuple[str, ...] = INBOX) -> None:
        """One message more."""
        put(self.store, message, folder)

    def expunge(self, number: int) -> None:
        """Somebody else removes the message that now has this number."""
        blob = now(self.account.items(INBOX_ID))[number - 1].blob
        change = Discard(INBOX_ID, [blob])
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

    def terms(self) -> Terms:
        """On which mailboxes are held."""
        return Terms(self.clock, pause=self.pause, present=self.present)


class ComposedCase(SynchronousTestCase):
    """The driver above it, a Maildir with messages below it, no network."""

    sizes: ClassVar[Sequence[int]]
    greeting: ClassVar[bytes]

    def setUp(self) -> None:
        """Put the messages into INBOX."""
        self.clock = Clock()
        self.store = MaildirStore(self.mktemp(), self.in_thread, clock=self.clock)
        self.addCleanup(lambda: now(self.store.close()))
        self.disk: Deferred[None] | None = None
        self.account: Any = now(self.store.create(NAME))
        self.bodies = [make_message(f"dots:{size}") for size in self.sizes]
        for body in self.bodies:
            put(self.store, body)
        self.user = User(b"u", b"p w", self.account)
        around = Surroundings(clock=self.clock, sweep=Sweep(self.clock))
        compose = self.compose(FakeAuthenticator([self.user]))
        self.factory = DriverFactory(compose, around)

    def compose(self, authenticator: FakeAuthenticator) -> Callable[[Peer], Any]:
        """Connection and session for each client."""
        raise NotImplementedError

    async def in_thread(self, function: Any, *args: Any) -> Any:
        """The disk, which a test may hold up."""
        if self.disk is not None:
            await self.disk
        return await inline(function, *args)

    def connect(self) -> tuple[Driver, StringTransport]:
        """A client, greeted."""
        driver: Any = self.factory.buildProtocol(_CLIENT)
        transport = StringTransport(_SERVER, _CLIENT, lenient=True)
        driver.makeConnection(transport)
        self.assertTrue(transport.value().startswith(self.greeting))
        transport.clear()
        return driver, transport

    def pull(self, transport: StringTransport) -> None:
        """The client reads all there is; time passes as it does."""
        for _ in range(300):
            producer: Any = transport.producer
            if producer is not None:
                producer.resumeProducing()
            self.clock.advance(0)

    def inbox(self) -> list[int]:
        """Sizes of what is there."""
        return [item.size_octets for item in now(self.account.items(INBOX_ID))]

"""POP3 composed: the driver above it, a Maildir below it, no network."""

from __future__ import annotations

from typing import Any

from twisted.internet.address import IPv4Address
from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectionDone
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from mailapp.net.driver import Driver, DriverFactory
from mailapp.net.surroundings import Surroundings
from mailapp.net.sweep import Sweep
from mailapp.net.threads import inline
from mailapp.pop.locking import Terms
from mailapp.pop3.protocol import compose_pop3
from mailapp.pop3.service import Service
from mailapp.storage.maildir.store import MaildirStore
from mailapp.storage.types import INBOX_ID, Destination
from tests.doubles import FakeAuthenticator, User
from tests.svt import make_message
from tests.threats import threat
from tests.unit.pop3.support import LOGIN, NAME, now, tokens

_CLIENT = IPv4Address("TCP", "192.0.2.1", 4711)
_SERVER = IPv4Address("TCP", "198.51.100.1", 110)


class ComposedTests(SynchronousTestCase):
    """What a client sees through all tiers."""

    def setUp(self) -> None:
        """Two messages in a Maildir."""
        self.clock = Clock()
        self.store = MaildirStore(self.mktemp(), self.in_thread, clock=self.clock)
        self.addCleanup(lambda: now(self.store.close()))
        self.disk: Deferred[None] | None = None
        self.account: Any = now(self.store.create(NAME))
        self.bodies = [make_message("dots:4096"), make_message("dots:300000")]
        for body in self.bodies:
            sink = self.store.stage()
            now(sink.write(body))
            now(self.store.deliver(sink, [Destination(NAME)]))
        self.user = User(b"u", b"p w", self.account)
        service = Service(
            FakeAuthenticator([self.user]),
            Terms(self.clock),
            tokens().__next__,
            "mail.example.test",
        )
        around = Surroundings(clock=self.clock, sweep=Sweep(self.clock))
        self.factory = DriverFactory(compose_pop3(service), around)

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
        self.assertTrue(transport.value().startswith(b"+OK mail.example.test "))
        transport.clear()
        return driver, transport

    def pull(self, transport: StringTransport) -> None:
        """The client reads all there is; time passes as it does."""
        for _ in range(100):
            producer: Any = transport.producer
            if producer is not None:
                producer.resumeProducing()
            self.clock.advance(0)

    def inbox(self) -> list[int]:
        """Sizes of what is there."""
        return [item.size_octets for item in now(self.account.items(INBOX_ID))]

    def test_download(self) -> None:
        """A pipelining client gets its messages octet for octet, then removes them."""
        driver, transport = self.connect()
        driver.dataReceived(LOGIN + b"RETR 1\r\nRETR 2\r\nDELE 1\r\nDELE 2\r\nQUIT\r\n")
        self.pull(transport)
        got = transport.value()
        first = got.index(b"+OK 4096 octets\r\n")
        second = got.index(b"+OK 300000 octets\r\n")
        end = got.index(b"+OK message 1 deleted\r\n")
        for block, body in (
            (got[first:second], self.bodies[0]),
            (got[second:end], self.bodies[1]),
        ):
            stuffed = block.split(b"\r\n", 1)[1].removesuffix(b".\r\n")
            self.assertEqual(body, stuffed.replace(b"\r\n.", b"\r\n"))
        self.assertTrue(got.endswith(b"+OK bye\r\n"))
        self.assertTrue(transport.disconnecting)
        self.assertEqual([], self.inbox())

    @threat(75, 77)
    def test_connection_lost(self) -> None:
        """A connection that breaks after DELE removes nothing and unlocks at once."""
        driver, _ = self.connect()
        driver.dataReceived(LOGIN + b"DELE 1\r\n")
        driver.connectionLost(Failure(ConnectionDone()))
        self.assertEqual([4096, 300_000], self.inbox())
        self.assertEqual(0, self.user.logged_in)
        again, transport = self.connect()
        again.dataReceived(LOGIN)
        self.assertIn(b"+OK maildrop has 2 messages", transport.value())

    @threat(75)
    def test_lost_while_waiting(self) -> None:
        """One that breaks while the disk works, at login or QUIT, leaves no lock."""
        for commands, left in ((LOGIN, 2), (LOGIN + b"DELE 1\r\nQUIT\r\n", 1)):
            driver, _ = self.connect()
            held, self.disk = Deferred[None](), None
            self.account._mailboxes._boxes.clear()
            self.disk = held
            driver.dataReceived(commands)
            driver.connectionLost(Failure(ConnectionDone()))
            self.disk = None
            held.callback(None)
            self.assertEqual(0, self.user.logged_in)
            again, transport = self.connect()
            again.dataReceived(LOGIN)
            self.assertIn(b"+OK maildrop has", transport.value())
            again.connectionLost(Failure(ConnectionDone()))
            self.assertIn(len(self.inbox()), {left, 2})

    @threat(77)
    def test_idle(self) -> None:
        """After ten silent minutes the connection closes without a word or removal."""
        driver, transport = self.connect()
        driver.dataReceived(LOGIN + b"DELE 1\r\n")
        transport.clear()
        self.clock.advance(590)
        self.assertFalse(transport.disconnecting)
        self.clock.pump([1] * 20)
        self.assertTrue(transport.disconnecting)
        self.assertEqual(b"", transport.value())
        self.assertEqual([4096, 300_000], self.inbox())

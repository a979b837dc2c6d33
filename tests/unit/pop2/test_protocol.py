"""POP2 composed: the driver above it, a Maildir below it, no network."""

from __future__ import annotations

from typing import Any

from twisted.internet.address import IPv4Address
from twisted.internet.error import ConnectionDone
from twisted.internet.task import Clock, deferLater
from twisted.internet.testing import StringTransport
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from mailapp.net.driver import Driver, DriverFactory
from mailapp.net.surroundings import Surroundings
from mailapp.net.sweep import Sweep
from mailapp.net.threads import inline
from mailapp.pop.locking import Terms
from mailapp.pop2.protocol import compose_pop2
from mailapp.pop2.session import Service
from mailapp.pop2.snapshot import Room, Showing
from mailapp.storage.maildir.store import MaildirStore
from mailapp.storage.types import INBOX, INBOX_ID, Destination
from tests.doubles import FakeAuthenticator, User
from tests.svt import make_message
from tests.threats import threat
from tests.unit.pop2.support import LOGIN, NAME, inconvertible, now

_CLIENT = IPv4Address("TCP", "192.0.2.1", 4711)
_SERVER = IPv4Address("TCP", "198.51.100.1", 109)


class ComposedTests(SynchronousTestCase):
    """What a client sees through all tiers."""

    def setUp(self) -> None:
        """Two messages in INBOX and one in another mailbox."""
        self.clock = Clock()
        self.store = MaildirStore(self.mktemp(), inline, clock=self.clock)
        self.addCleanup(lambda: now(self.store.close()))
        self.account: Any = now(self.store.create(NAME))
        self.bodies = [make_message("dots:4096"), make_message("dots:3000000")]
        for body in self.bodies:
            self.deliver(body)
        self.user = User(b"u", b"p w", self.account)
        pause = lambda seconds: deferLater(self.clock, seconds, lambda: None)  # noqa: E731
        service = Service(
            FakeAuthenticator([self.user]),
            Terms(self.clock, pause=pause),
            lambda: b"token",
            "mail.example.test",
            Showing(inconvertible, Room(), pause=pause),
        )
        around = Surroundings(clock=self.clock, sweep=Sweep(self.clock))
        self.factory = DriverFactory(compose_pop2(service), around)

    def deliver(self, body: bytes, folder: tuple[str, ...] = INBOX) -> None:
        """One message more."""
        sink = self.store.stage()
        now(sink.write(body))
        now(self.store.deliver(sink, [Destination(NAME, folder)]))

    def connect(self) -> tuple[Driver, StringTransport]:
        """A client, greeted."""
        driver: Any = self.factory.buildProtocol(_CLIENT)
        transport = StringTransport(_SERVER, _CLIENT, lenient=True)
        driver.makeConnection(transport)
        self.assertTrue(transport.value().startswith(b"+ POP2 mail.example.test "))
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

    def test_download(self) -> None:
        """A pipelining client gets its messages octet for octet, then they are gone."""
        driver, transport = self.connect()
        driver.dataReceived(LOGIN + b"READ\r\nRETR\r\nACKD\r\nRETR\r\nACKD\r\nQUIT\r\n")
        self.pull(transport)
        got = transport.value()
        wanted = b"".join(
            (
                b"#2 messages\r\n=4096 characters\r\n",
                self.bodies[0],
                b"=3000000 characters\r\n",
                self.bodies[1],
                b"=0 no message\r\n+ bye\r\n",
            )
        )
        self.assertEqual(len(wanted), len(got))
        self.assertTrue(wanted == got)
        self.assertTrue(transport.disconnecting)
        self.assertEqual([], self.inbox())

    @threat(75, 77)
    def test_connection_lost(self) -> None:
        """A connection that breaks after ACKD removes nothing and unlocks at once."""
        driver, transport = self.connect()
        driver.dataReceived(LOGIN + b"READ\r\nRETR\r\nACKD\r\n")
        self.pull(transport)
        self.assertTrue(transport.value().endswith(b"=3000000 characters\r\n"))
        driver.connectionLost(Failure(ConnectionDone()))
        self.assertEqual([4096, 3_000_000], self.inbox())
        self.assertEqual(0, self.user.logged_in)
        again, transport = self.connect()
        again.dataReceived(LOGIN)
        self.assertIn(b"#2 messages", transport.value())

    def test_lost_while_measuring(self) -> None:
        """One that breaks while a large message is measured leaves nothing behind."""
        driver, _ = self.connect()
        driver.dataReceived(LOGIN + b"READ 2\r\n")
        driver.connectionLost(Failure(ConnectionDone()))
        self.clock.advance(0)
        self.assertEqual(0, self.user.logged_in)
        again, transport = self.connect()
        again.dataReceived(LOGIN + b"READ 2\r\n")
        self.pull(transport)
        self.assertIn(b"=3000000 characters\r\n", transport.value())

    @threat(77)
    def test_idle(self) -> None:
        """After five silent minutes it says so and closes; nothing is removed."""
        driver, transport = self.connect()
        driver.dataReceived(LOGIN + b"READ\r\nRETR\r\nACKD\r\n")
        self.pull(transport)
        transport.clear()
        self.clock.pump([1] * 295)
        self.assertFalse(transport.disconnecting)
        self.clock.pump([1] * 10)
        self.assertTrue(transport.disconnecting)
        self.assertEqual(b"- timeout\r\n", transport.value())
        self.assertEqual([4096, 3_000_000], self.inbox())

    def test_other_mailbox(self) -> None:
        """FOLD opens a Maildir below INBOX, and deletes there."""
        self.deliver(self.bodies[0], ("Work", "2024"))
        driver, transport = self.connect()
        driver.dataReceived(LOGIN + b"FOLD Work/2024\r\nREAD\r\nRETR\r\nACKD\r\n")
        driver.dataReceived(b"FOLD Work.2024\r\nFOLD INBOX\r\nQUIT\r\n")
        self.pull(transport)
        first, _, rest = transport.value().partition(self.bodies[0])
        self.assertEqual(b"#2 messages\r\n#1 message\r\n=4096 characters\r\n", first)
        wanted = b"=0 no message\r\n#0 messages\r\n#2 messages\r\n+ bye\r\n"
        self.assertEqual(wanted, rest)

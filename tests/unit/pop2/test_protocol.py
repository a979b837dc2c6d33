"""POP2 composed: the driver above it, a Maildir below it, no network."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.internet.error import ConnectionDone
from twisted.internet.task import deferLater
from twisted.python.failure import Failure

from mailapp.core.peer import Peer
from mailapp.pop.locking import Terms
from mailapp.pop2.protocol import compose_pop2
from mailapp.pop2.session import Service
from mailapp.pop2.snapshot import Room, Showing
from tests.doubles import FakeAuthenticator
from tests.threats import threat
from tests.unit.pop.support import HOST, ComposedCase, put, tokens
from tests.unit.pop2.support import LOGIN, inconvertible


class ComposedTests(ComposedCase):
    """What a client sees through all tiers."""

    sizes = (4096, 3_000_000)
    greeting = b"+ POP2 mail.example.test "

    def compose(self, authenticator: FakeAuthenticator) -> Callable[[Peer], Any]:
        """See :class:`ComposedCase`."""
        pause = lambda seconds: deferLater(self.clock, seconds, lambda: None)  # noqa: E731
        showing = Showing(inconvertible, Room(), pause=pause)
        terms = Terms(self.clock, pause=pause)
        token = tokens().__next__
        return compose_pop2(Service(authenticator, terms, token, HOST, showing))

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
        put(self.store, self.bodies[0], ("Work", "2024"))
        driver, transport = self.connect()
        driver.dataReceived(LOGIN + b"FOLD Work/2024\r\nREAD\r\nRETR\r\nACKD\r\n")
        driver.dataReceived(b"FOLD Work.2024\r\nFOLD INBOX\r\nQUIT\r\n")
        self.pull(transport)
        first, _, rest = transport.value().partition(self.bodies[0])
        self.assertEqual(b"#2 messages\r\n#1 message\r\n=4096 characters\r\n", first)
        wanted = b"=0 no message\r\n#0 messages\r\n#2 messages\r\n+ bye\r\n"
        self.assertEqual(wanted, rest)

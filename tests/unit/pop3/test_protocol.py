"""POP3 composed: the driver above it, a Maildir below it, no network."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectionDone
from twisted.python.failure import Failure

from mailapp.core.peer import Peer
from mailapp.pop.locking import Terms
from mailapp.pop3.protocol import compose_pop3
from mailapp.pop3.service import Service
from tests.doubles import FakeAuthenticator
from tests.threats import threat
from tests.unit.pop.support import HOST, ComposedCase, tokens
from tests.unit.pop3.support import LOGIN


class ComposedTests(ComposedCase):
    """What a client sees through all tiers."""

    sizes = (4096, 300_000)
    greeting = b"+OK mail.example.test "

    def compose(self, authenticator: FakeAuthenticator) -> Callable[[Peer], Any]:
        """See :class:`ComposedCase`."""
        token = tokens().__next__
        return compose_pop3(Service(authenticator, Terms(self.clock), token, HOST))

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

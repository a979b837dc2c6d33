"""An IMAP server in memory with one user, for the tests of this folder."""

from __future__ import annotations

from itertools import count

from twisted.internet.task import Clock

from mailapp.core.peer import Peer
from mailapp.imap.capabilities import Offer
from mailapp.imap.commands.service import Service
from mailapp.imap.limits import Limits
from mailapp.imap.protocol import Composition, compose_imap
from mailapp.net.steps import finish
from mailapp.net.threads import inline
from mailapp.storage.memory import MemoryAccount, MemoryStore
from mailapp.storage.types import AccountId, Destination
from tests.doubles import FakeAuthenticator, User
from tests.play import Wire

NAME = AccountId("u@example.test")


class Server:
    """An IMAP server; ``u`` with the password ``p w`` has the messages in INBOX."""

    def __init__(self, *messages: bytes, limits: Limits | None = None) -> None:
        self.clock = Clock()
        self.store = MemoryStore(self.clock)
        self.account: MemoryAccount = finish(self.store.create(NAME))
        self.user = User(b"u", b"p w", self.account)
        self.authenticator = FakeAuthenticator([self.user])
        self.offer = Offer()
        self.limits = limits
        self.greeting = b""
        tokens = count()
        self.service = Service(
            self.authenticator,
            self.clock,
            self.clock.seconds,
            lambda: b"token%d" % next(tokens),
            inline,
            "mail.example.test",
            self.offer,
        )
        for message in messages:
            self.deliver(message)

    def deliver(self, message: bytes) -> None:
        """One message more."""
        sink = self.store.stage()
        finish(sink.write(message))
        assert finish(self.store.deliver(sink, [Destination(NAME)])) == [None]

    def compose(self) -> Composition:
        """What serves a connection."""
        return compose_imap(self.service, self.limits)

    def connect(self, peer: Peer | None = None) -> Wire:
        """A client, greeted."""
        wire = Wire(*self.compose()(peer or Peer("192.0.2.1")))
        self.greeting = wire.take()
        assert self.greeting.startswith(b"* OK [CAPABILITY ")
        return wire

    def login(self) -> Wire:
        """A client that is logged in."""
        wire = self.connect()
        assert ask(wire, b'a LOGIN u "p w"').startswith(b"a OK ")
        return wire


def ask(wire: Wire, command: bytes) -> bytes:
    """All that comes for one command."""
    wire.feed(command + b"\r\n")
    return wire.take()

"""A POP3 server in memory with one user, for the tests of this folder."""

from __future__ import annotations

from collections.abc import Callable

from mailapp.core.peer import Peer
from mailapp.pop3.connection import Limits
from mailapp.pop3.languages.table import ENGLISH
from mailapp.pop3.protocol import compose_pop3
from mailapp.pop3.service import Service
from mailapp.pop3.visits import Visits
from tests.play import Wire
from tests.unit.pop.support import HOST, PopServer

LOGIN = b"USER u\r\nPASS p w\r\n"


class Server(PopServer):
    """A POP3 server."""

    def __init__(self, *messages: bytes, limits: Limits | None = None) -> None:
        super().__init__(*messages)
        self.limits = limits
        self.tls_available = True
        self.downgrade: Callable[[bytes], bytes] | None = None
        self.leave_on_server = True
        self.visits: Visits | None = None
        self.language = ENGLISH
        self.greeting = b""

    def connect(self, peer: Peer | None = None) -> Wire:
        """A client, greeted."""
        service = Service(
            self.authenticator,
            self.terms(),
            self.tokens.__next__,
            HOST,
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

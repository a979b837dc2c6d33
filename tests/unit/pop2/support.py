"""A POP2 server in memory with one user, for the tests of this folder."""

from __future__ import annotations

from mailapp.core.peer import Peer
from mailapp.pop2.connection import Limits
from mailapp.pop2.protocol import compose_pop2
from mailapp.pop2.session import Service
from mailapp.pop2.snapshot import Convert, Room, Showing
from tests.play import Wire
from tests.unit.pop.support import HOST, PopServer, ask

LOGIN = b"HELO u p\\ w\r\n"


async def inconvertible(octets: bytes) -> bytes | None:
    """Converts nothing."""
    del octets
    return None


class Server(PopServer):
    """A POP2 server."""

    def __init__(self, *messages: bytes, limits: Limits | None = None) -> None:
        super().__init__(*messages)
        self.limits = limits
        self.convert: Convert = inconvertible
        self.room = Room()
        self.most_octets = 2**20

    def service(self) -> Service:
        """What its sessions share."""
        showing = Showing(self.convert, self.room, self.most_octets, self.pause)
        token = self.tokens.__next__
        return Service(self.authenticator, self.terms(), token, HOST, showing)

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

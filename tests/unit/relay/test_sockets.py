"""The relay on real sockets, against our own server: STARTTLS, certificates, size."""

from __future__ import annotations

import shutil
import socket
import tempfile
import time
from collections.abc import Sequence
from typing import Any, cast

from twisted.internet.defer import Deferred
from twisted.internet.protocol import Protocol, ServerFactory
from twisted.internet.task import deferLater
from twisted.trial.unittest import TestCase
from zope.interface import implementer

from mailapp.core.address import Address
from mailapp.core.envelope import Body, Envelope
from mailapp.core.peer import Peer
from mailapp.delivery.interfaces import IBody, IDelivery
from mailapp.delivery.types import Delivered, RecipientOutcome, Route
from mailapp.net.client_tls import ClientTLS
from mailapp.net.records import MX, RecordType
from mailapp.net.sweep import Sweep
from mailapp.net.threads import inline
from mailapp.policy.pipeline import Pipeline
from mailapp.queue.types import Attempt
from mailapp.relay import routes
from mailapp.relay.compose import make_relay
from mailapp.relay.tlspolicy import Level
from mailapp.smtp.profile import Profile
from mailapp.smtp.protocol import compose_smtp
from tests.certificates import make_ca
from tests.rows import rows, tabled
from tests.table_resolver import TableResolver
from tests.unit.net.sockets import CA, SocketCase, reactor
from tests.unit.relay.net import MESSAGE, FakeServer, World, outcomes

DONE = [("relayed", "2.0.0")]
NAME = "mail.example.test"  # what the certificate of SocketCase is for


@implementer(IBody)
class Kept:
    """One message."""

    def __init__(self, delivery: Everywhere, envelope: Envelope) -> None:
        self.delivery = delivery
        self.envelope = envelope
        self.pieces: list[bytes] = []

    async def write(self, octets: bytes) -> None:
        """Keep them."""
        self.pieces.append(octets)

    async def commit(self) -> Sequence[RecipientOutcome]:
        """Count it."""
        self.delivery.messages.append((self.envelope, b"".join(self.pieces)))
        return [Delivered() for _ in self.envelope.recipients]

    def abort(self) -> None:
        """Forget it."""


@implementer(IDelivery)
class Everywhere:
    """Takes mail for all."""

    def __init__(self) -> None:
        self.messages: list[tuple[Envelope, bytes]] = []

    async def route(self, address: Address, *, relays: bool = False) -> Route:
        """Anywhere."""
        del relays
        return Route(address, ())

    def begin(self, envelope: Envelope, routes: Any, fields: Any = ()) -> Kept:
        """A message."""
        del routes, fields
        return Kept(self, envelope)


@tabled
class OwnServerTests(SocketCase):
    """What we send is what we take."""

    def serve(self, **options: Any) -> None:
        """Our server, with a certificate for mail.example.test."""
        self.delivery = Everywhere()
        token = iter(range(10_000))
        compose: Any = compose_smtp(
            Profile(NAME, tls_available=self.tls is not None, queue=True),
            self.delivery,
            Pipeline(()),
            now=time.time,
            token=lambda: str(next(token)),
        )
        self.toys = compose
        self.listen(**options)

    def carry(
        self,
        *names: str,
        content: bytes = MESSAGE,
        route: Any = None,
        authorities: str = str(CA.path),
        **changes: Any,
    ) -> Deferred[Sequence[Attempt]]:
        """One attempt by a relay of its own, which is closed afterwards."""
        zone: Any = {
            ("example.test", RecordType.MX): [MX(10, NAME), MX(20, "gone.test")],
            (NAME, RecordType.A): ["127.0.0.1"],
            ("other.test", RecordType.A): ["127.0.0.1"],
            ("gone.test", RecordType.A): ["127.0.0.1"],
        }
        port = self.address[1]
        relay = make_relay(
            reactor,
            TableResolver(zone),
            routes.Routes([route] if route else []),
            "us.test",
            tls=ClientTLS(authorities),
            in_thread=inline,
            now=time.time,
            nonce=lambda: "nonce",
            port=port,
            sweep=self.sweep,
        )
        key = route.name if route else "example.test"
        consignment = World(FakeServer).consignment(
            names or ("bob",), content, key, **changes
        )

        def closed(result: Any) -> Any:
            relay.close()
            return result

        return Deferred.fromCoroutine(relay.carry(consignment)).addBoth(closed)

    def received(self) -> tuple[Peer, Envelope, bytes]:
        """The one message."""
        [(envelope, octets)] = self.delivery.messages
        return envelope.peer, envelope, octets

    async def test_starttls(self) -> None:
        """Encrypted because it is offered, and the content is the same."""
        self.serve()
        self.assertEqual(outcomes(await self.carry("bob", "carl")), DONE * 2)
        peer, envelope, octets = self.received()
        self.assertEqual(peer.tls and peer.tls.server_name, NAME)
        self.assertEqual(len(envelope.recipients), 2)
        self.assertTrue(octets.endswith(MESSAGE))
        self.assertEqual(envelope.helo, "us.test")

    async def test_clear(self) -> None:
        """In the clear where nothing else is offered."""
        self.tls = None  # type: ignore[assignment]
        self.serve()
        self.assertEqual(outcomes(await self.carry()), DONE)
        self.assertIsNone(self.received()[0].tls)

    async def test_big(self) -> None:
        """Five megabytes of 8-bit lines with dots arrive octet by octet."""
        self.serve()
        content = b"Subject: x\r\n\r\n" + b"..\xc3\xa4 line\r\n.\r\n" * 380_000
        self.assertEqual(outcomes(await self.carry(content=content)), DONE)
        _, envelope, octets = self.received()
        self.assertTrue(octets == content)
        self.assertIs(envelope.body, Body.EIGHT_BIT)

    @rows(
        verified=(NAME, Level.VERIFIED, DONE),
        wrong_name=("other.test", Level.VERIFIED, [("deferred", "4.7.5")]),
        any_name=("other.test", Level.REQUIRED, DONE),
        never=("other.test", Level.NONE, DONE),
    )
    async def test_levels(
        self, host: str, level: Level, expected: list[tuple[str, str]]
    ) -> None:
        """A server that is not the one we want gets no word of the message."""
        self.serve()
        route = routes.Route(name="r", host=host, port=self.address[1], tls=level)
        self.assertEqual(outcomes(await self.carry(route=route)), expected)
        self.assertEqual(len(self.delivery.messages), expected == DONE)
        if expected == DONE:
            encrypted = self.received()[0].tls is not None
            self.assertEqual(encrypted, level is not Level.NONE)

    async def test_unknown_authority(self) -> None:
        """A certificate of an authority that nobody knows proves nothing."""
        self.serve()
        folder = tempfile.mkdtemp()
        self.addCleanup(shutil.rmtree, folder)
        other = make_ca(folder, "other CA")
        for level, expected in (
            (Level.VERIFIED, [("deferred", "4.7.5")]),
            (Level.REQUIRED, DONE),
        ):
            route = routes.Route(name="r", host=NAME, port=self.address[1], tls=level)
            found = await self.carry(route=route, authorities=str(other.path))
            self.assertEqual(outcomes(found), expected)
            if level is Level.VERIFIED:
                self.assertIn("its authority is not known", found[0].text)

    async def test_require_tls(self) -> None:
        """REQUIRETLS goes to a server that offers it and proves its name (RFC 8689)."""
        self.serve()
        for host, expected in ((NAME, DONE), ("other.test", [("failed", "5.7.10")])):
            route = routes.Route(name="r", host=host, port=self.address[1])
            found = await self.carry(route=route, require_tls=True)
            self.assertEqual(outcomes(found), expected)
        self.assertTrue(self.received()[1].require_tls)

    async def test_require_tls_by_mx(self) -> None:
        """Names of an MX record that nothing protects are not to be trusted."""
        self.serve()
        found = await self.carry(require_tls=True)
        self.assertEqual(outcomes(found), [("failed", "5.7.10")])
        self.assertEqual(self.delivery.messages, [])

    async def test_implicit(self) -> None:
        """TLS from the first octet (RFC 8314)."""
        self.serve(implicit_tls=True)
        route = routes.Route(
            name="r",
            host=NAME,
            port=self.address[1],
            tls=Level.VERIFIED,
            implicit_tls=True,
        )
        self.assertEqual(outcomes(await self.carry(route=route)), DONE)
        self.assertIsNotNone(self.received()[0].tls)

    async def test_nobody(self) -> None:
        """A port where nobody listens."""
        self.serve()
        with socket.create_server(("127.0.0.1", 0)) as unused:
            self.address = unused.getsockname()
        port = self.address[1]
        [attempt] = await self.carry()
        self.assertEqual(outcomes([attempt]), [("deferred", "4.4.1")])
        self.assertEqual(attempt.text, "the connection was refused")
        self.assertEqual(attempt.host, f"{NAME} [127.0.0.1]:{port}")


class Wire:
    """What a server of :mod:`tests.unit.relay.net` writes to, on a real transport."""

    def __init__(self, transport: Any) -> None:
        self.protocol = self
        self.transport = transport

    def dataReceived(self, octets: bytes) -> None:
        """To the client."""
        self.transport.write(octets)

    def close(self) -> None:
        """The server hangs up."""
        self.transport.loseConnection()


class Listening(Protocol):
    """One connection to such a server."""

    def __init__(self, server: FakeServer) -> None:
        self.server = server

    def connectionMade(self) -> None:
        """Greet."""
        self.server.connect(cast(Any, Wire(self.transport)))

    def dataReceived(self, data: bytes) -> None:
        """The client wrote."""
        self.server.hear(data)


class UnixTests(TestCase):
    """LMTP over a Unix socket."""

    timeout = 30

    async def test_lmtp(self) -> None:
        """Each recipient has its word, and the next message the same connection."""
        server = FakeServer(
            lmtp=True, content=[b"250 2.0.0 taken\r\n", b"452 4.2.2 full\r\n"]
        )
        factory: Any = ServerFactory()
        factory.buildProtocol = lambda _address: Listening(server)
        folder = tempfile.mkdtemp()
        self.addCleanup(shutil.rmtree, folder)
        path = f"{folder}/lmtp"
        port = reactor.listenUNIX(path, factory)
        sweep = Sweep(reactor, 0.1)
        self.addCleanup(sweep.stop)
        self.addCleanup(port.stopListening)
        relay = make_relay(
            reactor,
            TableResolver({}),
            routes.Routes([routes.Route(name="boxes", host=path, lmtp=True)]),
            "us.test",
            tls=ClientTLS(str(CA.path)),
            in_thread=inline,
            now=time.time,
            nonce=lambda: "nonce",
            sweep=sweep,
        )
        make = World(FakeServer).consignment
        first = await relay.carry(make(["bob", "carl"], MESSAGE, "boxes"))
        self.assertEqual(outcomes(first), [*DONE, ("deferred", "4.2.2")])
        self.assertEqual(first[0].host, path)
        second = await relay.carry(make(["bob"], MESSAGE * 10_000, "boxes"))
        self.assertEqual(outcomes(second), DONE)
        self.assertEqual(server.commands[0], b"LHLO us.test")
        self.assertEqual(server.messages, [MESSAGE, MESSAGE * 10_000])
        relay.close()
        while len(sweep):  # it watches until the connection is gone
            await deferLater(reactor, 0)

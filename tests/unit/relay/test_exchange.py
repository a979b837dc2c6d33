"""mailapp.relay.exchange: connections used again, LIMITS, REQUIRETLS, deadlines."""

from __future__ import annotations

from typing import Any

from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer
from zope.interface.verify import verifyObject

from mailapp.core.envelope import DeliverBy
from mailapp.core.failures import TemporaryFailure
from mailapp.core.status import SYSTEM_TROUBLE
from mailapp.queue.interfaces import ICarrier, IContent
from mailapp.relay.conversion import MemoryContent
from mailapp.relay.interfaces import ITLSPolicies
from mailapp.relay.no_policies import NoPolicies
from mailapp.relay.pool import IDLE_PER_KEY, IDLE_SECONDS
from mailapp.relay.routes import Route, Routes
from mailapp.relay.tlspolicy import Level, TLSPolicy
from tests.rows import rows, tabled
from tests.threats import threat
from tests.unit.relay.net import ALL, DROP, EPOCH, MESSAGE, FakeServer, World, outcomes

DONE = [("relayed", "2.0.0")]


class ReuseTests(SynchronousTestCase):
    """A connection serves one message after the other."""

    def test_interfaces(self) -> None:
        """What others rely on is there."""
        world = World(FakeServer)
        verifyObject(ICarrier, world.relay)
        verifyObject(ITLSPolicies, NoPolicies())
        verifyObject(IContent, MemoryContent(b""))

    def test_one_write_a_message(self) -> None:
        """With PIPELINING and CHUNKING a message is one write, without RSET or NOOP."""
        world = World(FakeServer)
        for _ in range(3):
            self.assertEqual(outcomes(world.carry("a", "b")), DONE * 2)
        [server] = world.connected
        self.assertEqual(len(server.writes), 1 + 3)
        self.assertEqual(server.messages, [MESSAGE] * 3)
        self.assertEqual(len(world.resolver.asked), 3)

    def test_two_writes_with_data(self) -> None:
        """With PIPELINING alone it is two."""
        world = World(lambda: FakeServer(("PIPELINING",)))
        for _ in range(3):
            world.carry("a", "b")
        self.assertEqual(len(world.connected[0].writes), 1 + 3 * 2)

    def test_idle(self) -> None:
        """After a while it says goodbye."""
        world = World(FakeServer)
        world.carry()
        world.clock.pump([1.0] * int(IDLE_SECONDS + 2))
        [server] = world.connected
        self.assertEqual(server.commands[-1], b"QUIT")
        self.assertTrue(server.closed)
        self.assertEqual(outcomes(world.carry()), DONE)
        self.assertEqual(len(world.connected), 2)

    def test_given_up_by_the_server(self) -> None:
        """One that the server had closed, or closes now, costs no attempt."""
        for reply in (DROP, b"421 4.4.2 idle for too long\r\n" + DROP):
            servers = [FakeServer(mail=[b"250 ok\r\n", reply]), FakeServer()]
            world = World(lambda servers=servers: servers.pop(0))  # type: ignore[misc]
            self.assertEqual(outcomes(world.carry()), DONE)
            self.assertEqual(outcomes(world.carry()), DONE)
            self.assertEqual(len(world.connected), 2)
        world = World(FakeServer)
        world.carry()
        world.connected[0].pipe.close()
        self.assertEqual(outcomes(world.carry()), DONE)
        self.assertEqual(len(world.relay._pool), 1)

    def test_silent_at_last(self) -> None:
        """A server that falls silent may have taken it: not twice in one attempt."""
        world = World(lambda: FakeServer(content=[b"250 2.0.0 taken\r\n", b""]))
        world.carry()
        world.connected[0].steps["mail"] = b""
        self.assertEqual(outcomes(world.carry()), [("deferred", "4.4.2")])
        self.assertEqual(len(world.connected), 1)

    def test_close(self) -> None:
        """A relay that closes leaves nothing open."""
        world = World(FakeServer)
        world.carry()
        world.relay.close()
        self.assertTrue(world.connected[0].closed)
        self.assertEqual(len(world.relay._pool), 0)

    def test_bug(self) -> None:
        """A connection on which a bug left its mark is not used again."""
        world = World(FakeServer)

        @implementer(IContent)
        class Content:
            size_octets = 10

            async def read(self, start: int, length: int) -> bytes:
                raise ZeroDivisionError

        with self.assertRaises(ZeroDivisionError):
            world.carry(content=Content())
        self.assertTrue(world.connected[0].closed)
        self.assertEqual(len(world.relay._pool), 0)

    def test_other_destination(self) -> None:
        """Connections are kept per destination."""
        routes = Routes([Route(name="smart", host="192.0.2.1")])
        world = World(FakeServer, routes=routes)
        for name in ("a@one.test", "b@two.test"):
            self.assertEqual(outcomes(world.carry(name, destination="smart")), DONE)
        self.assertEqual(len(world.connected), 1)
        self.assertGreater(IDLE_PER_KEY, 1)


@tabled
class LimitTests(SynchronousTestCase):
    """LIMITS (RFC 9422) is obeyed."""

    @rows(
        recipients=("LIMITS RCPTMAX=2", 1, [2, 2, 1]),
        transactions=("LIMITS RCPTMAX=2 MAILMAX=1", 3, [2]),
        two_transactions=("LIMITS RCPTMAX=2 MAILMAX=2", 2, [2, 2]),
        domains=("LIMITS RCPTDOMAINMAX=1", 2, [3]),
        none=("SIZE", 1, [5]),
    )
    def test_limits(self, limits: str, connections: int, first: list[int]) -> None:
        """As many transactions and connections as it takes; each recipient once."""
        world = World(lambda: FakeServer((*ALL, limits)))
        names = ["a@x.test", "b@x.test", "c@y.test", "d@y.test", "e@x.test"]
        self.assertEqual(outcomes(world.carry(*names)), DONE * 5)
        self.assertEqual(len(world.connected), connections)
        counts: list[int] = []
        for line in world.connected[0].commands:
            if line.startswith(b"MAIL"):
                counts.append(0)
            elif line.startswith(b"RCPT"):
                counts[-1] += 1
        self.assertEqual(counts, first)
        heard = [c for server in world.connected for c in server.commands]
        self.assertEqual(sum(c.startswith(b"RCPT") for c in heard), 5)

    def test_500(self) -> None:
        """Any server takes 100 at once (RFC 5321, section 4.5.3.1.8)."""
        world = World(FakeServer)
        names = [f"u{n}" for n in range(500)]
        self.assertEqual(outcomes(world.carry(*names)), DONE * 500)
        self.assertEqual(len(world.connected[0].messages), 5)

    def test_never_more_than_one(self) -> None:
        """A server that takes none at all is not asked for ever."""
        world = World(lambda: FakeServer(rcpt=b"452 4.5.3 too many\r\n"))
        self.assertEqual(outcomes(world.carry("a", "b")), [("deferred", "4.5.3")] * 2)


@tabled
class DemandTests(SynchronousTestCase):
    """What a message needs of the next server."""

    @rows(
        in_time=(("DELIVERBY",), 100, "2.0.0"),
        not_promised=((), 100, "5.3.3"),
        too_soon_for_it=(("DELIVERBY 240",), 100, "5.3.3"),
        over=(("DELIVERBY",), -1, "5.4.7"),
    )
    def test_deliver_by(self, words: tuple[str, ...], left: int, status: str) -> None:
        """Mode R: only to servers that promise (RFC 2852, section 4.1.4.1)."""
        world = World(lambda: FakeServer((*ALL, *words)))
        late = DeliverBy(EPOCH + left, returned=True)
        self.assertEqual(outcomes(world.carry(deliver_by=late))[0][1], status)

    @rows(
        clear=((*ALL, "REQUIRETLS"), "5.7.10"),
        no_tls_here=(("STARTTLS",), "5.7.10"),
    )
    @threat(9)
    def test_require_tls(self, words: tuple[str, ...], status: str) -> None:
        """REQUIRETLS is never sent over what is not protected (RFC 8689)."""
        replies: dict[str, Any] = {"starttls": b"454 4.7.0 no\r\n"}
        routes = Routes([Route(name="safe", host="192.0.2.1")])
        for destination in ("example.test", "safe"):
            world = World(lambda: FakeServer(words, **replies), routes=routes)
            found = world.carry(require_tls=True, destination=destination)
            self.assertEqual(outcomes(found), [("failed", status)])
            self.assertFalse([s for s in world.connected if s.messages])

    def test_require_tls_bounce(self) -> None:
        """A bounce is not lost for want of it (RFC 8689, section 5)."""
        world = World(FakeServer)
        found = world.carry(require_tls=True, reverse_path=None)
        self.assertEqual(outcomes(found), DONE)
        world = World(lambda: FakeServer((*ALL, "REQUIRETLS")))
        world.carry(require_tls=True, reverse_path=None)
        self.assertIn(b"REQUIRETLS", b" ".join(world.connected[0].commands))

    def test_handshake_fails(self) -> None:
        """Opportunistic: rather in the clear; where TLS must be: not at all."""
        safe = Route(
            name="safe", host="192.0.2.1", tls=Level.REQUIRED, domains=["x.test"]
        )
        routes = Routes([safe])
        world = World(lambda: FakeServer((*ALL, "STARTTLS")), routes=routes)
        self.assertEqual(outcomes(world.carry()), DONE)
        self.assertEqual(len(world.connected), 2)
        found = world.carry(destination="safe")
        self.assertEqual(outcomes(found), [("deferred", "4.7.5")])
        self.assertEqual(len(world.connected), 3)

    @threat(9)
    def test_tls_stripped(self) -> None:
        """Where a route needs TLS, a server without it gets nothing."""
        routes = Routes([Route(name="safe", host="192.0.2.1", tls=Level.REQUIRED)])
        world = World(FakeServer, routes=routes)
        found = world.carry(destination="safe")
        self.assertEqual(outcomes(found), [("deferred", "4.7.10")])
        self.assertEqual(world.connected[0].messages, [])

    def test_reports(self) -> None:
        """A server with DSN takes over the duty to report; others do not."""
        for words, dsn in ((ALL, True), (("SIZE",), False)):
            world = World(lambda words=words: FakeServer(words))  # type: ignore[misc]
            [attempt] = world.carry()
            self.assertEqual(attempt.dsn, dsn)


@implementer(ITLSPolicies)
class Strict:
    """Every domain wants TLS, or says nothing for now."""

    def __init__(self, problem: TemporaryFailure | None = None) -> None:
        self.problem = problem

    async def policy(self, domain: str) -> TLSPolicy:
        """See :class:`ITLSPolicies`."""
        if self.problem is not None:
            raise self.problem
        return TLSPolicy(Level.VERIFIED)


@tabled
class TLSOptionalTests(SynchronousTestCase):
    """``TLS-Required: No``: no policy of a domain is to stop this message."""

    @rows(
        plain=(b"TLS-Required: No\r\n", True),
        lower=(b"tls-required:no\r\n", True),
        folded=(b"TLS-Required:\r\n no \r\n", True),
        yes=(b"TLS-Required: Yes\r\n", False),
        empty=(b"TLS-Required:\r\n", False),
        other=(b"X-TLS-Required: No\r\n", False),
        twice=(b"TLS-Required: No\r\nTLS-Required: No\r\n", False),
        both=(b"TLS-Required: No\r\nTLS-Required: Yes\r\n", False),
        in_the_body=(b"A: b\r\n\r\nTLS-Required: No\r\n", False),
    )
    @threat(9)
    def test_policy(self, field: bytes, goes: bool) -> None:  # noqa: FBT001
        """RFC 8689, section 3: it goes in the clear, and the field goes with it."""
        world = World(FakeServer, policies=Strict())
        found = world.carry(content=field + MESSAGE)
        expected = DONE if goes else [("deferred", "4.7.10")]
        self.assertEqual(outcomes(found), expected)
        taken = [message for s in world.connected for message in s.messages]
        self.assertEqual(taken, [field + MESSAGE] if goes else [])

    def test_unknown_policy(self) -> None:
        """Nor does a policy that can't be known now."""
        strict = Strict(TemporaryFailure(SYSTEM_TROUBLE))
        world = World(FakeServer, policies=strict)
        self.assertEqual(outcomes(world.carry()), [("deferred", "4.3.0")])
        found = world.carry(content=b"TLS-Required: No\r\n" + MESSAGE)
        self.assertEqual(outcomes(found), DONE)

    @threat(9)
    def test_require_tls(self) -> None:
        """REQUIRETLS wins (RFC 8689, section 4.1)."""
        world = World(FakeServer, policies=Strict())
        found = world.carry(content=b"TLS-Required: No\r\n" + MESSAGE, require_tls=True)
        self.assertEqual(outcomes(found), [("failed", "5.7.10")])

    def test_route(self) -> None:
        """What the administrator wants of a route is no policy of the recipient's."""
        routes = Routes([Route(name="safe", host="192.0.2.1", tls=Level.REQUIRED)])
        world = World(FakeServer, routes=routes, policies=Strict())
        content = b"TLS-Required: No\r\n" + MESSAGE
        found = world.carry(content=content, destination="safe")
        self.assertEqual(outcomes(found), [("deferred", "4.7.10")])

    def test_unreadable(self) -> None:
        """A header that can't be read is an attempt like any other."""

        @implementer(IContent)
        class Content:
            size_octets = 10

            async def read(self, start: int, length: int) -> bytes:
                raise TemporaryFailure(SYSTEM_TROUBLE)

        found = World(FakeServer, policies=Strict()).carry(content=Content())
        self.assertEqual(outcomes(found), [("deferred", "4.3.0")])


class AttemptTests(SynchronousTestCase):
    """What is told of an attempt."""

    def test_words(self) -> None:
        """The server's own words, and which server it was."""
        world = World(
            lambda: FakeServer(rcpt=b"550-5.1.1 who\r\n550 5.1.1 is that?\r\n")
        )
        [attempt] = world.carry()
        self.assertEqual(attempt.text, "550 5.1.1 who 5.1.1 is that?")
        self.assertEqual(attempt.host, "mx.example.test [192.0.2.1]:25")
        self.assertEqual(attempt.at, EPOCH)

    def test_no_server(self) -> None:
        """What we found out ourselves has no host."""
        zone: dict[Any, Any] = {}
        [attempt] = World({}, zone).carry()
        self.assertEqual((attempt.host, attempt.status), ("", "5.1.2"))

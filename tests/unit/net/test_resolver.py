"""The resolver, against a name server in memory and a real one on the loopback."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.internet import reactor as _reactor  # noqa: TID251, TID253 - real sockets
from twisted.internet.defer import Deferred, ensureDeferred
from twisted.internet.error import CannotListenError, ConnectionDone
from twisted.internet.task import Clock
from twisted.names import dns, server
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase, TestCase
from zope.interface.verify import verifyObject

from mailapp.net.interfaces import IResolver
from mailapp.net.records import (
    MX,
    SRV,
    TLSA,
    NoAnswer,
    NoRecords,
    NoSuchName,
    NotFound,
    RecordType,
    ServerFailure,
    Unresolved,
    canonical,
)
from mailapp.net.resolver import Resolver, servers_of
from tests.rows import rows, tabled
from tests.table_resolver import TableResolver

reactor: Any = _reactor
A, MX_, TXT, CNAME = RecordType.A, RecordType.MX, RecordType.TXT, RecordType.CNAME


class _Network(Clock):
    """A reactor whose datagrams a test sees and answers."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[tuple[Any, tuple[str, int], dns.Message]] = []
        self.streams: list[Any] = []
        self.open = 0

    def listenUDP(self, _port: int, protocol: Any, _interface: str = "") -> Any:  # noqa: N802
        network = self

        class Transport:
            def connect(self, *server: Any) -> None:
                self.server = server

            def write(self, octets: bytes) -> None:
                message = dns.Message()
                message.fromStr(octets)
                network.asked.append((protocol, self.server, message))

            def stopListening(self) -> None:  # noqa: N802
                network.open -= 1

        self.open += 1
        transport = Transport()
        protocol.transport = transport
        protocol.startProtocol()
        return transport

    def connectTCP(self, *_: Any, **__: Any) -> Any:  # noqa: N802
        factory = _[2]
        protocol = factory.buildProtocol(None)
        self.streams.append(protocol)

        class Connector:
            def disconnect(self) -> None: ...

        return Connector()

    def answer(self, *records: dns.RRHeader, code: int = dns.OK, **flags: int) -> None:
        """Answer the last question."""
        protocol, _, question = self.asked[-1]
        protocol.datagramReceived(self.reply(question, records, code, flags), None)

    def reply(
        self, question: dns.Message, records: Any, code: int, flags: Any
    ) -> bytes:
        message = dns.Message(question.id, answer=1, rCode=code, **flags)
        message.queries = question.queries
        message.answers = list(records)
        octets: bytes = message.toStr()
        return octets


def _header(name: str, payload: Any, **options: Any) -> dns.RRHeader:
    return dns.RRHeader(name, payload.TYPE, payload=payload, **options)


@tabled
class ResolverTests(SynchronousTestCase):
    """One question at a time, by hand."""

    def setUp(self) -> None:
        """Two servers, one of them near."""
        self.network = _Network()
        self.resolver = Resolver(self.network, ["127.0.0.1", "192.0.2.53"])

    def ask(self, name: str = "example.test", kind: RecordType = A) -> Deferred[Any]:
        """Look up."""
        return ensureDeferred(self.resolver.lookup(name, kind))

    def test_keeps_the_interface(self) -> None:
        """It can stand wherever a resolver is wanted."""
        verifyObject(IResolver, self.resolver)
        verifyObject(IResolver, TableResolver({}))

    @rows(
        a=(A, dns.Record_A("192.0.2.1"), "192.0.2.1"),
        aaaa=(RecordType.AAAA, dns.Record_AAAA("2001:db8::1"), "2001:db8::1"),
        mx=(MX_, dns.Record_MX(10, "MAIL.example.test"), MX(10, "mail.example.test")),
        null_mx=(MX_, dns.Record_MX(0, ""), MX(0, ".")),
        txt=(TXT, dns.Record_TXT(b"v=spf1 ", b"-all"), b"v=spf1 -all"),
        srv=(RecordType.SRV, dns.Record_SRV(1, 2, 3, "a.test"), SRV(1, 2, 3, "a.test")),
    )
    def test_values(self, kind: RecordType, payload: Any, value: object) -> None:
        """Each type has its own kind of value."""
        found = self.ask(kind=kind)
        self.network.answer(_header("example.test", payload))
        self.assertEqual(self.successResultOf(found).records, (value,))

    def test_tlsa(self) -> None:
        """A type that Twisted does not know is read too."""
        found = self.ask("_25._tcp.a.test", RecordType.TLSA)
        payload = dns.UnknownRecord(b"\x03\x01\x01hash")
        self.network.answer(dns.RRHeader("_25._tcp.a.test", 52, payload=payload))
        self.assertEqual(self.successResultOf(found).records, (TLSA(3, 1, 1, b"hash"),))

    def test_asks_for_authenticity(self) -> None:
        """The AD bit is set, and long answers have room."""
        _ = self.ask().addErrback(lambda _: None)
        _, _, message = self.network.asked[0]
        self.assertTrue(message.authenticData)
        self.assertTrue(message.recDes)
        self.assertEqual([r.type for r in message.additional], [dns.OPT])

    @rows(loopback=("127.0.0.1", True), far=("192.0.2.53", False))
    def test_authenticity_is_believed_from_near_servers(
        self, server: str, believed: object
    ) -> None:
        """Whoever can write to the wire can set a bit."""
        self.resolver = Resolver(self.network, [server])
        found = self.ask()
        self.network.answer(
            _header("example.test", dns.Record_A("192.0.2.1")), authenticData=1
        )
        self.assertEqual(self.successResultOf(found).authenticated, believed)

    def test_alias(self) -> None:
        """A CNAME leads on; records of other names are not taken."""
        found = self.ask()
        self.network.answer(
            _header("example.test", dns.Record_CNAME("b.test")),
            _header("b.test", dns.Record_A("192.0.2.1")),
            _header("evil.test", dns.Record_A("192.0.2.66")),
        )
        self.assertEqual(self.successResultOf(found).records, ("192.0.2.1",))

    def test_not_found(self) -> None:
        """No such name, and no such record, are two things."""
        found = self.ask()
        self.network.answer(code=dns.ENAME)
        self.failureResultOf(found, NoSuchName)
        found = self.ask()
        self.network.answer(code=dns.OK)
        self.failureResultOf(found, NoRecords)

    def test_server_failure(self) -> None:
        """The next server is asked; if all fail, it is temporary."""
        found = self.ask()
        self.network.answer(code=dns.ESERVER)
        self.assertEqual(self.network.asked[-1][1][0], "192.0.2.53")
        self.network.answer(code=dns.EREFUSED)
        self.failureResultOf(found, ServerFailure)
        self.assertEqual(self.network.open, 0)

    def test_silence(self) -> None:
        """Each server is asked three times; then it is temporary."""
        found = self.ask()
        self.network.pump([1.0] * 30)
        self.failureResultOf(found, NoAnswer)
        self.assertEqual(len(self.network.asked), 6)
        self.assertEqual((self.network.open, self.network.getDelayedCalls()), (0, []))

    def test_forgeries(self) -> None:
        """Wrong id, wrong question, garbage: not heard; the true answer is."""
        found = self.ask()
        protocol, _, question = self.network.asked[0]
        record = _header("example.test", dns.Record_A("192.0.2.66"))
        forged = self.network.reply(question, [record], dns.OK, {})
        protocol.datagramReceived(bytes([forged[0] ^ 1]) + forged[1:], None)
        protocol.datagramReceived(b"", None)
        protocol.datagramReceived(forged[:30], None)
        question.queries = [dns.Query("evil.test", A)]
        protocol.datagramReceived(
            self.network.reply(question, [record], dns.OK, {}), None
        )
        self.assertNoResult(found)
        question.queries = [dns.Query("EXAMPLE.test", A)]
        self.network.answer(_header("example.test", dns.Record_A("192.0.2.1")))
        self.assertEqual(self.successResultOf(found).records, ("192.0.2.1",))

    def test_truncated_goes_over_tcp(self) -> None:
        """What is too long for a datagram is asked for again."""
        found = self.ask()
        _, _, question = self.network.asked[0]
        self.network.answer(trunc=1)
        stream = self.network.streams[0]
        record = _header("example.test", dns.Record_A("192.0.2.1"))
        stream.stringReceived(self.network.reply(question, [record], dns.OK, {}))
        self.assertEqual(self.successResultOf(found).records, ("192.0.2.1",))

    def test_tcp_that_breaks_off(self) -> None:
        """The next server is asked."""
        found = self.ask()
        self.network.answer(trunc=1)
        self.network.streams[0].connectionLost(Failure(ConnectionDone()))
        self.assertEqual(len(self.network.asked), 2)
        _ = found.addErrback(lambda _: None)

    def test_same_question_is_asked_once(self) -> None:
        """All who wait get the answer; one that gives up harms nobody."""
        first, second, third = self.ask(), self.ask("EXAMPLE.test."), self.ask()
        self.assertEqual(len(self.network.asked), 1)
        second.cancel()
        _ = second.addErrback(lambda _: None)
        self.network.answer(_header("example.test", dns.Record_A("192.0.2.1")))
        self.assertEqual(
            self.successResultOf(first).records, self.successResultOf(third).records
        )

    def test_reverse(self) -> None:
        """An address is looked up by its PTR name."""
        found = ensureDeferred(self.resolver.reverse("192.0.2.1"))
        self.network.answer(_header("1.2.0.192.in-addr.arpa", dns.Record_PTR("A.test")))
        self.assertEqual(self.successResultOf(found).records, ("a.test",))

    @rows(
        empty="",
        dot=".",
        empty_label="a..b",
        long_label="a" * 64 + ".test",
        long_name="a." * 127 + "b",
        unicode="münchen.test",
    )
    def test_no_names(self, name: str) -> None:
        """What can't be a domain name is not asked for."""
        self.failureResultOf(self.ask(name), NoSuchName)
        self.assertEqual(self.network.asked, [])

    @given(octets=st.binary(max_size=200))
    @settings(max_examples=200, deadline=None)
    def test_any_datagram(self, octets: bytes) -> None:
        """Nothing that comes raises."""
        self.network.asked.clear()
        found = self.ask()
        protocol, _, question = self.network.asked[0]
        protocol.datagramReceived(question.id.to_bytes(2, "big") + octets, None)
        self.network.pump([1.0] * 30)
        _ = found.addErrback(lambda f: f.trap(Unresolved, NotFound))

    def test_resolv_conf(self) -> None:
        """The servers are read from the system's file, else one runs here."""
        text = "# nameserver 1.1.1.1\nnameserver 192.0.2.53\nnameserver ::1"
        self.assertEqual(servers_of(text), ("192.0.2.53", "::1"))
        self.assertEqual(servers_of(""), ("127.0.0.1",))


class RealServerTests(TestCase):
    """UDP and TCP on the loopback."""

    timeout = 20

    async def test_udp_and_tcp(self) -> None:
        """A short answer comes by UDP, a long one by TCP."""
        table: Any = _Authority()
        factory = server.DNSServerFactory(clients=[table])
        factory.noisy = False
        protocol = dns.DNSDatagramProtocol(factory, reactor=reactor)
        tcp, udp = self.listen(factory, protocol)
        port = tcp.getHost().port
        self.addCleanup(tcp.stopListening)
        self.addCleanup(udp.stopListening)
        resolver = Resolver(reactor, [("127.0.0.1", port)])
        short = await resolver.lookup("short.test", TXT)
        self.assertEqual(short.records, (b"short",))
        long = await resolver.lookup("long.test", TXT)
        self.assertEqual(len(long.records[0]), 2000)
        for connection in list(factory.connections):
            connection.transport.loseConnection()
        turn: Deferred[None] = Deferred()
        reactor.callLater(0.05, turn.callback, None)
        await turn

    def listen(self, factory: Any, protocol: Any) -> tuple[Any, Any]:
        """On one port that is free for both."""
        for _ in range(20):
            tcp = reactor.listenTCP(0, factory, interface="127.0.0.1")
            try:
                return tcp, reactor.listenUDP(
                    tcp.getHost().port, protocol, "127.0.0.1", maxPacketSize=512
                )
            except CannotListenError:
                tcp.stopListening()
        raise AssertionError("no port is free")

    async def test_nobody_there(self) -> None:
        """A refused datagram is as good as none, and is known at once."""
        udp: Any = reactor.listenUDP(0, dns.DNSDatagramProtocol(None, reactor=reactor))
        port = udp.getHost().port
        await udp.stopListening()
        resolver = Resolver(reactor, [("127.0.0.1", port)], patience=(5.0,))
        try:
            await resolver.lookup("a.test", A)
        except NoAnswer:
            return
        self.fail("answered")


class _Authority:
    def query(self, query: Any, timeout: Any = None) -> Deferred[Any]:
        name = str(query.name)
        strings = [b"short"] if name == "short.test" else [b"x" * 250] * 8
        record = _header(name, dns.Record_TXT(*strings), auth=True)
        answered: Deferred[Any] = Deferred()
        answered.callback(([record], [], []))
        return answered


@tabled
class TableTests(SynchronousTestCase):
    """The double tells apart what the real one tells apart."""

    def setUp(self) -> None:
        """A small world."""
        self.resolver = TableResolver(
            {
                ("Example.test", MX_): [MX(10, "mail.example.test")],
                ("mail.example.test", A): ["192.0.2.1"],
                ("alias.test", CNAME): ["mail.example.test"],
                ("slow.test", A): NoAnswer(),
                ("1.2.0.192.in-addr.arpa", RecordType.PTR): ["mail.example.test"],
            },
            authenticated=["example.test"],
        )

    @rows(
        there=("example.test.", MX_, (MX(10, "mail.example.test"),), True),
        alias=("alias.test", A, ("192.0.2.1",), False),
    )
    def test_found(
        self, name: str, kind: RecordType, records: object, secure: object
    ) -> None:
        """Records, and whether DNSSEC protects the whole way to them."""
        answer = self.successResultOf(ensureDeferred(self.resolver.lookup(name, kind)))
        self.assertEqual((answer.records, answer.authenticated), (records, secure))

    @rows(
        no_name=("nowhere.test", A, NoSuchName),
        no_records=("example.test", A, NoRecords),
        between=("test", A, NoRecords),
        told=("slow.test", A, NoAnswer),
    )
    def test_not_found(
        self, name: str, kind: RecordType, problem: type[Exception]
    ) -> None:
        """Each failure has its kind."""
        self.failureResultOf(ensureDeferred(self.resolver.lookup(name, kind)), problem)

    def test_reverse(self) -> None:
        """PTR names are in the table like all others."""
        found = self.successResultOf(ensureDeferred(self.resolver.reverse("192.0.2.1")))
        self.assertEqual(found.records, ("mail.example.test",))
        self.assertEqual(self.resolver.asked[-1][1], RecordType.PTR)

    def test_canonical(self) -> None:
        """Case and the last dot make no other name."""
        self.assertEqual(canonical("Mail.Example.TEST."), "mail.example.test")

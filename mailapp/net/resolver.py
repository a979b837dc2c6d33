"""A stub resolver: asks the configured recursive servers, over UDP and then TCP.

``twisted.names`` packs and unpacks the messages. Its client is not used: it can't set
the AD bit, and takes a server's failure for an empty answer.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from ipaddress import ip_address, ip_network
from secrets import randbelow
from typing import Any, ClassVar, Final

from attrs import frozen
from twisted.internet.defer import Deferred, ensureDeferred
from twisted.internet.error import CannotListenError
from twisted.internet.interfaces import IDelayedCall
from twisted.internet.protocol import ClientFactory, DatagramProtocol, connectionDone
from twisted.logger import Logger
from twisted.names import dns
from twisted.protocols.basic import Int16StringReceiver
from twisted.python.failure import Failure
from zope.interface import implementer

from mailapp.net.addresses import Network, within
from mailapp.net.interfaces import IResolver
from mailapp.net.records import (
    MX,
    SRV,
    TLSA,
    Answer,
    NoAnswer,
    NoRecords,
    NoSuchName,
    Record,
    RecordType,
    ServerFailure,
    canonical,
)

_PORT: Final = 53
_PAYLOAD: Final = 1232
"""Octets of UDP that pass nearly everywhere without fragments (DNS flag day 2020)."""
_OPT: Final = b"\x00" + (41).to_bytes(2, "big") + _PAYLOAD.to_bytes(2, "big") + bytes(6)
"""RFC 6891, section 6.1: version 0, no flags, no options."""
_IDS: Final = 65536
LOOPBACK: Final = (ip_network("127.0.0.0/8"), ip_network("::1/128"))


def servers_of(resolv_conf: str) -> tuple[str, ...]:
    """The addresses of the ``nameserver`` lines of a ``resolv.conf``."""
    words = (line.split() for line in resolv_conf.split("\n"))
    found = (w[1] for w in words if len(w) > 1 and w[0] == "nameserver")
    return tuple(found) or ("127.0.0.1",)


@frozen
class _Question:
    """One query as it goes to a server."""

    identity: int
    name: str
    kind: RecordType
    octets: bytes

    def answered_by(self, octets: bytes) -> dns.Message | None:
        """The message, if it is an answer to this question and not a forgery."""
        message = dns.Message()
        try:
            message.fromStr(octets)
        except (EOFError, ValueError):
            return None
        asked = [(str(q.name).lower(), q.type) for q in message.queries]
        whole = len(message.answers) == int.from_bytes(octets[6:8], "big")
        if (
            message.id == self.identity
            and message.answer
            and asked == [(self.name, self.kind)]
            and whole  # Twisted takes what is cut off for what is not there
        ):
            return message
        return None


def _question(name: str, kind: RecordType) -> _Question:
    """Ask for recursion, and (by the AD bit) whether the answer is authentic."""
    identity = randbelow(_IDS)
    message = dns.Message(identity, recDes=1, authenticData=1)
    message.queries = [dns.Query(name.encode("ascii"), kind, dns.IN)]
    octets = message.toStr()
    return _Question(
        identity, name, kind, octets[:10] + b"\x00\x01" + octets[12:] + _OPT
    )


class _Exchange:
    """Waits for the answer to one question from one server."""

    def __init__(self, clock: Any, question: _Question, seconds: float) -> None:
        self.answer: Deferred[dns.Message] = Deferred(self._canceled)
        self._question = question
        self._timer: IDelayedCall = clock.callLater(seconds, self.fail, NoAnswer())

    def take(self, octets: bytes) -> None:
        """Something came."""
        message = self._question.answered_by(octets)
        if message is not None and self._ends():
            self.answer.callback(message)

    def fail(self, problem: Exception) -> None:
        """Nothing will come."""
        if self._ends():
            self.answer.errback(problem)

    def close(self) -> None:
        """Give the socket back."""

    def _ends(self) -> bool:
        self.close()
        if self._timer.active():
            self._timer.cancel()
        return not self.answer.called

    def _canceled(self, _answer: object) -> None:
        self.close()
        if self._timer.active():
            self._timer.cancel()


class _Datagram(_Exchange, DatagramProtocol):
    """Over UDP, from a port of its own that the kernel chose at random."""

    def __init__(
        self, reactor: Any, server: tuple[str, int], question: _Question, seconds: float
    ) -> None:
        super().__init__(reactor, question, seconds)
        self._server = server
        interface = "::" if ":" in server[0] else ""
        self._port: Any = None
        try:
            self._port = reactor.listenUDP(0, self, interface)
        except (CannotListenError, OSError):
            self.fail(NoAnswer())

    def startProtocol(self) -> None:  # noqa: N802
        """Ask. Connected, so that the kernel drops what comes from others."""
        transport: Any = self.transport
        transport.connect(*self._server)
        transport.write(self._question.octets)

    def datagramReceived(self, datagram: bytes, addr: Any) -> None:  # noqa: N802
        """An answer, or a forgery."""
        self.take(datagram)

    def connectionRefused(self) -> None:  # noqa: N802
        """No server runs there."""
        self.fail(NoAnswer())

    def stopProtocol(self) -> None:  # noqa: N802
        """The port is closed: by us, or by the reactor because no server runs there."""
        self._port = None
        self.fail(NoAnswer())

    def close(self) -> None:
        """Give the port back."""
        port, self._port = self._port, None
        if port is not None:
            _ = port.stopListening()


class _Stream(_Exchange, Int16StringReceiver):
    """Over TCP, for what was too long for UDP."""

    def __init__(
        self, reactor: Any, server: tuple[str, int], question: _Question, seconds: float
    ) -> None:
        super().__init__(reactor, question, seconds)
        factory: Any = ClientFactory()
        factory.noisy = False
        factory.buildProtocol = lambda _address: self
        factory.clientConnectionFailed = self._failed
        self._connector: Any = reactor.connectTCP(*server, factory, timeout=seconds)

    def connectionMade(self) -> None:
        """Ask."""
        self.sendString(self._question.octets)  # type: ignore[no-untyped-call]

    def stringReceived(self, string: bytes) -> None:  # noqa: N802
        """An answer."""
        self.take(string)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """It ended; too early, if there is no answer yet."""
        self.fail(NoAnswer())

    def close(self) -> None:
        """Hang up."""
        self._connector.disconnect()

    def _failed(self, _connector: object, _reason: object) -> None:
        self.fail(NoAnswer())


@implementer(IResolver)
class Resolver:
    """Asks recursive servers, in order, again and again with growing patience.

    Args:
        reactor: with UDP, TCP and time.
        servers: addresses, or (address, port), for example of :func:`servers_of`.
        trusted: networks whose servers are believed to have validated; the AD bit of
            others is worth nothing, since the way to them can be forged.
        patience: seconds for each server, one round per number.
    """

    log: ClassVar = Logger()

    def __init__(
        self,
        reactor: Any,
        servers: Sequence[str | tuple[str, int]],
        trusted: Sequence[Network] = LOOPBACK,
        patience: Sequence[float] = (2.0, 4.0, 8.0),
    ) -> None:
        self._reactor = reactor
        self._servers = tuple((s, _PORT) if isinstance(s, str) else s for s in servers)
        self._trusted = tuple(trusted)
        self._patience = tuple(patience)
        self._flying: dict[tuple[str, RecordType], list[Deferred[Answer]]] = {}

    async def lookup(self, name: str, kind: RecordType) -> Answer:
        """As the interface says. The same question is asked once for all who wait.

        Asking it many times at once would help whoever guesses at answers.
        """
        key = canonical(name), kind
        mine: Deferred[Answer] = Deferred()
        waiting = self._flying.get(key)
        if waiting is None:
            self._flying[key] = [mine]
            _ = ensureDeferred(self._ask(*key)).addBoth(self._tell, key)
        else:
            waiting.append(mine)
        return await mine

    async def reverse(self, address: str) -> Answer:
        """As the interface says."""
        return await self.lookup(ip_address(address).reverse_pointer, RecordType.PTR)

    def _tell(self, result: Any, key: tuple[str, RecordType]) -> None:
        for waiter in self._flying.pop(key):
            if not waiter.called:
                waiter.callback(result)

    async def _ask(self, name: str, kind: RecordType) -> Answer:
        problem: Exception = NoAnswer()
        for seconds in self._patience:
            for server in self._servers:
                try:
                    message = await self._exchange(server, name, kind, seconds)
                except NoAnswer:
                    continue
                authentic = bool(message.authenticData) and within(
                    server[0], self._trusted
                )
                if message.rCode == dns.OK:
                    return _answer(message, name, kind, authentic=authentic)
                if message.rCode == dns.ENAME:
                    raise NoSuchName(authenticated=authentic)
                problem = ServerFailure()
            if isinstance(problem, ServerFailure):
                break
        self.log.info(
            "no answer for {name} {kind}: {problem!r}",
            event="resolver.lookup.failed",
            name=name,
            kind=kind.name,
            problem=problem,
        )
        raise problem

    async def _exchange(
        self, server: tuple[str, int], name: str, kind: RecordType, seconds: float
    ) -> dns.Message:
        question = _question(name, kind)
        message = await _Datagram(self._reactor, server, question, seconds).answer
        if message.trunc:
            message = await _Stream(self._reactor, server, question, seconds).answer
        return message


def _answer(
    message: dns.Message, name: str, kind: RecordType, *, authentic: bool
) -> Answer:
    """The records of the name or of what it is an alias for; others are ignored."""
    names = {name}
    for record in message.answers:
        payload: Any = record.payload
        if record.type == dns.CNAME and str(record.name).lower() in names:
            names.add(str(payload.name).lower())
    records = tuple(
        value
        for record in message.answers
        if record.type == kind and str(record.name).lower() in names
        for value in _values(kind, record.payload)
    )
    if not records:
        raise NoRecords(authenticated=authentic)
    seconds = min(record.ttl for record in message.answers)
    return Answer(records, authentic, float(seconds))


def _values(kind: RecordType, payload: Any) -> Iterator[Record]:
    """The record as a value; one that is broken is left out."""
    match kind:
        case RecordType.A | RecordType.AAAA:
            yield payload.dottedQuad() if kind == RecordType.A else _ipv6(payload)
        case RecordType.CNAME | RecordType.PTR:
            yield str(payload.name).lower()
        case RecordType.MX:
            yield MX(payload.preference, str(payload.name).lower() or ".")
        case RecordType.TXT:
            yield b"".join(payload.data)  # RFC 7208, section 3.3
        case RecordType.SRV:
            target = str(payload.target).lower()
            yield SRV(payload.priority, payload.weight, payload.port, target)
        case RecordType.TLSA:
            octets = payload.data
            if len(octets) > 3:  # noqa: PLR2004 - three fields, then the association
                yield TLSA(octets[0], octets[1], octets[2], octets[3:])


def _ipv6(payload: Any) -> str:
    return str(ip_address(payload.address))

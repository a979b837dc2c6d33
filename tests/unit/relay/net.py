"""A network in memory: servers at addresses, that behave as badly as a test wants."""

# ruff: noqa: N802 - Twisted's names

from __future__ import annotations

from collections.abc import Awaitable, Callable, Coroutine, Sequence
from typing import Any, TypeVar, cast

from twisted.internet import error
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.python.failure import Failure

from mailapp.core.address import Address
from mailapp.core.envelope import Envelope, Recipient
from mailapp.core.peer import Peer
from mailapp.net.client_tls import ClientTLS
from mailapp.net.records import MX, RecordType
from mailapp.net.steps import run
from mailapp.net.sweep import Sweep
from mailapp.net.threads import inline
from mailapp.queue.interfaces import Consignment, IContent
from mailapp.queue.types import Attempt, Destination, Entry
from mailapp.relay.conversion import MemoryContent
from mailapp.relay.exchange import Relay
from mailapp.relay.interfaces import ITLSPolicies
from mailapp.relay.link import Environment
from mailapp.relay.mx import Exchangers
from mailapp.relay.no_policies import NoPolicies
from mailapp.relay.routes import Routes
from mailapp.relay.sessions import Caller, Sessions
from tests.table_resolver import TableResolver, Zone

T = TypeVar("T")
EPOCH = 1_800_000_000.0
ALL = ("PIPELINING", "CHUNKING", "8BITMIME", "BINARYMIME", "SMTPUTF8", "SIZE", "DSN")
DROP = b"\0drop"
"""In place of a reply: close the connection."""
SILENT = b""
"""In place of a reply: say nothing any more."""
TRUST = ClientTLS()
MESSAGE = b"Subject: x\r\n\r\nHello.\r\n"


class Pipe:
    """The client's transport; ``server`` gets what it writes."""

    def __init__(self, protocol: Any, server: FakeServer) -> None:
        self.protocol = protocol
        self.server = server
        self.closed = False
        self.octets_sent = 0
        self.producer: Any = None

    def write(self, octets: bytes) -> None:
        """To the server, at once."""
        if not self.closed:
            self.octets_sent += len(octets)
            self.server.hear(octets)

    def registerProducer(self, producer: Any, _streaming: object) -> None:
        """Keep it for ``stall``."""
        self.producer = producer

    def unregisterProducer(self) -> None:
        """Forget it."""
        self.producer = None

    def startTLS(self, _creator: object) -> None:
        """No handshake succeeds in this world."""
        self.close()

    def loseConnection(self) -> None:
        """Close."""
        self.close()

    def abortConnection(self) -> None:
        """Close."""
        self.close()

    def close(self) -> None:
        """Either side has."""
        if not self.closed:
            self.closed = True
            self.server.closed = True
            self.protocol.connectionLost(Failure(error.ConnectionDone()))


class FakeServer:
    """One connection's server.

    Args:
        extensions: of its EHLO.
        lmtp: replies per recipient.
        steps: what it answers instead, by ``greeting``, ``ehlo``, ``mail``, ``rcpt``,
            ``data``, ``content``, ``rset``, ``quit``; octets, or a list of them for
            one after the other.
    """

    def __init__(
        self,
        extensions: Sequence[str] = ALL,
        *,
        lmtp: bool = False,
        **steps: bytes | list[bytes],
    ) -> None:
        self.extensions = extensions
        self.lmtp = lmtp
        self.steps = {
            k: v if isinstance(v, bytes) else list(v) for k, v in steps.items()
        }
        self.heard = bytearray()
        self.commands: list[bytes] = []
        self.writes: list[bytes] = []
        self.messages: list[bytes] = []
        self.accepted = 0
        self.closed = False
        self.pipe: Any = None
        self._content: bytes | None = None
        self._chunk = -1
        self._hearing = False
        self._mute = False

    def connect(self, pipe: Pipe) -> None:
        """The client is there."""
        self.pipe = pipe
        self.say("greeting", b"220 there\r\n")

    def say(self, step: str, reply: bytes) -> bytes:
        """The reply, or what the test wants instead."""
        instead = self.steps.get(step, reply)
        if isinstance(instead, list):
            reply = instead.pop(0) if instead else reply
        else:
            reply = instead
        if self._mute or not reply:
            self._mute = True
        elif reply.endswith(DROP):
            if reply != DROP:
                self.pipe.protocol.dataReceived(reply.removesuffix(DROP))
            self.pipe.close()
        elif not self.closed:
            self.pipe.protocol.dataReceived(reply)
        return reply

    def hear(self, octets: bytes) -> None:
        """The client wrote."""
        self.writes.append(octets)
        self.heard += octets
        if self._hearing:
            return  # the client answers from within one of our replies
        self._hearing = True
        while not self.closed and self._step():
            pass
        self._hearing = False

    def _step(self) -> bool:
        heard = self.heard
        if self._chunk >= 0:
            if len(heard) < self._chunk:
                return False
            chunk, self._chunk = self._chunk, -1
            self._end(bytes(heard[:chunk]), chunk)
            return True
        if self._content is not None:
            # at the start the dot may follow at once
            found = (b"\r\n" + heard).find(b"\r\n.\r\n")
            if found < 0:
                return False
            stuffed = b"\r\n" + bytes(heard[:found])
            self._content = None
            self._end(stuffed.replace(b"\r\n.", b"\r\n")[2:], found + 3)
            return True
        line, end, _ = bytes(heard).partition(b"\r\n")
        if not end:
            return False
        del heard[: len(line) + 2]
        self.commands.append(line)
        self._command(line)
        return True

    def _end(self, content: bytes, used: int) -> None:
        del self.heard[:used]
        replies = self.accepted if self.lmtp else 1
        for _ in range(max(replies, 1)):
            if not self.accepted:
                self.say("nobody", b"554 5.5.1 no valid recipients\r\n")
                continue
            taken = self.say("content", b"250 2.0.0 taken\r\n")[:1] == b"2"
            if taken and not (self.lmtp and content in self.messages):
                self.messages.append(content)
        self.accepted = 0

    def _command(self, line: bytes) -> None:
        verb = line[:4].upper()
        if verb in {b"EHLO", b"LHLO"}:
            lines = ["there", *self.extensions]
            text = "".join(f"250-{line}\r\n" for line in lines[:-1])
            self.say("ehlo", f"{text}250 {lines[-1]}\r\n".encode())
        elif verb == b"BDAT":
            self._chunk = int(line.split()[1])
        elif verb == b"DATA":
            reply = b"354 go on\r\n" if self.accepted else b"503 5.5.1 RCPT first\r\n"
            if self.say("data", reply).startswith(b"354"):
                self._content = b""
        elif verb == b"RCPT":
            fine = self.say("rcpt", b"250 2.1.5 fine\r\n")[:1] == b"2"
            self.accepted += fine
        elif verb == b"STAR":
            self.say("starttls", b"220 go ahead\r\n")
        elif verb == b"QUIT":
            self.say("quit", b"221 bye\r\n" + DROP)
        else:
            self.say(verb.decode().lower(), b"250 2.0.0 fine\r\n")


Make = Callable[[], FakeServer]


class World:
    """Servers by address, a clock, and a relay between them.

    Args:
        servers: what makes the server of each connection to an address; one server is
            the server of ``mx.example.test`` at 192.0.2.1.
        zone: the DNS, if it is another.
        routes: what does not go by MX.
        policies: what domains ask for; None: nothing.
        clock: of it; None: one of its own.
    """

    def __init__(
        self,
        servers: dict[str, Make] | Make,
        zone: Zone | None = None,
        routes: Routes | None = None,
        policies: ITLSPolicies | None = None,
        clock: Clock | None = None,
    ) -> None:
        self.clock = clock or Clock()
        self.servers = servers if isinstance(servers, dict) else {"192.0.2.1": servers}
        self.resolver = TableResolver(
            zone
            if zone is not None
            else {
                ("example.test", RecordType.MX): [MX(10, "mx.example.test")],
                ("mx.example.test", RecordType.A): ["192.0.2.1"],
            }
        )
        self.dialed: list[str] = []
        self.connected: list[FakeServer] = []
        self.around = Environment(
            self.clock, self.now, Sweep(self.clock), TRUST, inline
        )
        exchangers = Exchangers(
            self.resolver, "us.test", {"203.0.113.1"}, self.clock.seconds
        )
        caller = Caller("us.test", lambda: "nonce", lambda hops: None)
        sessions = Sessions(self.around, self.dial, exchangers, caller)
        self.relay = Relay(
            self.around, sessions, routes or Routes(), policies or NoPolicies()
        )

    def now(self) -> float:
        """Seconds since the epoch."""
        return EPOCH + self.clock.seconds()

    def dial(
        self, address: str, port: int, protocol: Any, seconds: float, source: str
    ) -> Deferred[None]:
        """Connect to a server, or refuse."""
        del port, seconds, source
        self.dialed.append(address)
        connected: Deferred[None] = Deferred()
        make = self.servers.get(address)
        if make is None:
            connected.errback(error.ConnectionRefusedError())
            return connected
        server = make()
        self.connected.append(server)
        pipe = Pipe(protocol, server)
        connected.callback(None)
        protocol.makeConnection(pipe)
        server.connect(pipe)
        return connected

    def carry(
        self,
        *names: str,
        content: bytes | IContent = MESSAGE,
        seconds: int = 0,
        destination: str = "example.test",
        **changes: Any,
    ) -> Sequence[Attempt]:
        """One attempt, for as long as it takes."""
        told: list[Any] = []
        consignment = self.consignment(
            names or ("bob",), content, destination, **changes
        )
        run(self.relay.carry(consignment), told.append, told.append)
        for _ in range(3600 if not told else 0):
            self.clock.advance(1)
            seconds += 1
            if told:
                break
        self.seconds = seconds
        if not told:
            raise AssertionError("it takes more than an hour")
        if isinstance(told[0], BaseException):
            raise told[0]
        attempts: Sequence[Attempt] = told[0]
        return attempts

    def consignment(
        self,
        names: Sequence[str],
        content: bytes | IContent,
        destination: str = "example.test",
        **changes: Any,
    ) -> Consignment:
        """From alice, to these local parts or whole addresses."""
        body = MemoryContent(content) if isinstance(content, bytes) else content
        values: dict[str, Any] = {
            "id": "id1",
            "reverse_path": Address("alice", "us.test"),
            "recipients": [Recipient(address_of(name)) for name in names],
            "peer": Peer("127.0.0.1"),
            "helo": "client",
            "protocol": "ESMTP",
            "received_at": EPOCH,
        }
        envelope = Envelope(**{**values, **changes})
        eight_bit = isinstance(content, bytes) and not content.isascii()
        entry = Entry(envelope, body.size_octets, eight_bit, EPOCH)
        places = list(range(len(envelope.recipients)))
        return Consignment(entry, places, Destination(destination), body)


def address_of(name: str) -> Address:
    """``bob``, or ``bob@example.net``."""
    local_part, _, domain = name.partition("@")
    return Address(local_part, domain or "example.test")


def outcomes(attempts: Sequence[Attempt]) -> list[tuple[str, str]]:
    """What tests compare: outcome and status."""
    return [(attempt.outcome.value, attempt.status) for attempt in attempts]


def finish(awaitable: Awaitable[T]) -> T:
    """The result of what does not wait."""
    told: list[Any] = []
    run(cast(Coroutine[Any, Any, T], awaitable), told.append, told.append)
    if not told:
        raise AssertionError("it waits")
    if isinstance(told[0], BaseException):
        raise told[0]
    result: T = told[0]
    return result

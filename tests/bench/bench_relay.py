"""How much CPU the relay spends on a message, beside a server in another process.

    python -m tests.bench.bench_relay [messages]

The server is a few lines without any check, in its own process, so that only the
relay's CPU is counted. Prints microseconds of CPU a message, over connections that are
used again: for a server with CHUNKING, with PIPELINING alone, and with neither.
"""

from __future__ import annotations

import os
import signal
import socket
import sys
import threading
import time
from typing import Any

from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.main import installReactor

from mailapp.app.reactor import MailReactor
from mailapp.core.address import Address
from mailapp.core.envelope import Envelope, Recipient
from mailapp.core.peer import Peer
from mailapp.net.client_tls import ClientTLS
from mailapp.net.records import MX, RecordType
from mailapp.net.threads import inline
from mailapp.queue.interfaces import Consignment
from mailapp.queue.types import Destination, Entry, Outcome
from mailapp.relay.compose import make_relay
from mailapp.relay.conversion import MemoryContent
from mailapp.relay.exchange import Relay
from mailapp.relay.routes import Routes
from tests.table_resolver import TableResolver, Zone

EXTENSIONS = {
    "chunked": (b"PIPELINING", b"CHUNKING", b"8BITMIME"),
    "pipelined": (b"PIPELINING", b"8BITMIME"),
    "lockstep": (b"8BITMIME",),
}
BODY = (
    b"From: <a@us.test>\r\nTo: <b@x.test>\r\nSubject: bench\r\n\r\n"
    + (b"x" * 76 + b"\r\n") * 50
)
PARALLEL = 10


def serve(client: socket.socket, extensions: tuple[bytes, ...]) -> None:
    """One session: every command is fine."""
    client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    client.sendall(b"220 sink\r\n")
    buffer = b""
    while True:
        line, end, rest = buffer.partition(b"\r\n")
        replies = b""
        while end:
            verb = line[:4]
            if verb == b"EHLO":
                replies += b"250-sink\r\n"
                replies += b"".join(b"250-%b\r\n" % e for e in extensions)
                replies += b"250 HELP\r\n"
            elif verb == b"BDAT":
                while len(rest) < int(line.split()[1]):
                    rest += client.recv(65536)
                rest = rest[int(line.split()[1]) :]
                replies += b"250 2.0.0 taken\r\n"
            elif verb == b"DATA":
                client.sendall(replies + b"354 go\r\n")
                while not rest.endswith(b"\r\n.\r\n"):
                    rest += client.recv(65536)
                rest, replies = b"", b"250 2.0.0 taken\r\n"
            else:
                replies += b"250 2.0.0 fine\r\n"
            line, end, rest = rest.partition(b"\r\n")
        if replies:
            client.sendall(replies)
        octets = client.recv(65536)
        if not octets:
            return
        buffer = line + octets


def start(extensions: tuple[bytes, ...]) -> tuple[int, int]:
    """A server in a process of its own: its id and its port."""
    listener = socket.create_server(("127.0.0.1", 0))
    port: int = listener.getsockname()[1]
    child = os.fork()
    if child:
        listener.close()
        return child, port
    while True:
        client, _ = listener.accept()
        threading.Thread(target=serve, args=(client, extensions), daemon=True).start()


async def send(relay: Relay, count: int) -> None:
    """As one lane of the queue does."""
    envelope = Envelope(
        "id1",
        Address("a", "us.test"),
        [Recipient(Address("b", "example.test"))],
        Peer("127.0.0.1"),
        "client",
        "ESMTP",
        0.0,
    )
    entry = Entry(envelope, len(BODY), eight_bit=False, queued_at=0.0)
    for _ in range(count):
        consignment = Consignment(
            entry, [0], Destination("example.test"), MemoryContent(BODY)
        )
        attempts = await relay.carry(consignment)
        if attempts[0].outcome is not Outcome.RELAYED:
            raise AssertionError(attempts)


async def measure(reactor: Any, port: int, count: int) -> tuple[float, float]:
    """Microseconds of CPU and of time, a message."""
    zone: Zone = {
        ("example.test", RecordType.MX): [MX(10, "mx.example.test")],
        ("mx.example.test", RecordType.A): ["127.0.0.1"],
    }
    relay = make_relay(
        reactor,
        TableResolver(zone),
        Routes(),
        "us.test",
        tls=ClientTLS(),
        in_thread=inline,
        now=time.time,
        nonce=lambda: "nonce",
        port=port,
    )
    lanes = [Deferred.fromCoroutine(send(relay, 10)) for _ in range(PARALLEL)]
    await gatherResults(lanes)
    cpu, begun = time.process_time(), time.perf_counter()
    share = count // PARALLEL
    lanes = [Deferred.fromCoroutine(send(relay, share)) for _ in range(PARALLEL)]
    await gatherResults(lanes)
    total = share * PARALLEL
    spent = time.process_time() - cpu, time.perf_counter() - begun
    relay.close()
    return spent[0] / total * 1e6, spent[1] / total * 1e6


def main() -> None:
    """Measure and print."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 5000
    servers = {name: start(extensions) for name, extensions in EXTENSIONS.items()}
    reactor: Any = MailReactor()
    installReactor(reactor)

    async def all_of_them() -> None:
        for name, (_, port) in servers.items():
            cpu, wall = await measure(reactor, port, count)
            print(f"{name:12}{cpu:8.1f} us CPU {wall:8.1f} us")  # noqa: T201

    def ended(result: Any) -> None:
        if result is not None:
            result.printTraceback()
        reactor.callLater(0.2, reactor.stop)

    _ = Deferred.fromCoroutine(all_of_them()).addBoth(ended)
    reactor.run()
    for child, _ in servers.values():
        os.kill(child, signal.SIGKILL)


if __name__ == "__main__":
    main()

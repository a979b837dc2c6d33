"""What the driver costs per command, as ratios.

Run it as ``python -m tests.bench.bench_driver``. Two figures:

* in memory: a command through the driver, against the same calls made by hand;
* over the loopback: server CPU of a lockstep client, against a bare ``epoll`` echo, for
  Twisted's own transport and for ours, in clear and with TLS.
"""

from __future__ import annotations

import os
import resource
import select
import socket
import ssl
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from typing import Any

from twisted.internet import tcp
from twisted.internet.epollreactor import EPollReactor
from twisted.internet.protocol import Protocol, ServerFactory
from twisted.internet.task import Clock

from mailapp.core.connection import NEED_DATA
from mailapp.core.peer import TLS, Peer
from mailapp.net.driver import DriverFactory
from mailapp.net.listeners import Place, adopt, open_listener
from mailapp.net.surroundings import Surroundings
from mailapp.net.sweep import Sweep
from mailapp.net.tls import CertificateFiles, ServerTLS
from tests.certificates import make_cert

ROUNDS = 20_000
LINE = b"NOOP\r\n"


class _Connection:
    """As little as a connection can do."""

    timeout = 60.0
    minimum_rate = 0.0
    buffered = 0
    wants_tls = False
    wants_close = False
    line = b""

    def receive(self, octets: bytes) -> None:
        self.line = octets

    def next_event(self) -> Any:
        line, self.line = self.line, b""
        return line or NEED_DATA

    def send(self, answer: bytes) -> Sequence[bytes]:
        return (answer,)

    def tls_started(self) -> None: ...

    def receive_eof(self) -> None: ...

    def time_out(self) -> Sequence[bytes]:
        return ()

    dismiss = fail = drain = time_out


class _Session:
    async def respond(self, event: bytes) -> bytes:
        return event

    def tls_started(self, tls: TLS) -> None: ...

    def closed(self) -> None: ...


def _compose(_peer: Peer) -> Any:
    return _Connection(), _Session()


class _Sink:
    """A transport that takes all."""

    disconnecting = False

    def write(self, octets: bytes) -> None: ...

    def registerProducer(self, *_: Any) -> None: ...  # noqa: N802

    def getPeer(self) -> Any:  # noqa: N802
        return self

    getHost = getPeer  # noqa: N815


def _seconds(function: Callable[[], object]) -> float:
    best = 1e9
    for _ in range(5):
        begun = time.process_time()
        function()
        best = min(best, time.process_time() - begun)
    return best / ROUNDS * 1e6


def in_memory() -> None:
    """Microseconds per command."""
    clock = Clock()
    clock.seconds = time.monotonic  # type: ignore[method-assign]
    factory = DriverFactory(_compose, Surroundings(clock=clock, sweep=Sweep(Clock())))
    driver: Any = factory.buildProtocol(None)
    driver.makeConnection(_Sink())
    connection, session, sink = _Connection(), _Session(), _Sink()

    def by_hand() -> None:
        for _ in range(ROUNDS):
            connection.receive(LINE)
            while (event := connection.next_event()) is not NEED_DATA:
                try:
                    session.respond(event).send(None)
                except StopIteration as stop:
                    sink.write(b"".join(connection.send(stop.value)))

    def driven() -> None:
        for _ in range(ROUNDS):
            driver.dataReceived(LINE)

    hand, drive = _seconds(by_hand), _seconds(driven)
    print(f"in memory: {drive:.2f} us a command, {hand:.2f} by hand: "  # noqa: T201
          f"the driver adds {drive - hand:.2f} us")  # fmt: skip


def _echo(listener: socket.socket) -> None:
    """The baseline: nothing but system calls."""
    poll = select.epoll()
    listener.settimeout(None)
    peers = {}
    peer, _ = listener.accept()
    peers[peer.fileno()] = peer
    poll.register(peer, select.EPOLLIN)
    while True:
        for descriptor, _ in poll.poll():
            octets = peers[descriptor].recv(65536)
            if not octets:
                return
            peers[descriptor].send(octets)


class _EchoProtocol(Protocol):
    def dataReceived(self, data: bytes) -> None:
        self.transport.write(data)  # type: ignore[union-attr]


def _serve(listener: socket.socket, kind: str, files: CertificateFiles) -> None:
    reactor: Any = EPollReactor()
    around = Surroundings(
        clock=reactor,
        sweep=Sweep(reactor),
        tls=ServerTLS([files], b"bench"),
        implicit_tls="tls" in kind,
    )
    factory: Any = DriverFactory(_compose, around)
    if kind == "twisted echo":
        factory = ServerFactory.forProtocol(_EchoProtocol)
    port: Any = adopt(reactor, listener.detach(), factory)
    if "queued" in kind or kind == "twisted echo":
        port.transport = tcp.Server
    connections = factory.buildProtocol

    def build(address: Any) -> Any:
        made = connections(address)
        lost = made.connectionLost

        def stop(reason: Any) -> None:
            lost(reason)
            reactor.callLater(0, reactor.stop)

        made.connectionLost = stop
        return made

    factory.buildProtocol = build
    reactor.run(installSignalHandlers=False)


def _lockstep(kind: str, files: CertificateFiles) -> float:
    """Server CPU per command in microseconds."""
    listener = open_listener(Place("127.0.0.1"))
    address = listener.getsockname()
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    child = os.fork()
    if not child:
        try:
            if kind == "echo":
                _echo(listener)
            else:
                _serve(listener, kind, files)
        finally:
            os._exit(0)
    listener.close()
    with socket.create_connection(address) as plain:
        client: socket.socket = plain
        if "tls" in kind:
            context = ssl.create_default_context(cafile=files.chain)
            client = context.wrap_socket(plain, server_hostname="localhost")
        for _ in range(ROUNDS):
            client.sendall(LINE)
            client.recv(65536)
        client.close()
    os.waitpid(child, 0)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    used = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return used / ROUNDS * 1e6


def loopback() -> None:
    """Ratios of server CPU."""
    with tempfile.TemporaryDirectory() as folder:
        made = make_cert(["localhost"], folder)
        files = CertificateFiles(str(made.chain), str(made.key))
        kinds = ["echo", "twisted echo", "driver queued", "driver", "driver tls"]
        best = {kind: min(_lockstep(kind, files) for _ in range(3)) for kind in kinds}
    for kind, cost in best.items():
        print(f"{kind:18} {cost:6.1f} us = {cost / best['echo']:.2f} x raw echo")  # noqa: T201


if __name__ == "__main__":
    in_memory()
    loopback()
    sys.exit()

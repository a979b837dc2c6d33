"""Listening sockets, and the transport that writes at once."""

from __future__ import annotations

import os
import shutil
import socket
import stat
import tempfile
from pathlib import Path
from typing import Any

from twisted.internet import reactor as _reactor  # noqa: TID251, TID253 - real sockets
from twisted.internet.defer import Deferred
from twisted.internet.protocol import Protocol, ServerFactory, connectionDone
from twisted.internet.task import Clock
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase, TestCase

from mailapp.net.listeners import CannotListen, Place, _Patience, adopt, open_listener
from mailapp.net.transport import WriteThroughServer
from tests.rows import rows, tabled
from tests.threats import threat

reactor: Any = _reactor


@tabled
class OpenTests(SynchronousTestCase):
    """Sockets are as they were asked for."""

    def open(self, *place: Any, **options: Any) -> socket.socket:
        """Open, and close at the end."""
        listener = open_listener(Place(*place), **options)
        self.addCleanup(listener.close)
        return listener

    @rows(
        v4=("127.0.0.1", 25, "127.0.0.1:25"),
        v6=("::1", 25, "[::1]:25"),
        path=("/run/lmtp", 0, "/run/lmtp"),
    )
    def test_text(self, host: str, port: int, text: str) -> None:
        """As people write them."""
        self.assertEqual(str(Place(host, port)), text)

    def test_address(self) -> None:
        """Not blocking, not inherited, without delay."""
        listener = self.open("127.0.0.1")
        self.assertFalse(listener.getblocking())
        self.assertFalse(os.get_inheritable(listener.fileno()))
        self.assertTrue(listener.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))

    def test_shared(self) -> None:
        """With SO_REUSEPORT many may listen on one port."""
        first = self.open("127.0.0.1", 0, share=True)
        self.open("127.0.0.1", first.getsockname()[1], share=True)

    def test_in_use(self) -> None:
        """The text says where and why."""
        port = self.open("127.0.0.1").getsockname()[1]
        problem = self.assertRaises(CannotListen, self.open, "127.0.0.1", port)
        self.assertIn(f"127.0.0.1:{port}", str(problem))
        self.assertIn("another program listens there", str(problem))

    def test_not_ours(self) -> None:
        """An address of another host is refused by the kernel."""
        problem = self.assertRaises(CannotListen, self.open, "192.0.2.1", 0)
        self.assertIn("192.0.2.1:0", str(problem))

    def test_both_families(self) -> None:
        """``::`` takes IPv4 too; other IPv6 addresses do not."""
        if not Path("/proc/net/if_inet6").exists():
            self.skipTest("no IPv6 here")
        both, only = self.open("::"), self.open("::1")
        option = socket.IPPROTO_IPV6, socket.IPV6_V6ONLY
        self.assertEqual((both.getsockopt(*option), only.getsockopt(*option)), (0, 1))

    def test_path(self) -> None:
        """It has its mode; one that was left behind is replaced, one in use is not."""
        folder = tempfile.mkdtemp()  # a socket's path may have 107 octets
        self.addCleanup(shutil.rmtree, folder)
        path = f"{folder}/lmtp"
        self.open(path, 0, 0o600).close()
        listener = self.open(path, 0, 0o620)
        self.assertEqual(stat.S_IMODE(os.stat(path).st_mode), 0o620)
        self.assertRaises(CannotListen, self.open, path)
        listener.close()

    def test_path_of_a_link(self) -> None:
        """A link is not followed, and not replaced."""
        folder = tempfile.mkdtemp()
        self.addCleanup(shutil.rmtree, folder)
        path, target = f"{folder}/link", f"{folder}/target"
        self.open(target)
        os.symlink(target, path)
        self.assertRaises(CannotListen, self.open, path)
        self.assertTrue(os.path.islink(path))

    def test_path_replaced(self) -> None:
        """At no moment the path is without a socket; nothing else is left there."""
        folder = tempfile.mkdtemp()
        self.addCleanup(shutil.rmtree, folder)
        path = f"{folder}/lmtp"
        self.open(path).close()
        left = os.lstat(path).st_ino
        self.open(path)
        self.assertNotEqual(os.lstat(path).st_ino, left)
        self.assertFalse(len(os.listdir(folder)) > 1)
        with socket.socket(socket.AF_UNIX) as client:
            client.connect(path)

    def test_path_of_a_file(self) -> None:
        """A file that is no socket is never removed."""
        path = Path(os.path.abspath(self.mktemp()))
        path.write_text("precious")
        self.assertRaises(CannotListen, self.open, str(path))
        self.assertEqual(path.read_text(), "precious")


class _Port:
    connected = True
    disconnecting = False

    def __init__(self) -> None:
        self.calls: list[str] = []

    def getHost(self) -> str:  # noqa: N802
        return "port"

    def stopReading(self) -> None:  # noqa: N802
        self.calls.append("stop")

    def startReading(self) -> None:  # noqa: N802
        self.calls.append("start")


class PatienceTests(SynchronousTestCase):
    """Accepting fails."""

    @threat(126)
    def test_pause(self) -> None:
        """No more is accepted for a second, and one line says so."""
        clock, port = Clock(), _Port()
        patience = _Patience(clock, port)
        for _ in range(3):
            patience({"acceptError": "ENFILE"})
            clock.advance(1)
        self.assertEqual(port.calls, ["stop", "start"] * 3)

    @threat(126)
    def test_closed_meanwhile(self) -> None:
        """A port that is gone is left alone."""
        clock, port = Clock(), _Port()
        _Patience(clock, port)({"acceptError": "ENFILE"})
        port.connected = False
        clock.advance(1)
        self.assertEqual(port.calls, ["stop"])


class _Writer(Protocol):
    """Does what the test says, and tells when it is over."""

    def __init__(self) -> None:
        self.gone: Deferred[None] = Deferred()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self.gone.callback(None)


class WriteThroughTests(TestCase):
    """Write at once what can be written at once."""

    timeout = 20

    async def connect(self) -> tuple[Any, socket.socket]:
        """A server transport and the client's end of it."""
        made: Deferred[Any] = Deferred()
        factory = ServerFactory()
        factory.noisy = False
        writer = _Writer()

        def build(_address: object) -> Protocol:
            reactor.callLater(0, made.callback, writer)
            return writer

        factory.buildProtocol = build  # type: ignore[method-assign,assignment]
        listener = open_listener(Place("127.0.0.1"))
        client = socket.create_connection(listener.getsockname())
        self.addCleanup(client.close)
        port: Any = adopt(reactor, listener.detach(), factory)
        self.addCleanup(port.stopListening)
        await made
        self.assertIsInstance(writer.transport, WriteThroughServer)
        return writer, client

    async def test_at_once(self) -> None:
        """The octets are on their way before the call returns."""
        writer, client = await self.connect()
        writer.transport.write(b"hello")
        self.assertEqual(client.recv(10), b"hello")
        self.assertEqual(writer.transport.octets_sent, 5)
        writer.transport.abortConnection()
        await writer.gone

    async def test_order(self) -> None:
        """What the kernel does not take waits, and what follows waits behind it."""
        writer, client = await self.connect()
        octets = os.urandom(1024) * 8192
        writer.transport.write(octets)
        self.assertLess(writer.transport.octets_sent, len(octets))
        writer.transport.write(b"last")
        writer.transport.loseConnection()
        writer.transport.write(b" word")
        received = bytearray()
        client.setblocking(False)  # noqa: FBT003
        while not writer.gone.called:
            turn: Deferred[None] = Deferred()
            reactor.callLater(0, turn.callback, None)
            await turn
            try:
                received += client.recv(1 << 20)
            except BlockingIOError:
                continue
        client.settimeout(5)
        while more := client.recv(1 << 20):
            received += more
        self.assertEqual(bytes(received), octets + b"last word")

    async def test_pull_producer(self) -> None:
        """One that is asked for more is asked, although nothing was queued."""
        writer, client = await self.connect()
        transport = writer.transport
        pieces = [b"c", b"b", b"a"]

        class Producer:
            def resumeProducing(self) -> None:  # noqa: N802
                transport.write(pieces.pop())
                if not pieces:
                    transport.unregisterProducer()
                    transport.loseConnection()

            def stopProducing(self) -> None: ...  # noqa: N802

        transport.registerProducer(Producer(), False)  # noqa: FBT003
        await writer.gone
        self.assertEqual(client.recv(10), b"abc")

    async def test_broken_pipe(self) -> None:
        """A peer that is gone is found out later, not in the write."""
        writer, client = await self.connect()
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        client.close()
        for _ in range(3):
            writer.transport.write(b"anybody there?")
        await writer.gone
        writer.transport.write(b"nobody")

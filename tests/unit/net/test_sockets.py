"""The driver over real sockets of the loopback interface, in clear and with TLS.

The client is a plain blocking socket in a thread: nothing of ours is on its side.
"""

from __future__ import annotations

import os
import resource
import socket
import ssl
import struct
import time
from collections.abc import Callable
from ipaddress import ip_network
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from twisted.internet import reactor as _reactor  # noqa: TID251, TID253 - real sockets
from twisted.internet.defer import Deferred
from twisted.internet.threads import deferToThread
from twisted.trial.unittest import TestCase

from mailapp.net.driver import DriverFactory
from mailapp.net.limits import Admission
from mailapp.net.listeners import Place, adopt, open_listener
from mailapp.net.surroundings import Surroundings
from mailapp.net.sweep import Sweep
from mailapp.net.tls import CertificateFiles, ServerTLS
from tests.certificates import Authority, make_ca, make_cert
from tests.threats import threat
from tests.unit.net.toy import CHUNK, Toys

reactor: Any = _reactor

_folder = TemporaryDirectory()
_ca: Authority = make_ca(_folder.name)
_cert = make_cert(["mail.example.test"], _folder.name, _ca)
_files = CertificateFiles(str(_cert.chain), str(_cert.key))


class _Client:
    """Blocking, with a buffer."""

    def __init__(self, address: Any) -> None:
        unix = isinstance(address, str)
        self.socket = socket.socket(socket.AF_UNIX if unix else socket.AF_INET)
        self.socket.settimeout(10)
        self.socket.connect(address)
        self.buffer = b""

    def say(self, octets: bytes) -> None:
        self.socket.sendall(octets)

    def read(self, end: bytes = b"\r\n") -> bytes:
        while end not in self.buffer:
            octets = self.socket.recv(65536)
            if not octets:
                return self.buffer
            self.buffer += octets
        line, _, self.buffer = self.buffer.partition(end)
        return line

    def read_all(self) -> bytes:
        pieces = [self.buffer]
        try:
            while piece := self.socket.recv(65536):
                pieces.append(piece)
        except OSError:
            pass
        return b"".join(pieces)

    def secure(self, **options: Any) -> None:
        context = ssl.create_default_context(cafile=str(_ca.path))
        alpn = options.pop("alpn", None)
        if alpn:
            context.set_alpn_protocols(alpn)
        for name, value in options.items():
            setattr(context, name, value)
        self.socket = context.wrap_socket(
            self.socket, server_hostname="mail.example.test"
        )


class _SocketCase(TestCase):
    timeout = 30

    def setUp(self) -> None:
        self.sweep = Sweep(reactor, 0.1)
        self.addCleanup(self.sweep.stop)
        self.toys = Toys()
        self.tls = ServerTLS([_files], b"toy", (b"toy",))

    def listen(self, place: Place | None = None, **options: Any) -> Any:
        around = Surroundings(clock=reactor, sweep=self.sweep, tls=self.tls, **options)
        self.factory = DriverFactory(self.toys, around)
        listener = open_listener(place or Place("127.0.0.1"))
        self.address = listener.getsockname()
        self.port: Any = adopt(reactor, listener.detach(), self.factory)
        self.addCleanup(self._stop)

    def _stop(self) -> Deferred[None]:
        def gone(_: object) -> Deferred[None]:
            drained = self.factory.drain()
            self.factory.abort_all()
            return drained

        stopped: Deferred[None] = self.port.stopListening()
        return stopped.addCallback(gone)

    def play(self, scene: Callable[[_Client], Any]) -> Deferred[Any]:
        """Run a scene in a thread with a new client."""

        def run() -> Any:
            client = _Client(self.address)
            try:
                return scene(client)
            finally:
                client.socket.close()

        return deferToThread(run)


class ClearTests(_SocketCase):
    """Without TLS."""

    async def test_conversation(self) -> None:
        """Commands in, replies out, and a clean end."""
        self.listen()

        def scene(client: _Client) -> list[bytes]:
            client.say(b"ECHO a\r\nECHO b\r\n")
            said = [client.read(), client.read(), client.read()]
            client.say(b"QUIT\r\n")
            return [*said, client.read(), client.read()]

        self.assertEqual(await self.play(scene), [b"hello", b"a", b"b", b"bye", b""])

    async def test_unix_socket(self) -> None:
        """The same over a path, whose peer is the local host."""
        path = str(Path(_folder.name, "toy.sock"))
        self.listen(Place(path, mode=0o600))
        self.assertEqual(os.stat(path).st_mode & 0o777, 0o600)

        def scene(client: _Client) -> bytes:
            client.say(b"QUIT\r\n")
            return client.read_all()

        self.assertEqual(await self.play(scene), b"hello\r\nbye\r\n")
        self.assertEqual(self.toys.session.peer.address, "127.0.0.1")

    async def test_no_delay(self) -> None:
        """Accepted sockets do not wait for acknowledgements before they send."""
        self.listen()
        flags: list[bool] = []

        def scene(client: _Client) -> None:
            client.read()
            reactor.callFromThread(
                lambda: flags.extend(
                    d.transport.getTcpNoDelay() for d in self.factory._register.present
                )
            )
            client.say(b"QUIT\r\n")
            client.read_all()

        await self.play(scene)
        self.assertEqual(flags, [True])

    @threat(62)
    async def test_stream_to_a_slow_reader(self) -> None:
        """50 MB go out whole, and are not gathered while the peer does not read."""
        self.listen()
        queued: list[int] = []

        def look() -> None:
            for driver in self.factory._register.present:
                transport: Any = driver.transport
                queued.append(len(transport.dataBuffer) + transport._tempDataLen)

        def scene(client: _Client) -> int:
            client.say(b"SEND 800\r\nECHO after\r\n")
            time.sleep(0.3)
            reactor.callFromThread(look)
            client.read()
            client.say(b"QUIT\r\n")
            return len(client.read_all())

        received = await self.play(scene)
        self.assertEqual(received, 1 + 800 * len(CHUNK) + len(b">\r\nafter\r\nbye\r\n"))
        self.assertLess(queued[0], 4 * 65536)

    @threat(62)
    async def test_pipelining_without_reading(self) -> None:
        """A peer that sends and never reads is stopped, then dropped."""
        self.listen(write_timeout=1.0)

        def scene(client: _Client) -> bool:
            client.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            line = b"ECHO " + b"x" * 5000 + b"\r\n"
            client.socket.settimeout(5)
            try:
                for _ in range(20_000):
                    client.say(line)
            except TimeoutError:
                return False
            except OSError:
                return True
            return False

        self.assertTrue(await self.play(scene))

    @threat(38)
    async def test_reset_in_the_middle(self) -> None:
        """A peer that vanishes ends the session, once; what was begun is dropped."""
        self.listen()

        def scene(client: _Client) -> None:
            client.read()
            client.say(b"BULK\r\nhalf a message")
            client.read()
            client.socket.setsockopt(
                socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0)
            )

        await self.play(scene)
        await self.until(lambda: self.toys.session.closings)
        self.assertEqual(self.toys.session.closings, 1)
        self.assertNotIn(b"DONE", self.toys.session.said)

    async def until(self, condition: Callable[[], object]) -> None:
        """Let the reactor turn until something is so."""
        while not condition():
            turn: Deferred[None] = Deferred()
            reactor.callLater(0.01, turn.callback, None)
            await turn


class TLSTests(_SocketCase):
    """With it."""

    async def test_starttls(self) -> None:
        """The session learns version and bindings, the connection forgets."""
        self.listen()

        def scene(client: _Client) -> tuple[bytes, bytes, bytes | None]:
            client.read()
            client.say(b"TLS\r\n")
            go_ahead = client.read()
            client.secure()
            client.say(b"ECHO safe\r\n")
            safe = client.read()
            client.say(b"QUIT\r\n")
            client.read_all()
            return go_ahead, safe, None

        self.assertEqual((await self.play(scene))[:2], (b"go ahead", b"safe"))
        tls = self.toys.session.tls
        assert tls is not None
        self.assertEqual(tls.version, "TLSv1.3")
        self.assertEqual(tls.server_name, "mail.example.test")
        self.assertEqual(self.toys.connection.told, ["tls"])

    async def test_implicit(self) -> None:
        """The greeting comes after the handshake; the peer is known to be secure."""
        self.listen(implicit_tls=True)

        def scene(client: _Client) -> bytes:
            client.secure(alpn=["other", "toy"])
            hello = client.read()
            client.say(b"QUIT\r\n")
            return hello + client.read_all()

        self.assertEqual(await self.play(scene), b"hellobye\r\n")
        self.assertIsNotNone(self.toys.session.peer.tls)

    @threat(7)
    async def test_injected_octets_never_cross(self) -> None:
        """In one segment, or one octet later: a clear command is never answered."""
        self.listen()
        answers = []
        for cut in range(12):

            def scene(client: _Client, cut: int = cut) -> bytes:
                octets = b"TLS\r\nECHO injected\r\n"
                client.read()
                for piece in (octets[: 5 + cut], octets[5 + cut :]):
                    client.say(piece)
                    time.sleep(0.02)
                return client.read_all()

            answers.append(await self.play(scene))
        self.assertNotIn(b"injected", b"".join(answers))
        self.assertIn(b"refused", answers[-1])
        self.assertNotIn(b"ECHO", b"".join(b"".join(s.said) for _, s in self.toys.made))

    @threat(32)
    async def test_http_on_the_tls_port(self) -> None:
        """It is a failed handshake: closed, and nothing of it comes back."""
        self.listen(implicit_tls=True)

        def scene(client: _Client) -> bytes:
            client.say(b"GET /<script> HTTP/1.1\r\nHost: a\r\n\r\n")
            return client.read_all()

        answer = await self.play(scene)
        self.assertNotIn(b"script", answer)
        self.assertLess(len(answer), 16)
        self.assertEqual(self.toys.made, [])

    @threat(32)
    async def test_foreign_application_protocol(self) -> None:
        """A client that speaks only HTTP/2 is refused in the handshake."""
        self.listen(implicit_tls=True)

        def scene(client: _Client) -> str:
            try:
                client.secure(alpn=["h2", "http/1.1"])
                client.read()
            except ssl.SSLError as error:
                return repr(error)
            return ""

        self.assertIn("no application protocol", await self.play(scene))

    @threat(31)
    async def test_old_versions(self) -> None:
        """TLS 1.1 is refused, TLS 1.2 is not."""
        self.listen(implicit_tls=True)

        def scene(version: ssl.TLSVersion) -> Callable[[_Client], str]:
            def play(client: _Client) -> str:
                try:
                    client.secure(
                        minimum_version=ssl.TLSVersion.TLSv1,
                        maximum_version=version,
                    )
                    client.read()
                    return str(client.socket.version())  # type: ignore[attr-defined]
                except ssl.SSLError:
                    return "refused"

            return play

        new = await self.play(scene(ssl.TLSVersion.TLSv1_2))
        old = await self.play(scene(ssl.TLSVersion.TLSv1_1))
        self.assertEqual((new, old), ("TLSv1.2", "refused"))

    @threat(35)
    async def test_half_handshakes(self) -> None:
        """200 peers that never finish harm nobody, and are dropped in time."""
        self.listen(implicit_tls=True, handshake_timeout=1.0)

        def scene(client: _Client) -> tuple[bytes, float, list[bytes]]:
            half = [_Client(self.address) for _ in range(200)]
            for one in half:
                one.say(b"\x16\x03\x01\x02\x00\x01")
            begun = time.monotonic()
            client.secure()
            hello = client.read()
            took = time.monotonic() - begun
            ends = [one.read_all() for one in half]
            for one in half:
                one.socket.close()
            return hello, took, ends

        hello, took, ends = await self.play(scene)
        self.assertEqual(hello, b"hello")
        self.assertLess(took, 1)
        self.assertEqual(set(ends), {b""})
        self.assertEqual(len(self.toys.made), 1)

    @threat(62)
    async def test_stream(self) -> None:
        """Flow control holds through TLS too, both ways."""
        self.listen()

        def scene(client: _Client) -> int:
            client.read()
            client.say(b"TLS\r\n")
            client.read()
            client.secure()
            client.say(b"SEND 200\r\n" + b"ECHO x\r\n" * 20_000 + b"QUIT\r\n")
            time.sleep(0.2)
            return len(client.read_all())

        expected = 1 + 200 * len(CHUNK) + len(b">\r\n") + 3 * 20_000 + len(b"bye\r\n")
        self.assertEqual(await self.play(scene), expected)

    async def test_behind_a_proxy(self) -> None:
        """PROXY in clear, then TLS, in one segment."""
        self.listen(implicit_tls=True, proxy_from=[ip_network("127.0.0.0/8")])

        def scene(client: _Client) -> bytes:
            client.say(b"PROXY TCP6 2001:db8::1 2001:db8::2 1 2\r\n")
            client.secure()
            return client.read()

        self.assertEqual(await self.play(scene), b"hello")
        self.assertEqual(self.toys.session.peer.address, "2001:db8::1")


class ExhaustionTests(_SocketCase):
    """Too many peers."""

    @threat(125)
    async def test_flood(self) -> None:
        """A thousand connections from one address do not keep out another."""
        self.listen(
            admission=Admission(
                reactor, per_address=10, trusted=[ip_network("127.0.0.1/32")]
            ),
            refusal=b"421 full\r\n",
        )

        def scene(client: _Client) -> tuple[bytes, float, int]:
            flood = []
            for _ in range(1000):
                one = socket.socket()
                one.bind(("127.0.0.2", 0))
                one.connect(self.address)
                flood.append(one)
            begun = time.monotonic()
            hello = client.read()
            other = _Client(self.address)
            hello += other.read()
            took = time.monotonic() - begun
            other.socket.close()
            for one in flood:
                one.close()
            return hello, took, len(self.toys.made)

        hello, took, served = await self.play(scene)
        self.assertEqual(hello, b"hellohello")
        self.assertLess(took, 1)
        self.assertLessEqual(served, 12)

    @threat(126)
    async def test_no_descriptors_left(self) -> None:
        """Who is connected goes on; when others leave, new ones get in again."""
        self.listen()
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        self.addCleanup(resource.setrlimit, resource.RLIMIT_NOFILE, (soft, hard))

        def scene(client: _Client) -> tuple[bytes, bytes]:
            client.read()
            others = [socket.socket() for _ in range(20)]
            used = max(int(fd) for fd in os.listdir("/proc/self/fd"))
            resource.setrlimit(resource.RLIMIT_NOFILE, (used + 5, hard))
            for one in others:
                one.connect(self.address)
            time.sleep(0.2)
            client.say(b"ECHO alive\r\n")
            alive = client.read()
            for one in others:
                one.close()
            time.sleep(0.2)
            return alive, _Client(self.address).read()

        self.assertEqual(await self.play(scene), (b"alive", b"hello"))

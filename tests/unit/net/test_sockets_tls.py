"""TLS on real sockets of the loopback interface."""

from __future__ import annotations

import ssl
import time
from collections.abc import Callable
from ipaddress import ip_network

from twisted.internet.threads import blockingCallFromThread

from tests.rows import rows, tabled
from tests.threats import threat
from tests.unit.net.sockets import Client, SocketCase, reactor
from tests.unit.net.toy import CHUNK


@tabled
class TLSTests(SocketCase):
    """With it."""

    async def test_starttls(self) -> None:
        """The session learns version and bindings, the connection forgets."""
        self.listen()

        def scene(client: Client) -> tuple[bytes, bytes, bytes | None]:
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

        def scene(client: Client) -> bytes:
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

            def scene(client: Client, cut: int = cut) -> bytes:
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

        def scene(client: Client) -> bytes:
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

        def scene(client: Client) -> str:
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

        def scene(version: ssl.TLSVersion) -> Callable[[Client], str]:
            def play(client: Client) -> str:
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

        def scene(client: Client) -> tuple[bytes, list[bytes]]:
            half = [Client(self.address) for _ in range(200)]
            for one in half:
                one.say(b"\x16\x03\x01\x02\x00\x01")
            client.secure()
            hello = client.read()
            ends = [one.read_all() for one in half]
            for one in half:
                one.socket.close()
            return hello, ends

        hello, ends = await self.play(scene)
        self.assertEqual(hello, b"hello")
        self.assertEqual(set(ends), {b""})
        self.assertEqual(len(self.toys.made), 1)

    @rows(at_once=b"", on_command=b"TLS\r\n")
    async def test_drained_amid_the_handshake(self, command: bytes) -> None:
        """The server goes down: the peer gets through its handshake and is told so."""
        self.listen(implicit_tls=not command)

        def scene(client: Client) -> bytes:
            if command:
                client.read()
                client.say(command)
                client.read()
            while not blockingCallFromThread(reactor, len, self.factory):
                time.sleep(0.01)
            blockingCallFromThread(reactor, lambda: [self.factory.drain()])
            client.secure()
            return client.read_all()

        self.assertEqual(await self.play(scene), b"going down\r\n")

    @threat(62)
    async def test_stream(self) -> None:
        """Flow control holds through TLS too, both ways."""
        self.listen()

        def scene(client: Client) -> int:
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

        def scene(client: Client) -> bytes:
            client.say(b"PROXY TCP6 2001:db8::1 2001:db8::2 1 2\r\n")
            client.secure()
            return client.read()

        self.assertEqual(await self.play(scene), b"hello")
        self.assertEqual(self.toys.session.peer.address, "2001:db8::1")

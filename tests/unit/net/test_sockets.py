"""The driver over real sockets of the loopback interface."""

from __future__ import annotations

import os
import resource
import socket
import struct
import time
from collections.abc import Callable
from ipaddress import ip_network
from pathlib import Path
from typing import Any

from twisted.internet import reactor as _reactor  # noqa: TID251, TID253 - real sockets
from twisted.internet.defer import Deferred

from mailapp.net.limits import Admission
from mailapp.net.listeners import Place
from tests.threats import threat
from tests.unit.net.sockets import FOLDER, Client, SocketCase
from tests.unit.net.toy import CHUNK

reactor: Any = _reactor


class ClearTests(SocketCase):
    """Without TLS."""

    async def test_conversation(self) -> None:
        """Commands in, replies out, and a clean end."""
        self.listen()

        def scene(client: Client) -> list[bytes]:
            client.say(b"ECHO a\r\nECHO b\r\n")
            said = [client.read(), client.read(), client.read()]
            client.say(b"QUIT\r\n")
            return [*said, client.read(), client.read()]

        self.assertEqual(await self.play(scene), [b"hello", b"a", b"b", b"bye", b""])

    async def test_half_close(self) -> None:
        """A client that sends all and hangs up one way gets all replies."""
        self.listen()

        def scene(client: Client) -> bytes:
            client.say(b"ECHO a\r\nECHO b\r\n")
            client.socket.shutdown(socket.SHUT_WR)
            return client.read_all()

        self.assertEqual(await self.play(scene), b"hello\r\na\r\nb\r\n")

    async def test_unix_socket(self) -> None:
        """The same over a path, whose peer is the local host."""
        path = str(Path(FOLDER.name, "toy.sock"))
        self.listen(Place(path, mode=0o600))
        self.assertEqual(os.stat(path).st_mode & 0o777, 0o600)

        def scene(client: Client) -> bytes:
            client.say(b"QUIT\r\n")
            return client.read_all()

        self.assertEqual(await self.play(scene), b"hello\r\nbye\r\n")
        self.assertEqual(self.toys.session.peer.address, "127.0.0.1")

    async def test_no_delay(self) -> None:
        """Accepted sockets do not wait for acknowledgements before they send."""
        self.listen()
        flags: list[bool] = []

        def scene(client: Client) -> None:
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

        def scene(client: Client) -> int:
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

        def scene(client: Client) -> bool:
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

        def scene(client: Client) -> None:
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


class ExhaustionTests(SocketCase):
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

        def scene(client: Client) -> tuple[bytes, int]:
            flood = []
            for _ in range(1000):
                one = socket.socket()
                one.bind(("127.0.0.2", 0))
                one.connect(self.address)
                flood.append(one)
            hello = client.read()
            other = Client(self.address)
            hello += other.read()
            other.socket.close()
            for one in flood:
                one.close()
            return hello, len(self.toys.made)

        hello, served = await self.play(scene)
        self.assertEqual(hello, b"hellohello")
        self.assertLessEqual(served, 12)

    @threat(126)
    async def test_no_descriptors_left(self) -> None:
        """Who is connected goes on; when others leave, new ones get in again."""
        self.listen()
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        self.addCleanup(resource.setrlimit, resource.RLIMIT_NOFILE, (soft, hard))

        def scene(client: Client) -> tuple[bytes, bytes]:
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
            return alive, Client(self.address).read()

        self.assertEqual(await self.play(scene), (b"alive", b"hello"))

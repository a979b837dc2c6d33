"""A driver on real sockets of the loopback interface, and a client.

The client is a plain blocking socket in a thread: nothing of ours is on its side.
"""

from __future__ import annotations

import socket
import ssl
from collections.abc import Callable
from tempfile import TemporaryDirectory
from typing import Any

from twisted.internet import reactor as _reactor  # noqa: TID251, TID253 - real sockets
from twisted.internet.defer import Deferred
from twisted.internet.threads import deferToThread
from twisted.trial.unittest import TestCase

from mailapp.net.driver import DriverFactory
from mailapp.net.listeners import Place, adopt, open_listener
from mailapp.net.surroundings import Surroundings
from mailapp.net.sweep import Sweep
from mailapp.net.tls import CertificateFiles, ServerTLS
from tests.certificates import Authority, make_ca, make_cert
from tests.unit.net.toy import Toys

reactor: Any = _reactor

FOLDER = TemporaryDirectory()
CA: Authority = make_ca(FOLDER.name)
_cert = make_cert(["mail.example.test"], FOLDER.name, CA)
_files = CertificateFiles(str(_cert.chain), str(_cert.key))


class Client:
    """Blocking, with a buffer."""

    def __init__(self, address: Any) -> None:
        unix = isinstance(address, str)
        self.socket = socket.socket(socket.AF_UNIX if unix else socket.AF_INET)
        self.socket.settimeout(10)
        self.socket.connect(address)
        self.buffer = b""

    def say(self, octets: bytes) -> None:
        """Send."""
        self.socket.sendall(octets)

    def read(self, end: bytes = b"\r\n") -> bytes:
        """Up to an end, or to the end."""
        while end not in self.buffer:
            octets = self.socket.recv(65536)
            if not octets:
                return self.buffer
            self.buffer += octets
        line, _, self.buffer = self.buffer.partition(end)
        return line

    def read_all(self) -> bytes:
        """To the end."""
        pieces = [self.buffer]
        try:
            while piece := self.socket.recv(65536):
                pieces.append(piece)
        except OSError:
            pass
        return b"".join(pieces)

    def secure(self, **options: Any) -> None:
        """Shake hands."""
        context = ssl.create_default_context(cafile=str(CA.path))
        alpn = options.pop("alpn", None)
        if alpn:
            context.set_alpn_protocols(alpn)
        for name, value in options.items():
            setattr(context, name, value)
        self.socket = context.wrap_socket(
            self.socket, server_hostname="mail.example.test"
        )


class SocketCase(TestCase):
    """What tests on sockets share."""

    timeout = 30

    def setUp(self) -> None:
        """No listener yet."""
        self.sweep = Sweep(reactor, 0.1)
        self.addCleanup(self.sweep.stop)
        self.toys = Toys()
        self.tls = ServerTLS([_files], b"toy", (b"toy",))

    def listen(self, place: Place | None = None, **options: Any) -> Any:
        """Listen, with these options."""
        around = Surroundings(clock=reactor, sweep=self.sweep, tls=self.tls, **options)
        self.factory = DriverFactory(self.toys, around)
        listener = open_listener(place or Place("127.0.0.1"))
        # a Unix socket got its place by a rename, of which it does not know
        path = place is not None and place.host.startswith("/")
        self.address: Any = place.host if place and path else listener.getsockname()
        self.port: Any = adopt(reactor, listener.detach(), self.factory)
        self.addCleanup(self._stop)

    def _stop(self) -> Deferred[None]:
        def gone(_: object) -> Deferred[None]:
            drained = self.factory.drain()
            self.factory.abort_all()
            return drained

        stopped: Deferred[None] = self.port.stopListening()
        return stopped.addCallback(gone)

    def play(self, scene: Callable[[Client], Any]) -> Deferred[Any]:
        """Run a scene in a thread with a new client."""

        def run() -> Any:
            client = Client(self.address)
            try:
                return scene(client)
            finally:
                client.socket.close()

        return deferToThread(run)

"""A small DNS for tests, in a thread: it knows what it is told, and nothing else."""

from __future__ import annotations

import socket
import threading
from typing import Any

from twisted.names import dns

from mailapp.app.demo.names import NameServer


class Names:
    """Serves on loopback from now on.

    Attributes:
        port: of 127.0.0.1, UDP.
    """

    def __init__(self) -> None:
        self._table: dict[tuple[str, int], list[Any]] = {}
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(("127.0.0.1", 0))
        self.port: int = self._socket.getsockname()[1]
        self._server = NameServer(self._table)
        self._server.transport = self
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def add(self, domain: str, *addresses: str) -> None:
        """A domain, and the address of each of its mail servers, the best one first."""
        exchangers = []
        for place, address in enumerate(addresses):
            host = f"mx{place or ''}.{domain}"
            self._table[host, dns.A] = [dns.Record_A(address)]
            exchangers.append(dns.Record_MX(10 * (place + 1), host))
        self._table[domain, dns.MX] = exchangers

    def write(self, octets: bytes, address: Any) -> None:
        """Send an answer."""
        self._socket.sendto(octets, address)

    def stop(self) -> None:
        """End it."""
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as last:
            last.sendto(b"", ("127.0.0.1", self.port))
        self._thread.join()
        self._socket.close()

    def _serve(self) -> None:
        while True:
            datagram, address = self._socket.recvfrom(65536)
            if not datagram:
                return
            self._server.datagramReceived(datagram, address)

"""A driver over a transport in memory and a clock that stands still."""

from __future__ import annotations

import math
from typing import Any

from twisted.internet.address import IPv4Address
from twisted.internet.error import ConnectionDone
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from mailapp.net.driver import Driver, DriverFactory
from mailapp.net.surroundings import Surroundings
from mailapp.net.sweep import Sweep
from tests.unit.net.toy import Toys

CLIENT = IPv4Address("TCP", "192.0.2.1", 4711)
_SERVER = IPv4Address("TCP", "198.51.100.1", 25)


class Transport(StringTransport):
    """Remembers each write; drops what comes after the end, as a real one does."""

    def __init__(self, peer: Any = CLIENT) -> None:
        super().__init__(_SERVER, peer, lenient=True)
        self.writes: list[bytes] = []
        self.tls: list[Any] = []
        self.octets_sent = 0
        self.brim = math.inf

    def write(self, data: bytes) -> None:
        """Keep it."""
        if self.disconnecting:
            return
        self.writes.append(data)
        super().write(data)
        if len(data) >= self.brim and self.producer is not None:
            self.producer.pauseProducing()

    def acknowledge(self) -> None:
        """There is no kernel between us."""

    def startTLS(self, context: Any) -> None:  # noqa: N802
        """Keep it."""
        self.tls.append(context)


class DriverCase(SynchronousTestCase):
    """What tests of the driver share."""

    def setUp(self) -> None:
        """No options."""
        self.clock = Clock()
        self.sweep = Sweep(self.clock)
        self.toys = Toys()
        self.use()

    def use(self, **options: Any) -> None:
        """Start anew with other options."""
        around = Surroundings(clock=self.clock, sweep=self.sweep, **options)
        self.factory = DriverFactory(self.toys, around)

    def connect(self, peer: Any = CLIENT) -> tuple[Driver, Transport]:
        """A driver that has met its transport."""
        driver: Any = self.factory.buildProtocol(peer)
        transport = Transport(peer)
        driver.makeConnection(transport)
        return driver, transport

    def lose(self, driver: Driver) -> None:
        """The peer is gone."""
        driver.connectionLost(Failure(ConnectionDone()))

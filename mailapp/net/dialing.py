"""Connections that we make: to a TCP port or a Unix socket, with a time limit."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.internet import tcp, unix
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IAddress
from twisted.internet.protocol import ClientFactory, Protocol
from twisted.python.failure import Failure

from mailapp.net.transport import WriteThroughClient, WriteThroughUnixClient


class _TCP(tcp.Connector):
    def _makeTransport(self) -> Any:  # noqa: N802 - Twisted calls it
        make: Any = WriteThroughClient
        return make(self.host, self.port, self.bindAddress, self, self.reactor)


class _Unix(unix.Connector):
    def _makeTransport(self) -> Any:  # noqa: N802 - Twisted calls it
        make: Any = WriteThroughUnixClient
        return make(self.address, self, self.reactor, self.checkPID)


class _Once(ClientFactory):
    """Has one protocol, and tells whether it could be connected."""

    noisy = False

    def __init__(self, protocol: Protocol) -> None:
        self.connected: Deferred[None] = Deferred()
        self._made = protocol

    def buildProtocol(self, _address: IAddress | None) -> Protocol:
        """The one."""
        self.connected.callback(None)
        return self._made

    def clientConnectionFailed(self, _connector: object, reason: Failure) -> None:  # noqa: N802
        """Nobody is there."""
        self.connected.errback(reason)


Dial = Callable[[str, int, Protocol, float, str], Deferred[None]]
"""As :func:`dialer` gives it."""


def dialer(reactor: Any) -> Dial:
    """What connects a protocol.

    Its arguments: an address, or the path of a Unix socket (it begins with a slash);
    the port; the protocol; seconds that it may take; our own address, or an empty text.
    The Deferred fails with what Twisted says (for example ``ConnectionRefusedError``);
    when it succeeds, ``connectionMade`` is called next.
    """

    def dial(
        address: str, port: int, protocol: Protocol, seconds: float, source: str
    ) -> Deferred[None]:
        factory = _Once(protocol)
        connected = factory.connected
        if address.startswith("/"):
            unix_connector: Any = _Unix
            unix_connector(address, factory, seconds, reactor, 0).connect()
        else:
            bind = (source, 0) if source else None
            _TCP(address, port, factory, seconds, bind, reactor).connect()
        return connected

    return dial

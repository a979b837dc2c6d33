"""Transports that send at once what the kernel takes at once.

Twisted's ``write`` always queues: two ``epoll_ctl`` and a turn of the reactor for each
reply. Here a reply leaves in the call that made it, in clear and through TLS, and a
closing TLS connection does not wait for the peer's leave.
"""

from __future__ import annotations

import socket
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from typing import Any, Final

from twisted.internet import tcp, unix
from twisted.internet.abstract import FileDescriptor
from twisted.internet.interfaces import (
    IOpenSSLServerConnectionCreator,
    IProducer,
)
from twisted.internet.main import CONNECTION_DONE, CONNECTION_LOST
from twisted.internet.protocol import connectionDone
from twisted.protocols.tls import TLSMemoryBIOFactory, TLSMemoryBIOProtocol
from twisted.python.failure import Failure

_RECORD: Final = 16384
"""Octets of one TLS record (RFC 8446, section 5.1)."""
_AT_ONCE: Final = socket.TCP_QUICKACK


class _TLS(TLSMemoryBIOProtocol):
    """TLS that leaves nothing for the collector of cycles."""

    def _tlsShutdownFinished(self, reason: Failure | None) -> None:  # noqa: N802
        if reason is not None:
            # its traceback has the frames that hold it, and this connection
            reason.cleanFailure()
        super()._tlsShutdownFinished(reason)  # type: ignore[no-untyped-call]

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """Who still has a handle, for its facts, does not have us."""
        handle = self._tlsConnection
        super().connectionLost(reason)  # type: ignore[no-untyped-call]
        if handle is not None:
            handle.set_app_data(None)


class _Layer(TLSMemoryBIOFactory):
    """TLS without Twisted's timer per write: the driver gathers its writes itself."""

    protocol = _TLS


class _Below:
    """The transport as TLS sees it: the same one, without TLS."""

    def __init__(self, transport: Any) -> None:
        self._transport = transport
        self._gathered: list[bytes] | None = None
        self.abortConnection = transport.abortConnection

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):  # zope asks; what we provide is of no interest
            raise AttributeError(name)
        return getattr(self._transport, name)

    def write(self, octets: bytes) -> None:
        """Send a record, or keep it until all of its message are there."""
        if self._gathered is None:
            self._transport.send_through(octets)
        else:
            self._gathered.append(octets)

    @contextmanager
    def gathering(self) -> Iterator[None]:
        """One system call for all records of a long write; they are 16 KiB each."""
        gathered = self._gathered = []
        try:
            yield
        finally:
            self._gathered = None
            self._transport.send_through(b"".join(gathered))

    def writeSequence(self, octets: Iterable[bytes]) -> None:  # noqa: N802
        """Write all of it."""
        self.write(b"".join(octets))

    def loseConnection(self) -> None:  # noqa: N802
        """Close when all is written."""
        FileDescriptor.loseConnection(self._transport)

    def registerProducer(self, producer: IProducer, streaming: bool) -> None:  # noqa: FBT001, N802
        """Hear when there is room."""
        FileDescriptor.registerProducer(self._transport, producer, streaming)

    def unregisterProducer(self) -> None:  # noqa: N802
        """Hear no more."""
        FileDescriptor.unregisterProducer(self._transport)


class _WriteThrough:
    """What differs from the transports of Twisted."""

    octets_sent = 0
    """What the kernel has taken; tells whether a peer reads."""
    _begins_tls = False
    """Who speaks first in a handshake: the client does."""

    def write(self: Any, octets: bytes) -> None:
        """Write; through TLS if it was started."""
        if not self.TLS:
            self.send_through(octets)
        elif self.connected and len(octets) <= _RECORD:
            self.protocol.write(octets)
        elif self.connected:
            with self.protocol.transport.gathering():
                self.protocol.write(octets)

    def send_through(self: Any, octets: bytes) -> None:
        """Send now if nothing waits; queue what the kernel does not take."""
        if (
            self._tempDataLen
            or self.dataBuffer
            or not octets
            or not self.connected
            or self._writeDisconnected
            or self._aborting
        ):
            FileDescriptor.write(self, octets)
            return
        try:
            sent = self.socket.send(octets)
        except OSError:
            sent = 0  # would block; or is broken, as the reactor will find out
        self.octets_sent += sent
        if sent < len(octets):
            FileDescriptor.write(self, octets[sent:] if sent else octets)
        elif self.producer is not None and not self.streamingProducer:
            self.startWriting()  # from there a pull producer is asked for more

    def acknowledge(self: Any) -> None:
        """Have the kernel say now that it has what came.

        It waits up to 40 ms for an answer that could carry the word. A client whose
        last octets wait for just that (Nagle's algorithm) waits as long.
        """
        with suppress(OSError):  # closed, or no TCP
            self.socket.setsockopt(socket.IPPROTO_TCP, _AT_ONCE, 1)

    def doRead(self: Any) -> BaseException | None:  # noqa: N802
        """Read once, and pass it on; called by the reactor. Hot."""
        try:
            octets = self.socket.recv(self.bufferSize)
        except BlockingIOError:
            return None
        except OSError:
            return CONNECTION_LOST
        if not octets:
            return CONNECTION_DONE
        self.protocol.dataReceived(octets)
        return None

    def writeSomeData(self, octets: bytes) -> int | BaseException:  # noqa: N802
        """Called by the reactor when there is room again."""
        sent: int | BaseException = super().writeSomeData(octets)  # type: ignore[misc]
        if isinstance(sent, int):
            self.octets_sent += sent
        return sent

    def connectionLost(self, reason: Failure) -> None:
        """Called by the reactor: all that the connection held is free at once."""
        super().connectionLost(reason)  # type: ignore[misc]
        # of TLS, which holds this transport
        self.__dict__.pop("getHandle", None)

    def startTLS(  # noqa: N802
        self: Any,
        creator: IOpenSSLServerConnectionCreator,
        normal: bool = True,  # noqa: FBT001, FBT002 - Twisted's signature
    ) -> None:
        """Negotiate TLS; whatever was written leaves before it."""
        layer = getattr(creator, "layer", None)
        if layer is None:
            layer = _Layer(creator, self._begins_tls, None, self.reactor)  # type: ignore[arg-type]
            if not self._begins_tls:
                creator.layer = layer  # type: ignore[attr-defined]  # ServerTLS has it
        protocol: Any = _Layer.protocol
        protocol = protocol(layer, self.protocol, False)  # noqa: FBT003
        self.protocol = protocol
        self.getHandle = protocol.getHandle
        self.TLS = True
        protocol.makeConnection(_Below(self))

    def loseConnection(self: Any) -> None:  # noqa: N802
        """Close when all is written.

        RFC 8446, section 6.1: both sides send a close_notify, and need not wait for
        the other's.
        """
        if self.TLS and self.connected and not self.disconnecting:
            self.protocol.loseConnection()
        if not self._aborting:
            FileDescriptor.loseConnection(self)


class WriteThroughServer(_WriteThrough, tcp.Server):  # type: ignore[misc]  # Any self
    """For connections over TCP."""


class WriteThroughClient(_WriteThrough, tcp.Client):  # type: ignore[misc]  # Any self
    """For connections over TCP that we make."""

    _begins_tls = True


class WriteThroughUnixClient(_WriteThrough, unix.Client):  # type: ignore[misc]  # Any self
    """For connections over a Unix socket that we make."""

    _begins_tls = True


class WriteThroughUnixServer(_WriteThrough, unix.Server):  # type: ignore[misc]  # Any self
    """For connections over a Unix socket."""

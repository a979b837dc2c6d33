"""Listening sockets: opened with privileges, adopted without, lean when they write."""

from __future__ import annotations

import os
import socket
from contextlib import suppress
from errno import EACCES, EADDRINUSE, EADDRNOTAVAIL, ENOENT, EPERM
from stat import S_ISSOCK
from typing import Any, ClassVar, Final

from attrs import frozen
from twisted.internet import tcp, unix
from twisted.internet.interfaces import (
    IListeningPort,
    IReactorSocket,
)
from twisted.internet.protocol import ServerFactory
from twisted.logger import ILogObserver, LogEvent, Logger
from zope.interface import implementer

from mailapp.net.transport import WriteThroughServer, WriteThroughUnixServer

BACKLOG: Final = 1024
"""Connections that the kernel completes before we accept them."""
_ACCEPTED: Final = 16
"""Connections that are taken in one turn of the reactor."""
_PAUSE: Final = 1.0
"""Seconds without accepting after an accept failed for want of resources."""
_QUIET: Final = 10.0
"""Seconds between two log lines that say so."""
_ADDRESS_HINTS: Final = {
    EACCES: "; below 1024 only root opens ports, and who has CAP_NET_BIND_SERVICE",
    EADDRINUSE: "; another program listens there",
    EADDRNOTAVAIL: "; no interface of this host has that address",
}
_PATH_HINTS: Final = {
    EACCES: "; this user may make no files in its folder",
    ENOENT: "; its folder has to be there",
    EPERM: "; this user may not give it to that owner or group",
}


class CannotListen(Exception):
    """A socket can't be opened; the text names it and says why."""


@frozen
class Place:
    """Where to listen.

    Attributes:
        host: an IPv4 or IPv6 address, ``::`` for all of both; or, with port 0 and a
            leading slash, the path of a Unix socket.
        port: 0 for any free one.
        mode: of a Unix socket, for example 0o660.
        owner: of a Unix socket: numbers of a user and a group; None: whoever opens it.
    """

    host: str
    port: int = 0
    mode: int = 0o660
    owner: tuple[int, int] | None = None

    @property
    def is_path(self) -> bool:
        """Whether it is a Unix socket."""
        return self.host.startswith("/")

    def __str__(self) -> str:
        if self.is_path:
            return self.host
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"


def open_listener(place: Place, *, share: bool = False) -> socket.socket:
    """Open, bind and listen; non-blocking and inherited only where it is asked for.

    Args:
        place: where.
        share: with SO_REUSEPORT, so that each worker has a queue of its own.

    Raises:
        CannotListen: the address is in use, not ours, or privileged.
    """
    try:
        return _open_path(place) if place.is_path else _open_address(place, share)
    except OSError as error:
        hints = _PATH_HINTS if place.is_path else _ADDRESS_HINTS
        hint = hints.get(error.errno or 0, "")
        raise CannotListen(f"{place}: {error.strerror or error}{hint}") from None


def _open_address(place: Place, share: bool) -> socket.socket:  # noqa: FBT001 - private
    family = socket.AF_INET6 if ":" in place.host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if share:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        if family == socket.AF_INET6:
            only = int(place.host != "::")
            listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, only)
        _no_delay(listener)
        listener.bind((place.host, place.port))
        listener.listen(BACKLOG)
    except BaseException:
        listener.close()
        raise
    return listener


def _open_path(place: Place) -> socket.socket:
    """A Unix socket; one that nobody listens on any more is replaced.

    It gets its name when it has its mode and owner and listens: at no time may others
    connect than those let, and who connects is served. Whoever opened it removes it;
    those who adopt it only close it.
    """
    if _answers(place.host):
        raise CannotListen(f"{place}: another program listens there")
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
    folder, name = os.path.split(place.host)
    within = os.open(folder, os.O_PATH | os.O_DIRECTORY)
    # the kernel takes 107 octets of a path, and this one is longer by a few
    fresh = f"/proc/self/fd/{within}/.{name}.new"
    before = os.umask(0o777 & ~place.mode)
    try:
        with suppress(FileNotFoundError):
            os.unlink(fresh)
        listener.bind(fresh)
        if place.owner is not None:
            os.chown(fresh, *place.owner, follow_symlinks=False)
        listener.listen(BACKLOG)
        os.rename(fresh, place.host)
    except BaseException:
        listener.close()
        with suppress(OSError):
            os.unlink(fresh)
        raise
    finally:
        os.umask(before)
        os.close(within)
    return listener


def _answers(path: str) -> bool:
    try:
        if not S_ISSOCK(os.lstat(path).st_mode):
            raise CannotListen(f"{path}: there is a file that is no socket")
    except FileNotFoundError:
        return False
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        return probe.connect_ex(path) == 0


def _no_delay(listener: socket.socket) -> None:
    """Accepted sockets inherit it: a reply never waits for an acknowledgement."""
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)


def adopt(
    reactor: IReactorSocket,
    descriptor: int,
    factory: ServerFactory,
) -> IListeningPort:
    """Accept on a listening socket that was opened elsewhere.

    ``tcp.Port`` keeps a spare descriptor: when no other is left it takes what waits
    with that one and closes it, so the reactor does not spin (EMFILE). Where even
    that fails, accepting pauses for a second.

    Args:
        reactor: that accepts.
        descriptor: of the socket; closed here, since the reactor takes a copy.
        factory: of the protocols.
    """
    with socket.socket(fileno=descriptor) as listener:
        listener.setblocking(False)  # noqa: FBT003
        family = listener.family
        if family != socket.AF_UNIX:
            _no_delay(listener)
        port: Any = (
            _adopt_path(reactor, descriptor, factory)
            if family == socket.AF_UNIX
            else reactor.adoptStreamPort(descriptor, family, factory)
        )
    if family != socket.AF_UNIX:
        port.transport = WriteThroughServer
    _accept_few(port)
    _Patience(reactor, port).listen()
    return port  # type: ignore[no-any-return]


def _accept_few(port: Any) -> None:
    """Take so many at once that others are not kept waiting; a flood comes in parts.

    ``tcp.Port`` begins with 100 and takes 20 more each time that it found so many.
    """
    read = port.doRead

    def accept() -> None:
        port.numberAccepts = min(port.numberAccepts, _ACCEPTED)
        read()

    port.doRead = accept


def _adopt_path(reactor: Any, descriptor: int, factory: ServerFactory) -> Any:
    kind: Any = _UnixPort
    port = kind._fromListeningDescriptor(reactor, descriptor, factory)  # noqa: SLF001
    port.startListening()
    return port


class _UnixPort(unix.Port):
    """A Unix socket that others listen on too.

    Twisted's own would change its mode to 0666, and remove it when it stops.
    """

    transport = WriteThroughUnixServer

    def startListening(self: Any) -> None:  # noqa: N802
        """Take the socket as it is."""
        self._shouldShutdown = False
        self.socket = self._preexistingSocket
        self._preexistingSocket = None
        self._realPortNumber = 0
        self.factory.doStart()
        self.connected = True
        self.fileno = self.socket.fileno
        self.numberAccepts = 100
        self.startReading()

    def connectionLost(self, reason: object) -> None:
        """Close our copy of it."""
        tcp.Port.connectionLost(self, reason)


@implementer(ILogObserver)
class _Patience:
    """Reads what a port says of failed accepts, and pauses it.

    ``tcp.Port`` itself would be called again at once, and log again, for as long as
    no descriptor is free.
    """

    log: ClassVar = Logger()

    def __init__(self, reactor: Any, port: Any) -> None:
        self._reactor = reactor
        self._port = port
        self._quiet_until = 0.0

    def listen(self) -> None:
        """Take the place of the port's own logger."""
        self._port._logger = Logger(observer=self)  # noqa: SLF001 - its only hook

    def __call__(self, event: LogEvent) -> None:
        """What the port logs is that it ran out of something."""
        if "acceptError" in event:
            self._port.stopReading()
            self._reactor.callLater(_PAUSE, self._again)
        now = self._reactor.seconds()
        if now >= self._quiet_until:
            self._quiet_until = now + _QUIET
            self.log.warn(
                "no descriptor is left for a connection to {port}: raise the limit of "
                "open files, or lower the limit of connections",
                event="listener.exhausted",
                port=self._port.getHost(),
            )

    def _again(self) -> None:
        if self._port.connected and not self._port.disconnecting:
            self._port.startReading()

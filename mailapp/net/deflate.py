"""COMPRESS=DEFLATE: a layer between a transport and its driver (RFC 4978).

It stands where TLS stands: the driver writes to it and pauses it as it would the
transport, and no other protocol passes through it. What comes is inflated by at most
:data:`CHUNK` octets at a time and :data:`TURN` in a turn of the reactor, and not at all
while the driver wants no more; so 1 MB that would be 1 GB costs time that others share,
and no memory (threat 63).
"""

from __future__ import annotations

import zlib
from collections.abc import Callable
from typing import Any, Final

from twisted.internet.interfaces import IReactorTime

CHUNK: Final = 16384
TURN: Final = 8 * CHUNK
# RFC 4978, section 3: raw deflate. A window of 8 KiB and these tables are 64 KiB for
# each connection in place of 256, and mail headers compress nearly as well.
_LEVEL: Final = 3
_WINDOW: Final = -13
_MEMORY: Final = 6
_LARGEST_WINDOW: Final = -15


def _nobody(_octets: bytes) -> None:
    """The driver is gone."""


class Deflate:
    """Looks like the transport that it writes to.

    Args:
        transport: of the driver, with TLS or without.
        receive: takes what came, inflated.
        clock: to give others a turn.
    """

    def __init__(
        self, transport: Any, receive: Callable[[bytes], None], clock: IReactorTime
    ) -> None:
        self._transport = transport
        self._receive = receive
        self._clock = clock
        self._out = zlib.compressobj(_LEVEL, zlib.DEFLATED, _WINDOW, _MEMORY)
        self._in = zlib.decompressobj(_LARGEST_WINDOW)
        self._waiting = b""  # what came and is not inflated yet
        self._more = False  # zlib has octets of its own
        self._paused = False
        self._held = False  # the transport was told to stop
        self._called = False
        self._inflating = False

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):  # zope asks; what we provide is of no interest
            raise AttributeError(name)
        return getattr(self._transport, name)

    def write(self, octets: bytes) -> None:
        """Send; the peer can inflate all of it at once."""
        if octets:
            out = self._out
            self._transport.write(out.compress(octets) + out.flush(zlib.Z_SYNC_FLUSH))

    def dataReceived(self, octets: bytes) -> None:
        """Octets came from below."""
        self._waiting += octets
        if not self._called:
            self._inflate()

    def pauseProducing(self) -> None:  # noqa: N802
        """The driver wants no more."""
        self._paused = True
        self._hold()

    def resumeProducing(self) -> None:  # noqa: N802
        """The driver wants more; not within this call, it may be in the middle."""
        self._paused = False
        self._later()

    def ended(self) -> None:
        """The connection is gone: let go of the driver."""
        self._receive = _nobody
        self._waiting, self._more = b"", False

    def _hold(self) -> None:
        if not self._held:
            self._held = True
            self._transport.pauseProducing()

    def _later(self) -> None:
        if not self._called:
            self._called = True
            self._clock.callLater(0, self._go_on)

    def _go_on(self) -> None:
        self._called = False
        self._inflate()

    def _inflate(self) -> None:
        """Give on what came, as far as it is wanted now."""
        if self._inflating:
            return
        self._inflating = True
        try:
            self._give_on()
        except zlib.error:
            # what follows can't be understood, and neither could be what we say
            self._transport.abortConnection()
            return
        finally:
            self._inflating = False
        if self._waiting or self._more:
            self._hold()
            if not self._paused:
                self._later()
        elif self._held and not self._paused:
            self._held = False
            self._transport.resumeProducing()

    def _give_on(self) -> None:
        given = 0
        while (self._waiting or self._more) and not self._paused and given < TURN:
            if not getattr(self._transport, "connected", True):
                self._waiting, self._more = b"", False
                return
            octets = self._in.decompress(self._waiting, CHUNK)
            self._waiting = self._in.unconsumed_tail
            self._more = len(octets) == CHUNK
            if self._in.eof:
                # RFC 4978, section 3: the stream has no end but the connection's
                raise zlib.error
            given += len(octets)
            if octets:
                self._receive(octets)


def insert(driver: Any, clock: IReactorTime) -> None:
    """Put a layer between a driver and its transport, with or without TLS."""
    layer = Deflate(driver.transport, driver.dataReceived, clock)
    driver.transport = layer
    # what is below calls the driver by this name
    driver.dataReceived = layer.dataReceived

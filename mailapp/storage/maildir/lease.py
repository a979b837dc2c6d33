"""Leases: exclusive in one process and across the processes of a host.

A lease is a locked file whose descriptor is held: the kernel lets go of it at once when
its holder dies. One that is neither renewed nor released ends after its time, by a
sweep of the process that holds it.
"""

from __future__ import annotations

from contextlib import suppress
from typing import Final

from twisted.internet.interfaces import IDelayedCall, IReactorTime
from zope.interface import implementer

from mailapp.storage.files import Files
from mailapp.storage.interfaces import ILease
from mailapp.storage.types import Fenced

SWEEP_SECONDS: Final = 5.0


@implementer(ILease)
class Lease:
    """See :class:`ILease`."""

    def __init__(self, table: LeaseTable, path: bytes, fd: int, ttl: float) -> None:
        self.path: Final = path
        self.fd: Final = fd
        self._table = table
        self._ttl = ttl
        self._until = table.clock.seconds() + ttl

    def held(self) -> bool:
        """Neither lost nor released; one whose time is over is lost by asking."""
        return self._table.holds(self)

    def over(self) -> bool:
        """Its time is over."""
        return self._table.clock.seconds() >= self._until

    async def renew(self) -> None:
        """See :class:`ILease`."""
        if not self.held():
            raise Fenced
        self._until = self._table.clock.seconds() + self._ttl

    async def release(self) -> None:
        """See :class:`ILease`."""
        self._table.drop(self)


class LeaseTable:
    """The leases that this process holds."""

    def __init__(self, files: Files, clock: IReactorTime) -> None:
        self.clock: Final = clock
        self._files = files
        self._held: dict[bytes, Lease] = {}
        self._sweep_call: IDelayedCall | None = None

    def acquire(self, path: bytes, ttl: float) -> Lease | None:
        """Lock the file; None when another holds it.

        Raises:
            OSError: it can't be made or opened.
        """
        other = self._held.get(path)
        if other is not None and other.held():
            return None
        fd = self._files.open_scratch(path)
        if not self._files.lock(fd, wait=False):
            self._files.close(fd)
            return None
        lease = self._held[path] = Lease(self, path, fd, ttl)
        if self._sweep_call is None:
            self._sweep_call = self.clock.callLater(SWEEP_SECONDS, self._sweep)
        return lease

    def holds(self, lease: Lease) -> bool:
        """Is it one of those held? One whose time is over is dropped."""
        if self._held.get(lease.path) is not lease:
            return False
        if lease.over():
            self.drop(lease)
            return False
        return True

    def drop(self, lease: Lease) -> None:
        """Let go of it, if it is held."""
        if self._held.get(lease.path) is lease:
            del self._held[lease.path]
            with suppress(OSError):
                self._files.close(lease.fd)

    def close(self) -> None:
        """Let go of all."""
        for lease in list(self._held.values()):
            self.drop(lease)
        if self._sweep_call is not None:
            self._sweep_call.cancel()
            self._sweep_call = None

    def _sweep(self) -> None:
        self._sweep_call = None
        for lease in list(self._held.values()):
            self.holds(lease)
        if self._held:
            self._sweep_call = self.clock.callLater(SWEEP_SECONDS, self._sweep)

"""Tells systemd how the service is: sd_notify(3), without its library."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Mapping

from attrs import frozen


@frozen
class Notify:
    """A way to the service manager; does nothing where there is none.

    Attributes:
        address: of NOTIFY_SOCKET, or empty.
        watchdog_seconds: how often WATCHDOG=1 must come, or 0.
    """

    address: str = ""
    watchdog_seconds: float = 0.0

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> Notify:
        """Read NOTIFY_SOCKET and WATCHDOG_USEC, which are for this process alone."""
        address = environment.get("NOTIFY_SOCKET", "")
        microseconds = environment.get("WATCHDOG_USEC", "0")
        meant_for = environment.get("WATCHDOG_PID", str(os.getpid()))
        watched = microseconds.isdigit() and meant_for == str(os.getpid())
        seconds = int(microseconds) / 1e6 if watched else 0.0
        return cls(address, seconds)

    def ready(self, status: str) -> None:
        """All listeners accept, also after a reload."""
        self._send(f"READY=1\nSTATUS={status}")

    def reloading(self) -> None:
        """SIGHUP came; READY=1 follows (Type=notify-reload)."""
        microseconds = time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000
        self._send(f"RELOADING=1\nMONOTONIC_USEC={microseconds}")

    def stopping(self) -> None:
        """Sessions are being drained."""
        self._send("STOPPING=1")

    def alive(self) -> None:
        """The reactor turns, and so do the workers."""
        self._send("WATCHDOG=1")

    def _send(self, message: str) -> None:
        if not self.address:
            return
        # an abstract socket is written with @
        address = "\0" + self.address[1:] if self.address[0] == "@" else self.address
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
            try:
                listening.sendto(message.encode(), address)
            except OSError:
                return  # nobody listens any more: nothing to tell

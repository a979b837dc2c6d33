"""An IMAP client that waits in IDLE and notes when it hears what."""

from __future__ import annotations

import contextlib
import os
import socket
import time
from pathlib import Path
from threading import Thread

from attrs import define, field

from tests.interop.demo import PASSWORD
from tests.interop.served import Served
from tests.interop.wire import Wire

_INODE = 9  # of the fields in /proc/net/tcp


class ImapWire(Wire):
    """A connection that is logged in; see :class:`Wire`."""

    def __init__(
        self, server: Served, user: str = "alice", *, receive_octets: int = 0
    ) -> None:
        super().__init__(server.port("imap"), receive_octets=receive_octets)
        self._count = 0
        self.line()
        self.command(f'LOGIN {user} "{PASSWORD}"')

    @property
    def sock(self) -> socket.socket:
        """The connection, as other clients call it."""
        return self.socket

    def command(self, text: str) -> list[bytes]:
        """What comes in answer; the last is the tagged line, or ``+``.

        Raises:
            LookupError: it is not OK.
        """
        self._count += 1
        tag = b"a%d " % self._count
        self.send(tag + text.encode() + b"\r\n")
        lines = [self.line()]
        while lines[-1] and not lines[-1].startswith((tag, b"+ ")):
            lines.append(self.line())
        if not lines[-1].startswith((tag + b"OK", b"+ ")):
            raise LookupError(text, lines)
        return lines


@define(eq=False)
class Idler:
    """Hears what happens to alice's INBOX from now on.

    Attributes:
        heard: lines, and when they came, on :func:`time.monotonic`.
        worker: the process that serves it.
    """

    server: Served
    wire: ImapWire = field(init=False)
    worker: int = field(init=False)
    heard: list[tuple[float, bytes]] = field(factory=list)

    def __attrs_post_init__(self) -> None:
        self.wire = ImapWire(self.server)
        self.worker = worker_of(self.server, self.wire.socket)
        self.wire.command("SELECT INBOX")
        self.wire.command("IDLE")
        self.wire.socket.settimeout(None)
        Thread(target=self._listen, daemon=True).start()

    def hears(self, word: bytes, seconds: float) -> float:
        """When a line with this word came first.

        Raises:
            LookupError: none did in time.
        """
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            for when, line in self.heard:
                if word in line:
                    return when
            time.sleep(0.0005)
        raise LookupError(word, self.heard)

    def _listen(self) -> None:
        with contextlib.suppress(OSError):
            while line := self.wire.line():
                self.heard.append((time.monotonic(), line))


def worker_of(server: Served, connection: socket.socket) -> int:
    """The process that serves a connection over IPv4.

    Raises:
        LookupError: it was not accepted yet.
    """
    client, port = connection.getsockname()[1], connection.getpeername()[1]
    ends = f"0100007F:{port:04X} 0100007F:{client:04X} "
    rows = Path("/proc/net/tcp").read_text("ascii").splitlines()
    wanted = {f"socket:[{row.split()[_INODE]}]" for row in rows if ends in row}
    for pid in server.pids:
        for number in os.listdir(f"/proc/{pid}/fd"):
            with contextlib.suppress(OSError):
                if os.readlink(f"/proc/{pid}/fd/{number}") in wanted:
                    return pid
    raise LookupError(ends)

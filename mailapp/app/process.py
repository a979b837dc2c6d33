"""One worker process as the supervisor sees it."""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Callable, Mapping
from enum import Enum
from pathlib import Path
from typing import Any, ClassVar, Final

from attrs import evolve
from twisted.internet.error import ProcessExitedAlready
from twisted.internet.protocol import ProcessProtocol
from twisted.logger import Logger
from twisted.python.failure import Failure

import mailapp
from mailapp.app import bus, turns
from mailapp.app.brief import BRIEF_FD, BUS_FD, FIRST_SOCKET_FD, Brief

_ROOT: Final = Path(mailapp.__file__).parent.parent
KEPT_ENVIRONMENT: Final = frozenset(
    {
        "PATH",
        "LANG",
        "LC_ALL",
        "TZ",
        "PYTHONPATH",
        "VIRTUAL_ENV",
        "LD_PRELOAD",
        turns.VARIABLE,
    }
)


def _environment() -> dict[str, str]:
    """What a worker needs of ours, and the way to this mailapp and no other."""
    kept = {k: v for k, v in os.environ.items() if k in KEPT_ENVIRONMENT}
    places = [str(_ROOT), kept.get("PYTHONPATH", "")]
    return {**kept, "PYTHONPATH": os.pathsep.join(filter(None, places))}


class State(Enum):
    """The life of a worker."""

    STARTING = "starting"
    READY = "ready"
    DRAINING = "draining"
    GONE = "gone"


class WorkerProcess(ProcessProtocol):
    """Starts a worker, listens to its bus and its log lines, and notices its end.

    Attributes:
        name: for the logs.
        state: how far it is.
        pid: its process, 0 before it runs.
        started: when, on the supervisor's clock.
        last_alive: when it last said so.
        connections: how many it last said it has.
    """

    log: ClassVar = Logger()

    def __init__(
        self,
        name: str,
        reactor: Any,
        *,
        write_log: Callable[[str], object],
        ready: Callable[[WorkerProcess], None],
        ended: Callable[[WorkerProcess, Failure], None],
        published: Callable[[WorkerProcess, bytes, bytes], None],
    ) -> None:
        self.name = name
        self.state = State.STARTING
        self.pid = 0
        self.connections = 0
        self.started = self.last_alive = reactor.seconds()
        self._reactor = reactor
        self._write_log = write_log
        self._ready = ready
        self._ended = ended
        self._published = published
        self._partial = b""
        self._bus = bus.BusEnd(
            ready=self._say_ready,
            alive=self._say_alive,
            publish=lambda topic, fact: self._published(self, topic, fact),
        )

    def spawn(self, brief: Brief, sockets: Mapping[str, int]) -> None:
        """Start the process with its brief and its listening sockets (name to fd)."""
        numbers = range(FIRST_SOCKET_FD, FIRST_SOCKET_FD + len(sockets))
        child_fds: dict[int, Any] = {0: "w", 1: "r", 2: "r"}
        child_fds |= dict(zip(numbers, sockets.values(), strict=True))
        names = dict(zip(sockets, numbers, strict=True))
        memory = evolve(brief, sockets=names).to_fd()
        ours, theirs = socket.socketpair()
        with theirs, ours:
            ours.setblocking(False)  # noqa: FBT003 - the socket module's own form
            child_fds |= {BRIEF_FD: memory, BUS_FD: theirs.fileno()}
            try:
                transport = self._reactor.spawnProcess(
                    self,
                    sys.executable,
                    # -P: nothing is imported from the current folder
                    # its name is for ps; it learns it from the brief
                    [sys.executable, "-P", "-m", "mailapp.app.worker", self.name],
                    env=_environment(),
                    childFDs=child_fds,
                )
            finally:
                os.close(memory)
            self.pid = transport.pid
            self._reactor.adoptStreamConnection(
                ours.fileno(), socket.AF_UNIX, bus.BusFactory(self._bus)
            )

    def drain(self) -> None:
        """Ask it to finish its sessions and go."""
        if self.state in {State.STARTING, State.READY}:
            self.state = State.DRAINING
            self._bus.tell(bus.Drain)

    def publish(self, topic: bytes, fact: bytes) -> None:
        """Pass on what another worker published."""
        self._bus.tell(bus.Publish, topic=topic, fact=fact)

    def kill(self) -> None:
        """End it at once."""
        if self.state is not State.GONE and self.transport is not None:
            try:
                self.transport.signalProcess("KILL")
            except ProcessExitedAlready:
                return

    def childDataReceived(self, childFD: int, octets: bytes) -> None:  # noqa: N802, N803
        """Whole lines of the worker's log, passed on as they are."""
        lines, newline, self._partial = (self._partial + octets).rpartition(b"\n")
        if newline:
            self._write_log((lines + newline).decode("utf-8", "backslashreplace"))

    def processEnded(self, reason: Failure) -> None:  # noqa: N802
        """The process and its pipes are gone."""
        if self._partial:
            self._write_log(self._partial.decode("utf-8", "backslashreplace") + "\n")
        was_draining = self.state is State.DRAINING
        self.state = State.GONE
        level = self.log.info if was_draining else self.log.warn
        level(
            "worker ended: {reason}",
            event="worker.process.ended",
            worker=self.name,
            process=self.pid,
            reason=reason.getErrorMessage(),
        )
        self._ended(self, reason)

    def _say_ready(self) -> None:
        if self.state is State.STARTING:
            self.state = State.READY
            self.last_alive = self._reactor.seconds()
            self._ready(self)

    def _say_alive(self, connections: int) -> None:
        self.connections = connections
        self.last_alive = self._reactor.seconds()

"""A worker process: serves mail on sockets that it inherits, or is the postman.

Started by the supervisor as ``python -m mailapp.app.worker`` with the brief, the bus
and the listening sockets as file descriptors; it has no use on its own.
"""

from __future__ import annotations

import os
import signal
import socket
import sys
from typing import Any, ClassVar, Final

from twisted.internet.defer import ensureDeferred
from twisted.internet.task import LoopingCall
from twisted.logger import Logger, globalLogBeginner

from mailapp.app import affinity, bus, lines, logs
from mailapp.app.brief import BRIEF_FD, BUS_FD, Brief
from mailapp.app.garbage import Garbage
from mailapp.app.memory import give_back
from mailapp.app.parts import Parts
from mailapp.app.postman import NAME as POSTMAN
from mailapp.app.postman import Postman
from mailapp.app.privileges import forbid_new_privileges
from mailapp.app.reactor import install
from mailapp.app.service import Node
from mailapp.app.starting import CannotStart, explained
from mailapp.app.turns import watch_turns
from mailapp.config.load import load_text

ALIVE_EVERY: Final = 5.0  # seconds


class Worker:
    """Connects a node, or the postman, to the supervisor."""

    log: ClassVar = Logger()

    def __init__(self, reactor: Any, brief: Brief) -> None:
        self._reactor = reactor
        self._end = bus.BusEnd(drain=self.stop, lost=self.stop, publish=self._heard)
        settings = load_text(brief.config_text, brief.config_path)
        self._parts = Parts(settings, reactor, brief.name, self._publish)
        self._node: Node | Postman = (
            Postman(self._parts)
            if brief.name == POSTMAN
            else Node(self._parts, brief.sockets)
        )
        self._stopping = False
        self._garbage = Garbage()
        self._alive = LoopingCall(self._tell_alive)

    def start(self) -> None:
        """Join the bus, open the store, listen, and say so."""
        self._reactor.adoptStreamConnection(
            BUS_FD, socket.AF_UNIX, bus.BusFactory(self._end)
        )
        os.close(BUS_FD)
        self._parts.start()
        self._node.start()
        self._garbage.start()
        self._end.tell(bus.Ready)
        watch_turns(self._reactor)
        _ = self._alive.start(ALIVE_EVERY)

    def stop(self) -> None:
        """Drain, then leave; called for a drain, a lost supervisor, and SIGTERM."""
        if not self._stopping:
            self._stopping = True
            _ = ensureDeferred(self._stop()).addBoth(lambda _: self._leave())

    async def _stop(self) -> None:
        await self._node.stop()
        await self._parts.stop()

    def _tell_alive(self) -> None:
        connections = self._node.connections
        self._end.tell(bus.Alive, connections=connections)
        self._garbage.tend(connections)

    def _publish(self, topic: bytes, fact: bytes) -> None:
        self._end.tell(bus.Publish, topic=topic, fact=fact)

    def _heard(self, topic: bytes, fact: bytes) -> None:
        self._parts.facts.heard(topic, fact)

    def _leave(self) -> None:
        if self._reactor.running:
            self._reactor.stop()


def main() -> None:
    """Run until the supervisor says otherwise."""
    give_back()
    brief = Brief.from_fd(BRIEF_FD)
    settings = load_text(brief.config_text, brief.config_path)
    if settings.server.pin_workers and brief.name != POSTMAN:
        affinity.pin(brief.number)
    reactor: Any = install()
    gathered = logs.Gathered(logs.to_stream(sys.stderr), reactor)
    observer = logs.LineObserver(
        gathered.write,
        form=lines.FORMATS[settings.log.format],
        level=settings.log.level,
        worker=brief.name,
        hurry=gathered.flush,
    )
    globalLogBeginner.beginLoggingTo([observer], redirectStandardIO=False)
    forbid_new_privileges()
    try:
        with explained():
            worker = Worker(reactor, brief)
    except CannotStart as problem:
        Worker.log.error("{why}", event="worker.start.failed", why=problem)
        gathered.flush()
        raise SystemExit(problem.code) from None
    reactor.callWhenRunning(worker.start)
    # Ctrl-C and the end of a terminal reach all processes of a demo; only the
    # supervisor may say what follows
    for ignored in (signal.SIGINT, signal.SIGHUP):
        signal.signal(ignored, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, lambda *_: reactor.callFromThread(worker.stop))
    try:
        reactor.run(installSignalHandlers=False)
    finally:
        gathered.flush()


if __name__ == "__main__":
    main()

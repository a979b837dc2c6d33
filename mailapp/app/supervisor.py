"""Many processes: opens the sockets, keeps the workers alive, reloads and drains.

The supervisor serves no mail itself. It opens one listening socket per worker slot
and listener (SO_REUSEPORT) and keeps it, so that no connection is lost when a worker
is replaced or dies: the kernel's queue belongs to the socket, not to the worker.

==========  =================================================================
a worker…   then
==========  =================================================================
dies        another is started in its slot, after a back-off that doubles
hangs       no sign of life for ``HUNG_AFTER``: it is killed, and so replaced
is old      SIGHUP: a new one is started, says it is ready, the old one drains
==========  =================================================================

The postman has no sockets and there is never more than one: at a reload the old one
ends before the new one is started.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, ClassVar, Final

from attrs import Factory, define
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall
from twisted.internet.task import LoopingCall
from twisted.logger import Logger
from twisted.python.failure import Failure

from mailapp.app.brief import Brief
from mailapp.app.facts import ARRIVALS, GONE
from mailapp.app.notify import Notify
from mailapp.app.process import State, WorkerProcess

HUNG_AFTER: Final = 20.0  # seconds
CHECK_EVERY: Final = 2.0
FIRST_BACK_OFF: Final = 0.2
LONGEST_BACK_OFF: Final = 30.0
HEALTHY_AFTER: Final = 60.0  # a worker that lived so long did not fail at its start


@define
class Slot:
    """A place for a worker, with the sockets it listens on.

    Attributes:
        sockets: listener name to file descriptor, kept open here.
        current: serves, or is about to.
        back_off: seconds to wait before the next start.
        renewed: the current one ends for a reload, another follows at once.
        restart: the start that is planned.
    """

    name: str
    sockets: Mapping[str, int]
    current: WorkerProcess | None = None
    leaving: set[WorkerProcess] = Factory(set)
    back_off: float = FIRST_BACK_OFF
    restart: IDelayedCall | None = None
    renewed: bool = False

    @property
    def is_postman(self) -> bool:
        """It alone has no sockets, and there may be only one at a time."""
        return not self.sockets


class Supervisor:
    """Keeps one worker in each slot.

    Args:
        reactor: clock, processes and sockets.
        slots: gives for the name of each slot its sockets, by listener name; asked
            again at a reload, for the same slots.
        brief: makes the brief for a worker of this name; read again at every start.
        write_log: takes whole log lines of the workers.
        drain_seconds: how long a worker may take to finish its sessions.
    """

    log: ClassVar = Logger()

    def __init__(
        self,
        reactor: Any,
        slots: Callable[[], Mapping[str, Mapping[str, int]]],
        brief: Callable[[str], Brief],
        *,
        write_log: Callable[[str], object],
        notify: Notify,
        drain_seconds: float,
    ) -> None:
        self._reactor = reactor
        self._sockets = slots
        self._slots = [Slot(name, sockets) for name, sockets in slots().items()]
        self._brief = brief
        self._write_log = write_log
        self._notify = notify
        self._drain_seconds = drain_seconds
        self._stopping: Deferred[None] | None = None
        self._was_ready = False
        self._checks = LoopingCall(self._check)
        self._checks.clock = reactor
        self.on_ready: Callable[[], None] = lambda: None

    def start(self) -> None:
        """Start a worker in every slot."""
        for slot in self._slots:
            self._spawn(slot)
        _ = self._checks.start(CHECK_EVERY, now=False)

    def reload(self) -> None:
        """Replace every worker: make before break."""
        if self._stopping is not None:
            return
        self._was_ready = False
        sockets = self._sockets()
        for slot in self._slots:
            slot.sockets = sockets[slot.name]
            if slot.restart is not None and slot.restart.active():
                slot.restart.cancel()
            slot.back_off = FIRST_BACK_OFF
            if not slot.is_postman or slot.current is None:
                self._spawn(slot)
            else:
                slot.renewed = True
                slot.current.drain()
                self._reactor.callLater(self._drain_seconds, slot.current.kill)

    def stop(self) -> Deferred[None]:
        """Drain every worker; what is left after the drain time is killed."""
        self._stopping = Deferred()
        self._notify.stopping()
        if self._checks.running:
            self._checks.stop()
        for slot in self._slots:
            if slot.restart is not None and slot.restart.active():
                slot.restart.cancel()
        for worker in self._workers():
            worker.drain()
        self._reactor.callLater(self._drain_seconds, self._kill_all)
        self._maybe_stopped()
        return self._stopping

    @property
    def pids(self) -> list[int]:
        """Process ids of all workers."""
        return [worker.pid for worker in self._workers()]

    def _workers(self) -> list[WorkerProcess]:
        current = [slot.current for slot in self._slots if slot.current]
        return current + [w for slot in self._slots for w in slot.leaving]

    def _spawn(self, slot: Slot) -> None:
        worker = WorkerProcess(
            slot.name,
            self._reactor,
            write_log=self._write_log,
            ready=lambda worker: self._ready(slot, worker),
            ended=lambda worker, reason: self._ended(slot, worker, reason),
            published=self._published,
        )
        if slot.current is not None:
            slot.leaving.add(slot.current)
        slot.current = worker
        slot.restart = None
        worker.spawn(self._brief(slot.name), slot.sockets)
        self.log.debug(
            "worker started",
            event="worker.process.started",
            worker=slot.name,
            process=worker.pid,
        )

    def _ready(self, slot: Slot, worker: WorkerProcess) -> None:
        for old in slot.leaving:
            old.drain()
            self._reactor.callLater(self._drain_seconds, old.kill)
        if self._stopping is not None:
            worker.drain()
            return
        self._tell_ready()

    def _tell_ready(self) -> None:
        """Once all are, after the start and after each reload."""
        current = [slot.current for slot in self._slots]
        if not self._was_ready and all(w and w.state is State.READY for w in current):
            self._was_ready = True
            self._notify.ready(f"{len(current)} processes")
            self.on_ready()

    def _ended(self, slot: Slot, worker: WorkerProcess, _reason: Failure) -> None:
        slot.leaving.discard(worker)
        self._published(worker, GONE, str(worker.pid).encode())
        if slot.current is worker:
            # a reload's new worker may have died before it was ready: the old serves
            slot.current = slot.leaving.pop() if slot.leaving else None
            if slot.current is not None:
                self._tell_ready()
            elif self._stopping is None and slot.renewed:
                slot.renewed = False
                self._spawn(slot)
            elif self._stopping is None:
                self._plan(slot, worker)
        self._maybe_stopped()

    def _plan(self, slot: Slot, dead: WorkerProcess) -> None:
        if self._reactor.seconds() - dead.started > HEALTHY_AFTER:
            slot.back_off = FIRST_BACK_OFF
        self.log.warn(
            "worker is started again in {delay_seconds} s",
            event="worker.process.restarted",
            worker=slot.name,
            delay_seconds=slot.back_off,
        )
        slot.restart = self._reactor.callLater(slot.back_off, self._spawn, slot)
        slot.back_off = min(slot.back_off * 2, LONGEST_BACK_OFF)

    def _published(self, sender: WorkerProcess, topic: bytes, fact: bytes) -> None:
        """Tell all others; of arrivals only the postman; or one the topic names."""
        topic, _, process = topic.partition(b" ")
        told = self._workers()
        if topic == ARRIVALS:
            told = [s.current for s in self._slots if s.current and s.is_postman]
        elif process:
            told = [worker for worker in told if worker.pid == int(process)]
        for worker in told:
            if worker is not sender:
                worker.publish(topic, fact)

    def _check(self) -> None:
        now = self._reactor.seconds()
        for worker in self._workers():
            if now - worker.last_alive > HUNG_AFTER:
                self.log.error(
                    "worker gives no sign of life and is killed",
                    event="worker.process.hung",
                    worker=worker.name,
                    process=worker.pid,
                )
                worker.last_alive = now
                worker.kill()
        self._notify.alive()

    def _kill_all(self) -> None:
        for worker in self._workers():
            worker.kill()

    def _maybe_stopped(self) -> None:
        stopping = self._stopping
        if stopping is not None and not stopping.called and not self._workers():
            stopping.callback(None)

"""The supervisor, with workers that are played."""

from __future__ import annotations

from functools import partial
from typing import Any

from twisted.internet.error import ProcessDone, ProcessTerminated
from twisted.internet.task import Clock
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from mailapp.app.brief import Brief
from mailapp.app.facts import ARRIVALS
from mailapp.app.notify import Notify
from mailapp.app.process import WorkerProcess
from mailapp.app.supervisor import (
    FIRST_BACK_OFF,
    HUNG_AFTER,
    LONGEST_BACK_OFF,
    Supervisor,
)
from mailapp.app.watching import CHANGES, addressed


class _Transport:
    """A process that does nothing but remember its signals."""

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self.signals: list[str] = []

    def signalProcess(self, name: str) -> None:  # noqa: N802
        self.signals.append(name)


class _Played(Clock):
    """A reactor whose processes are played by the test."""

    def __init__(self) -> None:
        super().__init__()
        self.workers: list[Any] = []
        self.buses: list[Any] = []

    def spawnProcess(self, protocol: Any, *args: Any, **kw: Any) -> _Transport:  # noqa: N802
        transport = _Transport(1000 + len(self.workers))
        protocol.transport = transport
        self.workers.append(protocol)
        return transport

    def adoptStreamConnection(self, fd: int, family: int, factory: Any) -> None:  # noqa: N802
        self.buses.append(factory.buildProtocol(None))


class SupervisorTests(SynchronousTestCase):
    """Restart, hang, reload, stop."""

    def setUp(self) -> None:
        """Two slots, both started and ready."""
        self.reactor = _Played()
        self.lines: list[str] = []
        self.told: list[tuple[int, str]] = []
        self.supervisor = Supervisor(
            self.reactor,
            lambda: {"w0": {"smtp": 3}, "w1": {"smtp": 4}},
            lambda name: Brief(name, "", ""),
            write_log=self.lines.append,
            notify=Notify(),
            drain_seconds=30.0,
        )
        self.readied = 0
        self.supervisor.on_ready = self._count_ready
        self.supervisor.start()
        for worker in self.workers:
            self.say(worker, "ready")

    def _count_ready(self) -> None:
        self.readied += 1

    @property
    def workers(self) -> list[WorkerProcess]:
        """All that were ever started."""
        return self.reactor.workers

    def signals(self, number: int) -> list[str]:
        """What was sent to a worker's process."""
        transport: Any = self.workers[number].transport
        return list(transport.signals)

    def say(self, worker: WorkerProcess, name: str, *arguments: object) -> None:
        """A worker says something over its bus."""
        self.reactor.buses[self.workers.index(worker)].on[name](*arguments)

    def die(self, worker: WorkerProcess, *, cleanly: bool = False) -> None:
        """A worker's process ends."""
        reason = ProcessDone(0) if cleanly else ProcessTerminated(1, 11)
        worker.processEnded(Failure(reason))

    def live(self, seconds: float) -> None:
        """Time passes and every living worker says that it lives."""
        for _ in range(int(seconds)):
            for worker in self.workers:
                if worker.state.value != "gone":
                    self.say(worker, "alive", 0)
            self.reactor.advance(1.0)

    def test_ready_once_all_are(self) -> None:
        """The server is ready when every slot is."""
        self.assertEqual((len(self.workers), self.readied), (2, 1))

    def test_dead_worker_is_replaced(self) -> None:
        """A worker that dies is started again in its slot after the back-off."""
        self.die(self.workers[0])
        self.assertEqual(len(self.workers), 2)
        self.reactor.advance(FIRST_BACK_OFF)
        self.assertEqual(self.workers[2].name, self.workers[0].name)

    def test_back_off_doubles_up_to_a_limit(self) -> None:
        """One that dies again and again is started ever less often."""
        delays = []
        for _ in range(12):
            self.die(self.workers[-1])
            delay = 0.0
            count = len(self.workers)
            while len(self.workers) == count:
                self.reactor.advance(FIRST_BACK_OFF / 2)
                self.say(self.workers[0], "alive", 0)
                delay += FIRST_BACK_OFF / 2
            delays.append(delay)
        self.assertLess(abs(delays[0] - FIRST_BACK_OFF), 0.15)
        self.assertLess(abs(delays[1] - 2 * FIRST_BACK_OFF), 0.15)
        self.assertLess(abs(delays[-1] - LONGEST_BACK_OFF), 0.15)

    def test_hung_worker_is_killed(self) -> None:
        """A worker without a sign of life is killed; one that gives them is not."""
        for _ in range(int(HUNG_AFTER) + 3):
            self.say(self.workers[0], "alive", 3)
            self.reactor.advance(1.0)
        self.assertEqual(self.signals(0), [])
        self.assertEqual(self.signals(1), ["KILL"])

    def test_reload_makes_before_it_breaks(self) -> None:
        """An old worker is drained only when the new one in its slot is ready."""
        self.supervisor.reload()
        self.assertEqual(len(self.workers), 4)
        self.assertEqual([w.state.value for w in self.workers[:2]], ["ready"] * 2)
        self.say(self.workers[2], "ready")
        self.assertEqual(self.workers[0].state.value, "draining")
        self.assertEqual(self.workers[1].state.value, "ready")
        self.die(self.workers[0], cleanly=True)
        self.live(5)
        self.assertEqual(len(self.workers), 4)

    def test_reload_whose_worker_fails_keeps_the_old(self) -> None:
        """A new worker that dies at once leaves the old one in service."""
        self.supervisor.reload()
        self.die(self.workers[2])
        self.assertEqual(self.workers[0].state.value, "ready")
        self.live(5)
        self.assertEqual(len(self.workers), 4)

    def test_stop_waits_for_the_sessions(self) -> None:
        """Stop drains, waits, and is done when the last worker is gone."""
        stopped = self.supervisor.stop()
        self.assertEqual({w.state.value for w in self.workers}, {"draining"})
        self.die(self.workers[0], cleanly=True)
        self.assertNoResult(stopped)
        self.die(self.workers[1], cleanly=True)
        self.assertIsNone(self.successResultOf(stopped))
        self.reactor.advance(60)
        self.assertEqual(len(self.workers), 2)

    def test_stop_kills_what_does_not_go(self) -> None:
        """Who has not finished after the drain time is killed."""
        stopped = self.supervisor.stop()
        self.reactor.advance(31)
        self.assertEqual(self.signals(0), ["KILL"])
        for worker in self.workers:
            self.die(worker)
        self.successResultOf(stopped)

    def test_bus_reaches_all_others(self) -> None:
        """What a worker publishes is told to the others, or to one, not to itself."""
        told: list[tuple[str, bytes, bytes]] = []
        for worker in self.workers:
            hear = partial(self._hear, told, worker.name)
            worker.publish = hear  # type: ignore[method-assign]  # watched by the test
        self.say(self.workers[0], "publish", b"topic", b"fact")
        self.assertEqual(told, [("w1", b"topic", b"fact")])
        told.clear()
        for number in (0, 1):
            topic = addressed(CHANGES, self.workers[number].pid)
            self.say(self.workers[0], "publish", topic, b"fact")
        self.assertEqual(told, [("w1", CHANGES, b"fact")])

    def test_arrivals_reach_the_postman(self) -> None:
        """Who carries has no sockets; nobody else hears what has come."""
        self.supervisor = Supervisor(
            self.reactor,
            lambda: {"w0": {"smtp": 3}, "w1": {"smtp": 4}, "postman": {}},
            lambda name: Brief(name, "", ""),
            write_log=self.lines.append,
            notify=Notify(),
            drain_seconds=30.0,
        )
        before = len(self.workers)
        self.supervisor.start()
        told: list[tuple[str, bytes, bytes]] = []
        for worker in self.workers[before:]:
            hear = partial(self._hear, told, worker.name)
            worker.publish = hear  # type: ignore[method-assign]  # watched by the test
        self.say(self.workers[before], "publish", ARRIVALS, b"fact")
        self.assertEqual(told, [("postman", ARRIVALS, b"fact")])

    def _hear(self, told: list[Any], name: str, topic: bytes, fact: bytes) -> None:
        told.append((name, topic, fact))

    def test_log_lines_are_whole(self) -> None:
        """A worker's log arrives line by line however the pipe cuts it."""
        self.workers[0].childDataReceived(2, b"one\ntw")
        self.workers[0].childDataReceived(2, b"o\nthree\nfo")
        self.assertEqual(self.lines, ["one\n", "two\nthree\n"])


class PostmanTests(SynchronousTestCase):
    """A slot without sockets: there is one postman at any time."""

    def setUp(self) -> None:
        """One worker and the postman."""
        self.reactor = _Played()
        self.supervisor = Supervisor(
            self.reactor,
            lambda: {"w0": {"smtp": 3}, "postman": {}},
            lambda name: Brief(name, "", ""),
            write_log=lambda _line: None,
            notify=Notify(),
            drain_seconds=30.0,
        )
        self.supervisor.start()
        self.worker, self.postman = self.reactor.workers
        for bus in self.reactor.buses:
            bus.on["ready"]()

    def names(self) -> list[str]:
        """Of all processes that were ever started."""
        return [process.name for process in self.reactor.workers]

    def end(self) -> None:
        """The postman's process ends."""
        self.postman.processEnded(Failure(ProcessDone(0)))

    def test_reload(self) -> None:
        """The new one is started when the old one has ended, and not before."""
        self.supervisor.reload()
        self.assertEqual(self.names(), ["w0", "postman", "w0"])
        self.end()
        self.assertEqual(self.names(), ["w0", "postman", "w0", "postman"])

    def test_stuck_at_reload(self) -> None:
        """One that does not end in time is killed."""
        self.supervisor.reload()
        for _ in range(30):
            self.reactor.advance(1.0)
            for bus in self.reactor.buses:
                bus.on["alive"](0)
        self.assertEqual(self.postman.transport.signals, ["KILL"])

    def test_dies_after_reload(self) -> None:
        """A reload renews it once; what dies later waits for the back-off."""
        self.supervisor.reload()
        self.end()
        self.reactor.workers[-1].processEnded(Failure(ProcessDone(0)))
        self.assertEqual(self.names().count("postman"), 2)
        self.reactor.advance(1.0)
        self.assertEqual(self.names().count("postman"), 3)

"""The server as one Twisted service: for twistd, and for ``mailapp demo``."""

from __future__ import annotations

import fcntl
import os
import resource
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar, Final, NoReturn

from twisted.application.service import IServiceCollection, Service
from twisted.internet.defer import Deferred, maybeDeferred
from twisted.internet.task import LoopingCall
from twisted.logger import ILogObserver, Logger
from twisted.python.components import Componentized

from mailapp.app.brief import Brief
from mailapp.app.logs import FORMATS, LineObserver
from mailapp.app.notify import Notify
from mailapp.app.privileges import drop
from mailapp.app.service import Node
from mailapp.app.sockets import Sockets
from mailapp.app.supervisor import Supervisor
from mailapp.config.load import inspect, load_text
from mailapp.net.listeners import CannotListen
from mailapp.net.tls import BadCertificate

EX_OSERR: Final = 71  # sysexits.h
EX_TEMPFAIL: Final = 75
LOCK_FILE: Final = "mailapp.lock"


class Appliance(Service):
    """Opens sockets with privileges, drops them, then serves.

    Args:
        text: the configuration, which was checked.
        path: where it came from; read again at SIGHUP.
        reactor: the real one.
        write_log: takes whole log lines.
    """

    name = "mailapp"
    log: ClassVar = Logger()

    def __init__(
        self, text: str, path: str, reactor: Any, write_log: Callable[[str], object]
    ) -> None:
        self._text = text
        self._path = path
        self._reactor = reactor
        self._write_log = write_log
        self.configuration = load_text(text, path)
        self._notify = Notify.from_environment(os.environ)
        self._slots = max(1, self.configuration.server.workers)
        self.sockets = Sockets(reactor, self._slots)
        self._lock = -1
        self._node: Node | None = None
        self._supervisor: Supervisor | None = None
        self._watchdog = LoopingCall(self._notify.alive)
        self._watchdog.clock = reactor
        self.on_ready: Callable[[], None] = lambda: None

    @property
    def observer(self) -> LineObserver:
        """Writes this process's own events, in the configured form."""
        log = self.configuration.log
        worker = "supervisor" if self.configuration.server.workers else ""
        return LineObserver(
            self._write_log,
            form=FORMATS[log.format],
            level=log.level.value,
            worker=worker,
        )

    def setServiceParent(self, parent: IServiceCollection) -> None:
        """Have twistd log in our form, unless its user asked for another one."""
        if isinstance(parent, Componentized):
            parent.setComponent(ILogObserver, self.observer)  # type: ignore[no-untyped-call]
        super().setServiceParent(parent)  # type: ignore[no-untyped-call]

    def privilegedStartService(self) -> None:
        """As root, if at all: the sockets."""
        super().privilegedStartService()  # type: ignore[no-untyped-call]
        _raise_file_limit()
        try:
            self.sockets.open(self.configuration.listeners)
        except CannotListen as problem:
            _give_up(str(problem), EX_OSERR)

    def startService(self) -> None:
        """Without privileges: the lock, then one process or many."""
        super().startService()  # type: ignore[no-untyped-call]
        server = self.configuration.server
        try:
            drop(server.user, server.group)
        except LookupError as problem:
            _give_up(f"server.user: {problem}", EX_OSERR)
        self._lock = _lock(server.directory / LOCK_FILE)
        signal.signal(
            signal.SIGHUP, lambda *_: self._reactor.callFromThread(self.reload)
        )
        if server.workers:
            self._start_many()
        else:
            self._start_one()

    def stopService(self) -> Deferred[None]:
        """Drain, then let go."""
        _ = maybeDeferred(super().stopService)
        if self._watchdog.running:
            self._watchdog.stop()
        if self._supervisor is not None:
            stopping = self._supervisor.stop()
        elif self._node is not None:
            self._notify.stopping()
            stopping = self._node.stop()
        else:
            stopping = maybeDeferred(lambda: None)
        return stopping.addBoth(self._stopped)

    def reload(self) -> None:
        """SIGHUP: read configuration and certificates again; keep serving."""
        try:
            text = Path(self._path).read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as problem:
            self._refuse_reload(str(problem))
            return
        loaded = inspect(text, self._path, host=True)
        for found in loaded.problems:
            self.log.warn("{found}", event="server.reload.problem", found=found)
        if loaded.configuration is None:
            self._refuse_reload("the configuration has errors")
            return
        try:
            if self._supervisor is not None:
                self._reload_many(text)
            elif self._node is not None:
                self._node.reload_certificates()
                if text != self._text:
                    self._tell_restart("settings other than certificates")
        except (CannotListen, BadCertificate) as problem:
            self._refuse_reload(str(problem))
        else:
            self.log.info("reloaded", event="server.reload.done")

    # ---- one process

    def _start_one(self) -> None:
        self._node = Node(self.configuration, self._reactor, self.sockets.slot(0))
        self._node.start()
        if self._notify.watchdog_seconds:
            _ = self._watchdog.start(self._notify.watchdog_seconds / 2)
        self._ready()

    # ---- many processes

    def _start_many(self) -> None:
        self._supervisor = Supervisor(
            self._reactor,
            self._slots_now,
            lambda name: Brief(name, self._path, self._text),
            write_log=self._write_log,
            notify=self._notify,
            drain_seconds=self.configuration.server.drain + 5.0,
        )
        self._supervisor.on_ready = self._ready
        self._supervisor.start()

    def _slots_now(self) -> list[Any]:
        return [self.sockets.slot(number) for number in range(self._slots)]

    def _reload_many(self, text: str) -> None:
        if self._supervisor is None:
            return
        configuration = load_text(text, self._path)
        self.sockets.open(configuration.listeners)
        if max(1, configuration.server.workers) != self._slots:
            self._tell_restart("server.workers")
        self._text, self.configuration = text, configuration
        self._supervisor.reload()

    # ---- both

    def _ready(self) -> None:
        names = [listener.name for listener in self.configuration.listeners]
        self.log.info(
            "ready: {listeners}", event="server.ready", listeners=", ".join(names)
        )
        if self._node is not None:
            self._notify.ready("1 process")
        self.on_ready()

    def _stopped(self, result: Any) -> Any:
        if self._lock >= 0:
            os.close(self._lock)
            self._lock = -1
        return result

    def _refuse_reload(self, why: str) -> None:
        self.log.error(
            "not reloaded, everything stays as it was: {why}",
            event="server.reload.refused",
            why=why,
        )
        self._notify.ready("reload refused")

    def _tell_restart(self, what: str) -> None:
        self.log.warn(
            "{what}: changed only by a restart",
            event="server.reload.incomplete",
            what=what,
        )


def _lock(path: Path) -> int:
    """Hold the data folder; a second server there would serve the same mail twice."""
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        _give_up(f"{path.parent}: another mailapp is running there", EX_TEMPFAIL)
    except OSError as problem:
        _give_up(f"{path}: {problem.strerror}", EX_OSERR)
    return descriptor


def _raise_file_limit() -> None:
    """As many descriptors as we may have: each connection is one."""
    _soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def _give_up(reason: str, code: int) -> NoReturn:
    sys.stderr.write(f"mailapp: {reason}\n")
    raise SystemExit(code)

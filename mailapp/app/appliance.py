"""The server as one Twisted service: for twistd, and for ``mailapp demo``."""

from __future__ import annotations

import fcntl
import os
import resource
import signal
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, ClassVar, Final, NoReturn

from twisted.application.service import IServiceCollection, Service
from twisted.internet.defer import Deferred, ensureDeferred, maybeDeferred
from twisted.internet.task import LoopingCall
from twisted.logger import ILogObserver, Logger
from twisted.python.components import Componentized

from mailapp.app.brief import Brief
from mailapp.app.lines import FORMATS
from mailapp.app.logs import LineObserver, Log
from mailapp.app.notify import Notify
from mailapp.app.parts import Parts
from mailapp.app.postman import NAME as POSTMAN
from mailapp.app.postman import Postman
from mailapp.app.privileges import drop, ids_to_become
from mailapp.app.service import Node, check_certificates
from mailapp.app.sockets import Sockets
from mailapp.app.starting import CannotStart, explained
from mailapp.app.supervisor import Supervisor
from mailapp.app.turns import watch_turns
from mailapp.config.load import inspect, load_text
from mailapp.config.schema import Configuration
from mailapp.net.listeners import CannotListen
from mailapp.net.tls import BadCertificate

EX_TEMPFAIL: Final = 75  # sysexits.h
LOCK_FILE: Final = "mailapp.lock"


class Appliance(Service):
    """Opens sockets with privileges, drops them, then serves.

    ``twistd`` calls the methods of :class:`Service`; who starts it without ``twistd``
    calls ``open``, ``begin`` and ``stopService``.

    Args:
        text: the configuration, which was checked.
        path: where it came from; read again at SIGHUP.
        reactor: the real one.
        log_file: takes the lines of this process and of the workers.
    """

    name = "mailapp"
    log: ClassVar = Logger()

    def __init__(self, text: str, path: str, reactor: Any, log_file: Log) -> None:
        self._text = text
        self._path = path
        self._reactor = reactor
        self._log_file = log_file
        self.configuration = load_text(text, path)
        self._notify = Notify.from_environment(os.environ)
        self._slots = max(1, self.configuration.server.workers)
        self.sockets = Sockets(reactor, self._slots)
        self._lock = -1
        self._parts: Parts | None = None
        self._node: Node | None = None
        self._postman: Postman | None = None
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
            self._log_file.write,
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
        try:
            self.open()
        except CannotStart as problem:
            _give_up(problem)

    def startService(self) -> None:
        """Become the configured user, then serve; SIGHUP reloads from now on."""
        super().startService()  # type: ignore[no-untyped-call]
        try:
            self.begin()
        except CannotStart as problem:
            _give_up(problem)
        signal.signal(
            signal.SIGHUP, lambda *_: self._reactor.callFromThread(self.reload)
        )

    def open(self) -> None:
        """Open the sockets, for which privileges may be needed.

        Raises:
            CannotStart: they can't be opened.
        """
        _raise_file_limit()
        try:
            self.sockets.open(self.configuration.listeners)
        except CannotListen as problem:
            raise CannotStart(str(problem)) from problem

    def begin(self) -> None:
        """Without privileges: the lock, then one process or many.

        Raises:
            CannotStart: another one serves, or something can't be read or written.
        """
        server = self.configuration.server
        with explained():
            become = self._whom()
            if become is not None:
                self._log_file.give_to(*become)
            drop(become)
            server.directory.mkdir(mode=0o750, parents=True, exist_ok=True)
            self._lock = lock_folder(server.directory / LOCK_FILE)
            if server.workers:
                check_certificates(self.configuration)
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
            stopping = ensureDeferred(self._stop_one(self._node))
        else:
            stopping = maybeDeferred(lambda: None)
        return stopping.addBoth(self._stopped)

    def reload(self) -> None:
        """SIGHUP: read configuration and certificates again; keep serving."""
        self._notify.reloading()
        try:
            self._log_file.reopen()
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
                self._reload_many(text, loaded.configuration, self._supervisor)
            elif self._node is not None:
                self._reload_one(text, self._node)
        except (CannotListen, CannotStart, BadCertificate) as problem:
            self._refuse_reload(str(problem))
        else:
            self.log.info("reloaded", event="server.reload.done")

    def _whom(self) -> tuple[int, int] | None:
        server = self.configuration.server
        try:
            return ids_to_become(server.user, server.group)
        except LookupError as problem:
            raise CannotStart(f"server.user: {problem}") from problem

    # ---- one process

    def _start_one(self) -> None:
        self._parts = Parts(self.configuration, self._reactor, "one")
        self._node = Node(self._parts, self.sockets.take())
        self._postman = Postman(self._parts)
        self._parts.start()
        self._postman.start()
        self._node.start()
        if self._notify.watchdog_seconds:
            _ = self._watchdog.start(self._notify.watchdog_seconds / 2)
        self._ready()
        watch_turns(self._reactor)

    async def _stop_one(self, node: Node) -> None:
        await node.stop()
        if self._postman is not None:
            await self._postman.stop()
        if self._parts is not None:
            await self._parts.stop()

    def _reload_one(self, text: str, node: Node) -> None:
        node.reload_certificates()
        if text != self._text:
            self._tell_restart("settings other than certificates")
        self._notify.ready("1 process")

    # ---- many processes

    def _start_many(self) -> None:
        self._supervisor = Supervisor(
            self._reactor,
            self._slots_now,
            lambda name: Brief(name, self._path, self._text),
            write_log=self._log_file.write,
            notify=self._notify,
            drain_seconds=self.configuration.server.drain + 5.0,
        )
        self._supervisor.on_ready = self._ready
        self._supervisor.start()

    def _slots_now(self) -> dict[str, Mapping[str, int]]:
        slots = {f"w{n}": self.sockets.slot(n) for n in range(self._slots)}
        return {**slots, POSTMAN: {}}

    def _reload_many(
        self, text: str, configuration: Configuration, supervisor: Supervisor
    ) -> None:
        new, old = configuration.server, self.configuration.server
        if new.directory != old.directory:
            raise CannotStart("server.directory changes only by a restart")
        check_certificates(configuration)
        self.sockets.open(configuration.listeners)
        if max(1, new.workers) != self._slots:
            self._tell_restart("server.workers")
        if (new.user, new.group) != (old.user, old.group):
            self._tell_restart("server.user and server.group")
        self._text, self.configuration = text, configuration
        supervisor.reload()

    # ---- both

    def _ready(self) -> None:
        names = [listener.name for listener in self.configuration.listeners]
        self.log.info(
            "ready: {listeners}", event="server.ready", listeners=", ".join(names)
        )
        for listener in self.configuration.listeners:
            if listener.exposes_passwords:
                self.log.warn(
                    "{listener}: passwords travel in the clear, whoever is on the way"
                    " reads them",
                    event="server.listener.exposed",
                    listener=listener.name,
                )
        if self._node is not None:
            self._notify.ready("1 process")
        self.on_ready()

    def _stopped(self, result: Any) -> Any:
        if self._lock >= 0:
            os.close(self._lock)
            self._lock = -1
        self.sockets.close()
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


def lock_folder(path: Path) -> int:
    """Hold the data folder; a second server there would serve the same mail twice.

    Raises:
        CannotStart: another one holds it.
        OSError: the file can't be made.
    """
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as problem:
        os.close(descriptor)
        reason = f"{path.parent}: another mailapp is running there"
        raise CannotStart(reason, EX_TEMPFAIL) from problem
    return descriptor


def _raise_file_limit() -> None:
    """As many descriptors as we may have: each connection is one."""
    _soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def _give_up(problem: CannotStart) -> NoReturn:
    sys.stderr.write(f"mailapp: {problem}\n")
    raise SystemExit(problem.code)

"""A demo that runs: serves a world until it is stopped, or checks it."""

from __future__ import annotations

import os
import secrets
import signal
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from twisted.logger import globalLogBeginner

from mailapp.app.appliance import LOCK_FILE, Appliance, lock_folder
from mailapp.app.demo.outside import OutsideWorld
from mailapp.app.demo.roundtrip import Finding, Target, check
from mailapp.app.demo.world import Built, World
from mailapp.app.logs import Log
from mailapp.app.memory import give_back
from mailapp.app.reactor import install
from mailapp.net.tls import CertificateFiles, ServerTLS

LOG_FILE: Final = "mailapp.log"
READY_SECONDS: Final = 30.0
"""How long a check waits: workers that die at their start are started for ever."""


class Demo:
    """A world that is being served.

    Args:
        world: what to serve; it is built here.

    Raises:
        CannotStart: another demo serves this folder.
        OSError, SyntaxProblem, AccountsFileProblem, KeyProblem: it can't be built.
    """

    def __init__(self, world: World) -> None:
        give_back()
        self._reactor: Any = install()
        self.world: Final = world
        if world.folder.is_dir():
            # change nothing below a server that runs
            os.close(lock_folder(world.folder / LOCK_FILE))
        self.built: Final[Built] = world.build(self._reactor)

    @property
    def ca_file(self) -> Path:
        """The certificate authority that clients have to trust."""
        return self.world.folder / "ca.pem"

    @property
    def log_file(self) -> Path:
        """Where the server logs."""
        return self.world.folder / LOG_FILE

    def serve(self, ready: Callable[[], None]) -> None:
        """Serve until SIGINT, SIGTERM, SIGHUP or ``stop``.

        Args:
            ready: called when all listeners accept.

        Raises:
            CannotStart: a port is in use, or another demo serves this folder.
        """
        log_file = Log(str(self.log_file))
        path = str(self.world.path)
        appliance = Appliance(self.built.text, path, self._reactor, log_file)
        globalLogBeginner.beginLoggingTo([appliance.observer], redirectStandardIO=False)
        appliance.on_ready = lambda: self._reactor.callWhenRunning(self._tell, ready)
        outside = self._outside()
        appliance.open()
        outside.start()
        appliance.begin()
        # the terminal was closed: nobody is there to end it later
        signal.signal(signal.SIGHUP, lambda *_: self._reactor.callFromThread(self.stop))
        for stop in (appliance.stopService, outside.stop):
            self._reactor.addSystemEventTrigger("before", "shutdown", stop)
        self._reactor.run()

    def check(self, tell: Callable[[Finding], None]) -> None:
        """Serve, try every protocol, and stop.

        Args:
            tell: called with each finding, and with one more if nothing serves.

        Raises:
            CannotStart: as ``serve``.
            LookupError: the password of the account to try is not known.
        """
        target = self._target()
        too_late = self._reactor.callLater(READY_SECONDS, self._never_ready, tell)

        def ready() -> None:
            too_late.cancel()
            threading.Thread(
                target=self._check_in_thread, args=(target, tell), daemon=True
            ).start()

        self.serve(ready)

    def stop(self) -> None:
        """End it, if it runs."""
        if self._reactor.running:
            self._reactor.stop()

    def _outside(self) -> OutsideWorld:
        folder = self.world.folder
        files = CertificateFiles(str(folder / "server.pem"), str(folder / "server.key"))
        return OutsideWorld(
            self._reactor,
            folder,
            home=self.world.domain,
            base=self.world.port_base,
            back=self.built.ports["smtp"],
            tls=ServerTLS([files], b"outside", ()),
        )

    def _target(self) -> Target:
        account = self.built.accounts[0]
        bob = self.world.account("bob")
        return Target(
            self.built.ports,
            str(self.ca_file),
            bob,
            account,
            self.built.passwords[account],
            sender_password=self.built.passwords.get(bob, ""),
            journal=self.built.configuration.journal_folder,
        )

    def _tell(self, ready: Callable[[], None]) -> None:
        try:
            ready()
        except OSError:  # nobody reads what we print
            self.stop()

    def _never_ready(self, tell: Callable[[Finding], None]) -> None:
        problem = f"not ready, see {self.log_file}"
        tell(Finding("server", "start", READY_SECONDS, problem))
        self.stop()

    def _check_in_thread(self, target: Target, tell: Callable[[Finding], None]) -> None:
        try:
            for finding in check(target, secrets.token_hex(8)):
                tell(finding)
        finally:
            self._reactor.callFromThread(self.stop)

"""A demo that runs: serves a world, shows it on the screen, or checks it."""

from __future__ import annotations

import secrets
import sys
import threading
from collections.abc import Callable
from typing import IO, Any, Final

from rich.console import Console
from rich.table import Table
from twisted.logger import globalLogBeginner

from mailapp.app.appliance import Appliance
from mailapp.app.logs import open_log
from mailapp.app.roundtrip import Target, check
from mailapp.app.world import World

_TRY: Final = {
    "smtp": "curl --ssl-reqd --cacert {ca} --mail-from bob@{domain} "
    "--mail-rcpt {user}@{domain} -T MESSAGE smtp://localhost:{port}",
    "pop3": "curl --ssl-reqd --cacert {ca} -u {user}:{password} "
    "pop3://localhost:{port}/1",
    "pop3s": "curl --cacert {ca} -u {user}:{password} pop3s://localhost:{port}/1",
}
_WHAT: Final = {
    "smtp": "SMTP, STARTTLS",
    "pop3": "POP3, STLS",
    "pop3s": "POP3 over TLS",
}


class Demo:
    """A world that is being served."""

    def __init__(self, world: World, *, kept: bool) -> None:
        from twisted.internet import reactor  # noqa: PLC0415 - installed when it is used

        self._world = world
        self._kept = kept
        self._reactor: Any = reactor
        self._exit_code = 0
        self._user = next(iter(world.passwords))

    def run(self, *, check_only: bool) -> int:
        """Serve; give the exit code.

        Raises:
            OSError, SyntaxProblem: the world can't be built.
        """
        world = self._world
        self._configuration = world.build(self._reactor)
        text = world.path.read_text(encoding="utf-8")
        log_file = world.folder / "mailapp.log"
        appliance = Appliance(
            text, str(world.path), self._reactor, open_log(str(log_file))
        )
        globalLogBeginner.beginLoggingTo([appliance.observer], redirectStandardIO=False)
        then: Callable[[], None] = self._check if check_only else self._show
        appliance.on_ready = then
        appliance.privilegedStartService()
        self._reactor.callWhenRunning(appliance.startService)
        self._reactor.addSystemEventTrigger("before", "shutdown", appliance.stopService)
        self._reactor.run()
        return self._exit_code

    def _ports(self) -> dict[str, int]:
        return self._world.ports(self._configuration.listeners)

    def _show(self) -> None:
        """Print the table, an example for each protocol, and that it is ready."""
        console = _console(sys.stdout)
        world = self._world
        table = Table(title=None, box=None, pad_edge=False)
        for heading in ("protocol", "address"):
            table.add_column(heading)
        ports = self._ports()
        for label, port in ports.items():
            table.add_row(_WHAT[label], f"localhost:{port}")
        console.print(table)
        console.print()
        accounts = Table(title=None, box=None, pad_edge=False)
        for heading in ("account", "password"):
            accounts.add_column(heading)
        most = 10
        for name, password in list(world.passwords.items())[:most]:
            accounts.add_row(f"{name}@{world.domain}", password)
        console.print(accounts)
        if len(world.passwords) > most:
            console.print(f"… and {len(world.passwords) - most} more")
        console.print()
        for label, port in ports.items():
            line = _TRY[label].format(
                ca=world.folder / "ca.pem",
                domain=world.domain,
                user=self._user,
                password=world.passwords[self._user],
                port=port,
            )
            sys.stdout.write(line + "\n")
        sys.stdout.write(
            f"\nThe CA to trust is {world.folder / 'ca.pem'}, the mail lies in "
            f"{self._configuration.mail_root}, the log is "
            f"{world.folder / 'mailapp.log'}.\n"
            "Passwords are taken without TLS too: everything is on loopback.\n"
            + ("" if self._kept else "Ctrl-C ends it and removes everything.\n")
            + "mailapp ready\n"
        )
        sys.stdout.flush()

    def _check(self) -> None:
        threading.Thread(target=self._check_in_thread, daemon=True).start()

    def _check_in_thread(self) -> None:
        world = self._world
        target = Target(
            self._ports(),
            str(world.folder / "ca.pem"),
            f"bob@{world.domain}",
            f"{self._user}@{world.domain}",
            world.passwords[self._user],
        )
        console = _console(sys.stdout)
        for finding in check(target, secrets.token_hex(8)):
            mark = "[red]✗[/]" if finding.problem else "[green]✓[/]"
            milliseconds = f"{finding.seconds * 1000:6.0f} ms"
            console.print(f"{mark} {finding.protocol:6} {milliseconds}  {finding.what}")
            if finding.problem:
                console.print(f"  {finding.problem}", markup=False)
                self._exit_code = 1
        self._reactor.callFromThread(self._reactor.stop)


def _console(stream: IO[str]) -> Console:
    """Colours only on a terminal; never shorter lines than what is copied from it."""
    return Console(file=stream, highlight=False, soft_wrap=True)

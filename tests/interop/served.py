"""Starts ``twistd mailapp`` with a configuration of its own, and looks at it.

A demo trusts loopback; what is started here trusts nobody, unless it is told to.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Final

from attrs import define, field, frozen
from twisted.internet.task import Clock

import mailapp
from mailapp.app.demo.world import World
from mailapp.app.turns import VARIABLE
from tests.interop.demo import PASSWORD, DemoServer, free_port_base

ROOT: Final = Path(mailapp.__file__).parent.parent
ALLOWED_MS: Final = "20"
"""Processor time that a turn of a reactor may take."""
_START_SECONDS: Final = 60.0
_EX_OSERR: Final = 71
_FLAW: Final = re.compile("Traceback|connection.failed|reactor.turn.long")
_PROTOCOLS: Final = (
    ("smtp", 25, "starttls"),
    ("submission", 465, "implicit"),
    ("pop3", 110, "starttls"),
    ("pop3", 995, "implicit"),
    ("imap", 143, "starttls"),
    ("imap", 993, "implicit"),
)
# It ends with whoever started it, also if that is killed (PR_SET_PDEATHSIG).
_TWISTD: Final = """\
import ctypes, sys
ctypes.CDLL(None).prctl(1, 9)
from twisted.scripts.twistd import run
run()
"""
# What systemd does between fork and exec: descriptor 3 is the socket, named smtp.
_ACTIVATED: Final = """\
import os, sys
os.dup2(int(sys.argv.pop(1)), 3)
os.environ.update(LISTEN_PID=str(os.getpid()), LISTEN_FDS="1", LISTEN_FDNAMES="smtp")
"""


@frozen(kw_only=True)
class Setup:
    """What differs from one server to the next.

    Attributes:
        workers: 0 is one process.
        pin: each worker keeps to one processor.
        user: whom it becomes if it is started as root.
        drain: as the configuration spells it.
        tables: more tables of the configuration, for example ``[limits]``.
        listener: more lines for every listener.
        environment: added to ours.
        wrapper: a command to start it under, for example prlimit.
        cwd: where it is started.
        socket: a listening socket to pass as systemd does, under the name smtp.
        domain: of its accounts.
        address: it listens on, within 127.0.0.0/8.
        numbered: so many accounts more, ``u000`` and so on.
        base: added to every standard port; 0: one that is free.
    """

    workers: int = 0
    pin: bool = True
    user: str = ""
    drain: str = "5 s"
    tables: str = ""
    listener: str = ""
    environment: Mapping[str, str] = field(factory=dict)
    wrapper: tuple[str, ...] = ()
    cwd: str = "/"
    socket: int = -1
    domain: str = "example.test"
    address: str = "127.0.0.1"
    numbered: int = 0
    base: int = 0

    def configuration(self, base: int) -> str:
        """The whole file."""
        text = (
            f'[server]\nhostname = "mx.{self.domain}"\ndomains = ["{self.domain}"]\n'
            f'directory = "."\nworkers = {self.workers}\nuser = "{self.user}"\n'
            f'drain = "{self.drain}"\npin-workers = {str(self.pin).lower()}\n'
            '[[tls.certificate]]\nchain = "server.pem"\nkey = "server.key"\n'
            f"{self.tables}\n"
        )
        for protocol, offset, tls in _PROTOCOLS:
            text += (
                f'[[listener]]\nprotocol = "{protocol}"\naddress = "{self.address}"\n'
                f'port = {base + offset}\ntls = "{tls}"\nallow-cleartext = true\n'
                f"{self.listener}\n"
            )
        return text

    def command(self, config: Path) -> list[str]:
        """What starts it."""
        passed = [str(self.socket)] if self.socket >= 0 else []
        return [
            *self.wrapper,
            sys.executable,
            "-c",
            (_ACTIVATED if passed else "") + _TWISTD,
            *passed,
            *("--nodaemon", "--pidfile=", f"--logfile={config.with_suffix('.log')}"),
            *("mailapp", f"--config={config}"),
        ]


@define
class Served(DemoServer):
    """A running ``twistd mailapp`` with alice and bob.

    Attributes:
        setup: what it was started with.
    """

    setup: Setup = field(factory=Setup)

    @property
    def log(self) -> str:
        """All that was logged so far."""
        path = self.data / "mailapp.log"
        return path.read_text("utf-8") if path.exists() else ""

    def flaws(self) -> str:
        """What no test may cause: bugs, and turns of a reactor that take too long."""
        lines = self.log.splitlines()
        found = [line for line in lines if _FLAW.search(line)]
        return "\n".join(found[:20] and [*found[:20], *lines[-50:]])

    @property
    def pids(self) -> list[int]:
        """The process that was started and all below it."""
        found = [self.process.pid]
        for pid in found:
            with contextlib.suppress(OSError):
                children = Path(f"/proc/{pid}/task/{pid}/children").read_text("ascii")
                found += map(int, children.split())
        return found

    @property
    def workers(self) -> list[int]:
        """The processes that serve: all but the first one and the postman."""
        return [pid for pid in self.pids[1:] if _last_argument(pid) != "postman"]

    def status(self, name: str) -> list[int]:
        """A field of ``/proc/PID/status`` for each process; sizes are in KiB."""
        found = []
        for pid in self.pids:
            for line in Path(f"/proc/{pid}/status").read_text("utf-8").split("\n"):
                if line.startswith(f"{name}:"):
                    word = line.split()[1]
                    found.append(int(word, 16) if name.startswith("Cap") else int(word))
        return found

    def rss(self) -> float:
        """Memory of all processes, in MiB."""
        return sum(self.status("VmRSS")) / 1024

    def cpu(self) -> float:
        """Seconds of CPU that the first process has used."""
        # a process's clock, by its number: clock_getcpuclockid(3)
        return time.clock_gettime((~self.process.pid << 3) | 2)

    def wait_ready(self) -> None:
        """Wait for the log to say so.

        Raises:
            RuntimeError: it ended, or said nothing for a long time.
        """
        wait_for(
            lambda: "server.ready" in self.log or self.process.poll() is not None,
            _START_SECONDS,
        )
        if self.process.poll() is not None:
            msg = f"it exited {self.process.returncode}:\n{self.words()}{self.log}"
            raise RuntimeError(msg)

    def words(self) -> str:
        """What it wrote to its standard output and error, once it has ended."""
        if self.process.stdout is not None and not self.process.stdout.closed:
            said = self.process.stdout.read().decode("utf-8", "backslashreplace")
            self.output += said.split("\n")
        return "\n".join(self.output)

    def stop(self) -> int:
        """End it as systemd does; give its exit code. Nothing of it is left."""
        if self.process.poll() is None:
            self.process.terminate()
        try:
            return self.process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            return -signal.SIGKILL
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
            self.words()
            if self.process.stdout is not None:
                self.process.stdout.close()


def wait_for(holds: Callable[[], bool], seconds: float = 30.0) -> None:
    """Wait until something holds.

    Raises:
        RuntimeError: it did not in time.
    """
    deadline = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > deadline:
            msg = f"waited {seconds} s in vain"
            raise RuntimeError(msg)
        time.sleep(0.01)


def begin(setup: Setup, folder: Path | None = None) -> Served:
    """Start a server and do not wait for it; ``stop`` and its folder are the caller's.

    Args:
        setup: what is special about it.
        folder: with the data of an earlier server; a new one if None.
    """
    base = setup.base or free_port_base()
    if folder is None:
        folder = Path(tempfile.mkdtemp(prefix="mailapp-served-"))
        passwords = {"alice": PASSWORD, "bob": PASSWORD}
        World(folder, setup.domain, base, 0, passwords, setup.numbered, PASSWORD).build(
            Clock()
        )
        # which a demo keeps for who plays with it, and no server does
        (folder / "passwords.txt").unlink(missing_ok=True)
    config = folder / "mailapp.toml"
    config.write_text(setup.configuration(base), "utf-8")
    if setup.user:
        for path in [folder, *folder.rglob("*")]:
            shutil.chown(path, setup.user)
    places = filter(None, [str(ROOT), os.environ.get("PYTHONPATH")])
    process = subprocess.Popen(  # noqa: S603 - our own command
        setup.command(config),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        cwd=setup.cwd,
        env={
            **os.environ,
            "PYTHONPATH": os.pathsep.join(places),
            # one process alone has a reactor of twistd's, which serves all at once
            VARIABLE: ALLOWED_MS if setup.workers else "",
            **setup.environment,
        },
        pass_fds=[setup.socket] if setup.socket >= 0 else [],
        start_new_session=True,
    )
    return Served(folder, base, process, setup.domain, setup=setup)


def start(setup: Setup) -> Served:
    """Start a server and wait until it is ready."""
    for left in reversed(range(5)):
        server = begin(setup)
        try:
            server.wait_ready()
        except BaseException:
            server.stop()
            shutil.rmtree(server.data, ignore_errors=True)
            # somebody took a port between our look and its start
            if not left or server.process.returncode != _EX_OSERR:
                raise
        else:
            return server
    raise AssertionError


@contextlib.contextmanager
def served(setup: Setup) -> Iterator[Served]:
    """A server for the time of a ``with``; its folder is removed."""
    server = start(setup)
    try:
        yield server
    finally:
        server.stop()
        shutil.rmtree(server.data, ignore_errors=True)


def _last_argument(pid: int) -> str:
    """Of the command line of a process; empty if it is gone."""
    try:
        line = Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return ""
    return line.rstrip(b"\0").rpartition(b"\0")[2].decode()

"""Starts ``mailapp demo`` as a user would, for real clients to talk to."""

from __future__ import annotations

import contextlib
import os
import random
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from attrs import define, field

PASSWORD: Final = "correct horse"  # noqa: S105 - of a test account
_OFFSETS: Final = {
    "smtp": 25,
    "submissions": 465,
    "submission": 587,
    "lmtp": 24,
    "pop2": 109,
    "pop3": 110,
    "pop3s": 995,
    "imap": 143,
    "imaps": 993,
}
_START_SECONDS: Final = 60.0
_BASES: Final = range(10000, 31000)


def free_port_base() -> int:
    """A base such that base plus every standard port is free just now.

    Below the ports that the system gives to clients. Each process of a parallel run
    (pytest-xdist) has bases of its own, as it will use them only later.
    """
    process = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
    each = len(_BASES) // int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
    own = _BASES[process * each :][:each]
    while True:
        base = random.choice(own)  # noqa: S311 - no secret
        with contextlib.ExitStack() as stack:
            try:
                for offset in _OFFSETS.values():
                    listening = stack.enter_context(socket.socket())
                    listening.bind(("127.0.0.1", base + offset))
            except OSError:
                continue
            return base


@define
class DemoServer:
    """A running demo.

    Attributes:
        data: its folder; ``data/mail/<domain>/<user>`` are the Maildirs.
        base: what is added to every standard port.
        process: the demo itself.
    """

    data: Path
    base: int
    process: subprocess.Popen[bytes]
    domain: str = "example.test"
    output: list[str] = field(factory=list)

    def port(self, protocol: str) -> int:
        """Where a protocol is served."""
        return self.base + _OFFSETS[protocol]

    @property
    def ca(self) -> Path:
        """The CA certificate that clients are to trust."""
        return self.data / "ca.pem"

    def maildir(self, user: str) -> Path:
        """The Maildir of a user."""
        return self.data / "mail" / self.domain / user

    def stored(self, user: str) -> list[bytes]:
        """The messages that lie in a user's INBOX."""
        box = self.maildir(user)
        files = sorted([*(box / "new").iterdir(), *(box / "cur").iterdir()])
        return [file.read_bytes() for file in files]

    def wait_ready(self) -> None:
        """Read the demo's output up to ``mailapp ready``.

        Raises:
            RuntimeError: it ended, or said nothing for a long time.
        """
        deadline = time.monotonic() + _START_SECONDS
        stdout = self.process.stdout
        if stdout is None:
            msg = "the demo's output is not read"
            raise RuntimeError(msg)
        said = b""
        while time.monotonic() < deadline:
            # Not readline: select does not see the lines that it has read ahead.
            if select.select([stdout], [], [], 0.2)[0]:
                octets = os.read(stdout.fileno(), 65536)
                if not octets:
                    break
                said += octets
                self.output = said.decode("utf-8", "replace").splitlines()
                if said.endswith(b"mailapp ready\n"):
                    return
        msg = "the demo did not start:\n" + "\n".join(self.output)
        raise RuntimeError(msg)

    def stop(self) -> int:
        """End it as Ctrl-C does; give its exit code."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
        try:
            return self.process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            return self.process.wait()
        finally:
            if self.process.stdout is not None:
                self.process.stdout.close()


def start_demo(
    *arguments: str, data: Path | None = None, wrapper: tuple[str, ...] = ()
) -> DemoServer:
    """Start a demo with alice and bob, whose password is :data:`PASSWORD`.

    Args:
        arguments: more of its options.
        data: its folder; a new one below the temporary folder if None.
        wrapper: a command to start it under, for example strace.
    """
    folder = data or Path(tempfile.mkdtemp(prefix="mailapp-demo-"))
    for _ in range(3):
        server = _start(folder, arguments, wrapper)
        try:
            server.wait_ready()
        except RuntimeError as problem:
            server.stop()
            # another test may have taken the port since it was found to be free
            if "Address already in use" not in str(problem):
                raise
        else:
            return server
    msg = "no free port was found"
    raise RuntimeError(msg)


def _start(
    folder: Path, arguments: tuple[str, ...], wrapper: tuple[str, ...]
) -> DemoServer:
    base = free_port_base()
    command = [
        *wrapper,
        sys.executable,
        "-m",
        "mailapp.cli.main",
        "demo",
        "--data",
        str(folder),
        "--port-base",
        str(base),
        *(f"--account={name}:{PASSWORD}" for name in ("alice", "bob")),
        *arguments,
    ]
    # tests run in a folder of their own, where an uninstalled tree is not found
    path = [
        str(Path(__file__).parents[2]),
        *filter(None, [os.environ.get("PYTHONPATH")]),
    ]
    process = subprocess.Popen(  # noqa: S603 - our own command
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env={
            **os.environ,
            "PYTHONUNBUFFERED": "1",
            "PYTHONPATH": os.pathsep.join(path),
        },
    )
    return DemoServer(folder, base, process)


@contextlib.contextmanager
def demo(*arguments: str) -> Iterator[DemoServer]:
    """A demo for the time of a ``with``; its folder is removed."""
    server = start_demo(*arguments)
    try:
        yield server
    finally:
        server.stop()
        shutil.rmtree(server.data, ignore_errors=True)

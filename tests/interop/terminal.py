"""Programs that want a terminal, and somebody who types there."""

from __future__ import annotations

import errno
import fcntl
import os
import pty
import re
import select
import struct
import subprocess
import termios
import time
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Final

from tests.interop.screen import COLUMNS, LINES, Screen

_SECONDS: Final = 30.0


class Terminal:
    """A program at a terminal of its own, until it ends or the ``with`` does.

    Args:
        command: the program and its arguments.
        home: its home and working directory.
    """

    def __init__(self, command: Sequence[str], home: Path) -> None:
        self._screen = Screen()
        self._master, slave = pty.openpty()
        size = struct.pack("HHHH", LINES, COLUMNS, 0, 0)
        fcntl.ioctl(slave, termios.TIOCSWINSZ, size)
        self._process = subprocess.Popen(  # noqa: S603 - clients under test
            command,
            stdin=slave,
            stdout=slave,
            stderr=slave,
            cwd=home,
            env={
                **os.environ,
                "HOME": str(home),
                "TERM": "vt100",
                "LC_ALL": "C.UTF-8",
            },
            start_new_session=True,
        )
        os.close(slave)

    def __enter__(self) -> Terminal:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        problem: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        os.close(self._master)
        if self._process.poll() is None:
            self._process.kill()
        self._process.wait()

    def type(self, keys: str) -> None:
        """Press keys; what is waited for next must not be there before."""
        os.write(self._master, keys.encode())

    def wait_for(self, words: str) -> None:
        """Read until its screen shows these words, a regular expression.

        Raises:
            AssertionError: it ended, or did not show them in time.
        """
        deadline = time.monotonic() + _SECONDS
        while not re.search(words, str(self._screen)):
            if time.monotonic() > deadline or not self._read():
                msg = f"no {words!r} in:\n{self._screen}"
                raise AssertionError(msg)

    def finish(self) -> None:
        """Wait for its end.

        Raises:
            AssertionError: it failed, or did not end in time; with what it showed.
        """
        deadline = time.monotonic() + _SECONDS
        while self._process.poll() is None and time.monotonic() < deadline:
            self._read()
        if self._process.poll() != 0:
            raise AssertionError(str(self._screen))

    def _read(self) -> bool:
        """What came within a moment; False at the end."""
        if not select.select([self._master], [], [], 0.05)[0]:
            return True
        try:
            octets = os.read(self._master, 65536)
        except OSError as problem:  # its end of the terminal is closed
            if problem.errno != errno.EIO:
                raise
            return False
        self._screen.write(octets)
        return bool(octets)


def run_at_terminal(*command: str, home: Path) -> None:
    """Run a program that wants a terminal, until it ends.

    Raises:
        AssertionError: it failed, or did not end in time; with all that it showed.
    """
    with Terminal(command, home) as terminal:
        terminal.finish()

"""What a command knows of its terminal; tests give it other streams."""

from __future__ import annotations

import sys
from collections.abc import Callable
from getpass import getpass
from typing import TextIO

from attrs import field, frozen

from mailapp.core.secret import Secret


class NoPassword(Exception):
    """No password could be read; the text says why."""


@frozen
class Terminal:
    """Where a command reads and writes.

    Attributes:
        ask: shows a prompt and reads a line without showing it.
    """

    stdin: TextIO = field(factory=lambda: sys.stdin)
    stdout: TextIO = field(factory=lambda: sys.stdout)
    stderr: TextIO = field(factory=lambda: sys.stderr)
    ask: Callable[[str], str] = getpass

    def say(self, text: str) -> None:
        """Write a line of the result."""
        self.stdout.write(f"{text}\n")

    def complain(self, text: str) -> None:
        """Write a line about what went wrong."""
        self.stderr.write(f"mailapp: {text}\n")

    def read_password(self, *, from_stdin: bool, twice: bool = True) -> Secret:
        """A password: the first line of stdin, or typed at a prompt.

        It never comes from the command line, where every user of the host sees it.

        Raises:
            NoPassword: there is no terminal, or the two entries differ.
        """
        if from_stdin:
            line = self.stdin.readline()
            return Secret(line.removesuffix("\n").removesuffix("\r").encode())
        if not self.stdin.isatty():
            text = "there is no terminal to ask at; use --stdin"
            raise NoPassword(text)
        try:
            first = self.ask("Password: ")
            if twice and self.ask("The same again: ") != first:
                text = "the two passwords differ"
                raise NoPassword(text)
        except EOFError:
            text = "no password was given"
            raise NoPassword(text) from None
        return Secret(first.encode(errors="surrogateescape"))

"""What keeps a process from starting, in one line and with an exit code."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from mailapp.auth.keys import KeyProblem
from mailapp.config.problems import EX_CONFIG
from mailapp.directory.schema import AccountsFileProblem
from mailapp.net.tls import BadCertificate

EX_OSERR: Final = 71  # sysexits.h


class CannotStart(Exception):
    """The server can't be started; the text says why.

    Attributes:
        code: what the process exits with, of sysexits.h.
    """

    def __init__(self, reason: str, code: int = EX_OSERR) -> None:
        super().__init__(reason)
        self.code = code


@contextmanager
def explained() -> Iterator[None]:
    """What is known to keep a server from starting, as :class:`CannotStart`."""
    try:
        yield
    except BadCertificate as problem:
        raise CannotStart(str(problem), EX_CONFIG) from problem
    except sqlite3.Error as problem:
        raise CannotStart(f"accounts.sqlite: {problem}") from problem
    except (KeyProblem, AccountsFileProblem, OSError) as problem:
        raise CannotStart(str(problem)) from problem

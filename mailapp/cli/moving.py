"""What ``mailapp import`` and ``mailapp export`` have in common."""

from __future__ import annotations

import json
import os
import secrets
import sqlite3
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Any, Self, TextIO

from attrs import define, field, frozen
from rich.console import Console
from rich.progress import (
    BarColumn,
    Progress,
    TaskID,
    TaskProgressColumn,
    TextColumn,
    TimeRemainingColumn,
)

from mailapp.app.once import run_once
from mailapp.app.parts import Parts
from mailapp.app.privileges import drop, ids_to_become
from mailapp.app.reactor import install
from mailapp.auth.keys import KeyProblem
from mailapp.cli.codes import FAILED, TRY_AGAIN
from mailapp.cli.prompt import NoPassword, Terminal
from mailapp.cli.site import Site
from mailapp.config.schema import Configuration
from mailapp.core.failures import SyntaxProblem
from mailapp.directory.names import account_id
from mailapp.directory.schema import AccountsFileProblem
from mailapp.moving.types import MoveProblem
from mailapp.net.threads import InThread
from mailapp.storage.interfaces import IAccount, IMailStore
from mailapp.storage.maildir.layout import account_path
from mailapp.storage.types import AccountId, NoSuch, StoreError


@frozen
class Ground:
    """What the work is done with.

    Attributes:
        store: all mail.
        in_thread: runs what blocks.
        reactor: connects to other servers.
    """

    store: IMailStore
    in_thread: InThread
    reactor: Any

    @classmethod
    def of(cls, parts: Parts) -> Self:
        """Those of a process."""
        return cls(parts.store, parts.writes.run, parts.reactor)


Work = Callable[[Ground], Awaitable[int]]


def find_account(site: Site, text: str) -> AccountId:
    """The account of this name.

    Raises:
        SyntaxProblem, MoveProblem: there is none.
    """
    name = account_id(text, site.domains[0])
    accounts = site.open_accounts()
    try:
        if accounts.verifiers(name) is None:
            msg = f"{name} does not exist"
            raise MoveProblem(msg)
    finally:
        accounts.close()
    return name


def directory_of(site: Site, account: AccountId) -> bytes:
    """Where its mail lies."""
    return account_path(os.fsencode(site.mail_root), account)


async def open_account(store: IMailStore, account: AccountId) -> IAccount:
    """Its mail; its INBOX is made if it had none yet."""
    try:
        return await store.open(account)
    except NoSuch:
        return await store.create(account)


def become_server(configuration: Configuration) -> None:
    """Be who the server is, so that mail belongs to it.

    Raises:
        LookupError, OSError: that can't be.
    """
    server = configuration.server
    drop(ids_to_become(server.user, server.group))


def run_beside(configuration: Configuration, name: str, work: Work) -> int:
    """Do it beside a running server; the exit code."""

    def begin(parts: Parts) -> Awaitable[int]:
        return work(Ground.of(parts))

    return run_once(configuration, install(), name, begin)


def explained(terminal: Terminal, configured: str, does: Callable[[], int]) -> int:
    """Do it; the exit code, after whatever went wrong was explained."""
    try:
        return does()
    except MoveProblem as problem:
        terminal.complain(str(problem))
        return FAILED if problem.lasting else TRY_AGAIN
    except SyntaxProblem as problem:
        terminal.complain(problem.reason)
    except (AccountsFileProblem, KeyProblem, LookupError, NoPassword) as problem:
        terminal.complain(str(problem))
    except sqlite3.Error as problem:
        terminal.complain(f"{configured}: {problem}")
        return TRY_AGAIN
    except OSError as problem:
        where = os.fsdecode(problem.filename or configured)
        terminal.complain(f"{where}: {problem.strerror or problem}")
    except StoreError as problem:
        cause = problem.__cause__
        text = getattr(cause, "strerror", None) or type(problem).__name__
        terminal.complain(f"the mail store: {text}")
        return TRY_AGAIN
    return FAILED


def say_json(terminal: Terminal, value: object) -> None:
    """Write an object for programs."""
    json.dump(value, terminal.stdout, indent=2)
    terminal.stdout.write("\n")


def fresh_token() -> bytes:
    """A request id."""
    return secrets.token_bytes(16)


@define
class Bar:
    """A progress bar for each mailbox, on a terminal only; it is gone at the end."""

    progress: Progress
    _task: TaskID | None = field(default=None, init=False)

    def begin(self, name: str) -> None:
        """A mailbox begins."""
        if self._task is not None:
            self.progress.remove_task(self._task)
        self._task = self.progress.add_task(name, total=None)

    def expect(self, total: int) -> None:
        """What the steps of the mailbox add up to, about."""
        if self._task is not None:
            self.progress.update(self._task, total=max(total, 1))

    def advance(self, step: int) -> None:
        """So much of its total is done."""
        if self._task is not None:
            self.progress.advance(self._task, step)


@contextmanager
def bar(screen: TextIO, *, quiet: bool) -> Iterator[Bar]:
    """A bar that nobody sees where there is no terminal."""
    console = Console(file=screen)
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TaskProgressColumn(show_speed=False),
        TimeRemainingColumn(),
    )
    shown = console.is_terminal and not quiet
    with Progress(
        *columns, console=console, disable=not shown, transient=True
    ) as progress:
        yield Bar(progress)

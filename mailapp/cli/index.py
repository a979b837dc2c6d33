"""``mailapp index``: look after the indexes, beside a running server.

An index is only a cache: without it nothing is lost but time.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TextIO

from attrs import frozen
from rich.console import Console
from rich.progress import Progress

from mailapp.app.privileges import drop, ids_to_become
from mailapp.cli.codes import FAILED, OK
from mailapp.cli.manual import explain
from mailapp.cli.prompt import Terminal
from mailapp.cli.site import Site
from mailapp.config.schema import Configuration
from mailapp.directory.accounts import Accounts
from mailapp.directory.names import account_id
from mailapp.storage.files import Files
from mailapp.storage.index.account_index import AccountIndex
from mailapp.storage.index.database import Database
from mailapp.storage.maildir.audit import Audit, Watch
from mailapp.storage.maildir.layout import account_path
from mailapp.storage.types import AccountId


@frozen
class Work:
    """What a command has at hand.

    Attributes:
        names: of the accounts that it is about.
    """

    site: Site
    terminal: Terminal
    names: list[AccountId]

    def audits(self) -> Iterator[tuple[AccountId, Audit]]:
        """Each account that has mail."""
        files, root = Files(), os.fsencode(self.site.mail_root)
        for name in self.names:
            path = account_path(root, name)
            if not files.exists(path + b"/cur"):
                continue
            index = AccountIndex(Database(path, _silent))
            try:
                yield name, Audit(files, path, index)
            finally:
                index.close()


def check(work: Work) -> int:
    """Compare indexes with the mail, and tell what is wrong."""
    wrong = accounts = 0
    for name, audit in work.audits():
        accounts += 1
        with _bar(work.terminal.stderr, name, audit.messages()) as watch:
            found = list(audit.check(watch))
        for difference in found:
            mailbox = "/".join(difference.mailbox)
            work.terminal.complain(f"{name} {mailbox}: {difference.what}")
        wrong += bool(found)
    work.terminal.say(f"{_accounts(accounts)} checked, {wrong} wrong")
    return FAILED if wrong else OK


def rebuild(work: Work) -> int:
    """Make indexes anew, with everything that a search needs."""
    accounts = messages = 0
    for name, audit in work.audits():
        accounts += 1
        count = audit.messages()
        messages += count
        with _bar(work.terminal.stderr, name, count) as watch:
            audit.rebuild(watch)
    work.terminal.say(f"{_accounts(accounts)} rebuilt, {messages} messages")
    return OK


# ---- the command line


def add_parser(subparsers: Any) -> None:
    """Put ``index`` and its commands into the parser of ``mailapp``."""
    parser = subparsers.add_parser(
        "index",
        help="check indexes, or make them anew",
        description="Look after the index of each account, beside a running server.",
    )
    parser.set_defaults(run=run)
    explain(
        parser,
        "An index makes lists and searches of IMAP fast. It is only a cache: it may be"
        " deleted at any time, and is filled again while it is used. As root the"
        " command becomes the user of the server first.",
        examples=(
            ("mailapp index check", "of all accounts"),
            ("mailapp index rebuild alice@example.org", "before a first search"),
        ),
    )
    commands = parser.add_subparsers(metavar="COMMAND", required=True)
    for does in (check, rebuild):
        text = (does.__doc__ or "").rstrip(".")
        made = commands.add_parser(
            does.__name__, help=text[0].lower() + text[1:], description=does.__doc__
        )
        made.set_defaults(does=does)
        made.add_argument(
            "name", nargs="*", help="user@domain, or user alone; default: all accounts"
        )


def run(arguments: argparse.Namespace, configuration: Configuration) -> int:
    """Do what ``mailapp index …`` says; the exit code."""
    server, terminal = configuration.server, Terminal()
    try:
        drop(ids_to_become(server.user, server.group))
    except (LookupError, OSError) as problem:
        terminal.complain(str(problem))
        return FAILED
    return execute(arguments, Site.of(configuration), terminal)


def execute(arguments: argparse.Namespace, site: Site, terminal: Terminal) -> int:
    """Do it on this site; the exit code, after whatever went wrong was explained."""
    does: Callable[[Work], int] = arguments.does

    def work(accounts: Accounts) -> int:
        known = [verifiers.account.id for verifiers in accounts.accounts()]
        wanted = [account_id(name, site.domains[0]) for name in arguments.name]
        missing = [name for name in wanted if name not in known]
        if not missing:
            return does(Work(site, terminal, wanted or sorted(known)))
        terminal.complain(f"{missing[0]} does not exist")
        return FAILED

    return site.attempt(terminal, work)


@contextmanager
def _bar(screen: TextIO, name: str, messages: int) -> Iterator[Watch]:
    """A progress bar, on a terminal only; it is gone at the end."""
    console = Console(file=screen)
    shown = console.is_terminal
    with Progress(console=console, disable=not shown, transient=True) as progress:
        task = progress.add_task(name, total=messages)
        yield lambda count: progress.advance(task, count)


def _accounts(count: int) -> str:
    return "1 account" if count == 1 else f"{count} accounts"


def _silent(_why: str) -> None:
    """The command itself says what it does."""

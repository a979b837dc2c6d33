"""``mailapp alias``: other names for accounts, lists, and catch-alls."""

from __future__ import annotations

import argparse
import json
import sqlite3
from collections.abc import Callable
from typing import Any, Final

from attrs import frozen

from mailapp.cli.prompt import Terminal
from mailapp.cli.site import Settings, Site
from mailapp.core.address import parse_address
from mailapp.core.failures import SyntaxProblem, TemporaryFailure
from mailapp.directory.accounts import Accounts
from mailapp.directory.resolve import alias_address
from mailapp.directory.schema import AccountsFileProblem
from mailapp.directory.types import Unknown
from mailapp.net.steps import finish

OK: Final = 0
FAILED: Final = 1
TRY_AGAIN: Final = 75  # EX_TEMPFAIL


@frozen
class Work:
    """What a command has at hand."""

    arguments: argparse.Namespace
    site: Site
    accounts: Accounts
    terminal: Terminal


def add(work: Work) -> int:
    """Give an address targets; those it has already stay."""
    address = _address(work)
    targets = [parse_address(text.encode()) for text in work.arguments.target]
    work.accounts.add_alias(address, [str(target) for target in targets])
    directory = work.site.open_directory(work.accounts)
    for target in targets:
        if isinstance(finish(directory.resolve(target)), Unknown):
            work.terminal.complain(f"note: {target} does not exist yet")
    work.terminal.say(f"{address} -> {', '.join(work.accounts.targets(address))}")
    return OK


def remove(work: Work) -> int:
    """Forget an alias and all its targets."""
    address = _address(work)
    if not work.accounts.remove_alias(address):
        work.terminal.complain(f"{address} is no alias")
        return FAILED
    work.terminal.say(f"{address} removed")
    return OK


def show(work: Work) -> int:
    """List aliases."""
    table: dict[str, list[str]] = {}
    for address, target in work.accounts.aliases():
        table.setdefault(address, []).append(target)
    if work.arguments.json:
        work.terminal.say(json.dumps(table, indent=2, ensure_ascii=False))
        return OK
    for address, targets in table.items():
        work.terminal.say(f"{address} -> {', '.join(targets)}")
    return OK


def add_parser(subparsers: Any) -> None:
    """Put ``alias`` and its commands into the parser of ``mailapp``."""
    parser = subparsers.add_parser(
        "alias",
        help="add, list and remove aliases",
        description="Manage aliases. Changes show in a running server at once.",
    )
    parser.set_defaults(run=run)
    commands = parser.add_subparsers(metavar="COMMAND", required=True)

    def command(name: str, does: Callable[[Work], int]) -> argparse.ArgumentParser:
        made: argparse.ArgumentParser = commands.add_parser(
            name, help=does.__doc__, description=does.__doc__
        )
        made.set_defaults(does=does)
        return made

    text = "local@domain, or @domain for all that is not there"
    adds = command("add", add)
    adds.add_argument("address", help=text)
    adds.add_argument("target", nargs="+", help="an address here or elsewhere")
    command("remove", remove).add_argument("address", help=text)
    lists = command("list", show)
    lists.add_argument("--json", action="store_true", help="for programs")


def run(arguments: argparse.Namespace, settings: Settings) -> int:
    """Do what ``mailapp alias …`` says; the exit code."""
    return execute(arguments, Site.of(settings), Terminal())


def execute(arguments: argparse.Namespace, site: Site, terminal: Terminal) -> int:
    """Do it on this site; the exit code, after whatever went wrong was explained."""
    try:
        accounts = site.open_accounts()
        try:
            code: int = arguments.does(Work(arguments, site, accounts, terminal))
        finally:
            accounts.close()
    except SyntaxProblem as problem:
        terminal.complain(problem.reason)
    except AccountsFileProblem as problem:
        terminal.complain(str(problem))
    except OSError as problem:
        terminal.complain(f"{problem.filename or site.accounts}: {problem.strerror}")
    except (sqlite3.Error, TemporaryFailure) as problem:
        terminal.complain(f"{site.accounts}: {problem}")
        return TRY_AGAIN
    else:
        return code
    return FAILED


def _address(work: Work) -> str:
    """The alias named on the command line.

    Raises:
        SyntaxProblem: it is no address, or its domain is not ours.
    """
    address = alias_address(work.arguments.address)
    domain = address.rpartition("@")[2]
    if domain not in work.site.domains:
        reason = f"{domain} is not in the configuration's server.domains"
        raise SyntaxProblem(reason)
    return address

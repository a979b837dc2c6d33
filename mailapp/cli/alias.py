"""``mailapp alias``: other names for accounts, distribution lists, and catch-alls."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from typing import Any

from attrs import frozen

from mailapp.cli.codes import FAILED, OK
from mailapp.cli.manual import explain
from mailapp.cli.prompt import Terminal
from mailapp.cli.site import Settings, Site
from mailapp.core.address import Address, parse_address
from mailapp.core.failures import SyntaxProblem
from mailapp.directory.accounts import Accounts
from mailapp.directory.resolve import alias_address
from mailapp.directory.types import ListSettings, Posting, Unknown
from mailapp.net.steps import finish
from mailapp.storage.types import AccountId


@frozen
class Work:
    """What a command has at hand."""

    arguments: argparse.Namespace
    site: Site
    accounts: Accounts
    terminal: Terminal


def add(work: Work) -> int:
    """Give an address targets; those it has already stay. With --list: make a list."""
    address = _address(work)
    arguments, accounts = work.arguments, work.accounts
    targets = [_named(text) for text in arguments.target]
    settings = _settings(work, address)
    if not targets and settings is None:
        reason = "give at least one target"
        raise SyntaxProblem(reason)
    accounts.add_alias(address, [str(target) for target in targets])
    if settings is not None:
        accounts.set_list(address, settings)
        targets.append(settings.owner)
    directory = work.site.open_directory(accounts)
    for target in targets:
        if isinstance(finish(directory.resolve(target)), Unknown):
            work.terminal.complain(f"note: {target} does not exist yet")
    is_account = accounts.verifiers(AccountId(address)) is not None
    if is_account and address not in accounts.targets(address):
        work.terminal.complain(
            f"note: {address} is an account, too; it gets nothing any more unless it is"
            " a target"
        )
    work.terminal.say(_line(work, address))
    return OK


def remove(work: Work) -> int:
    """Take targets from an alias or list, or forget it as a whole."""
    address = _address(work)
    accounts = work.accounts
    had = accounts.targets(address)
    if not had and address not in accounts.lists():
        work.terminal.complain(f"{address} is no alias")
        return FAILED
    targets = [str(_named(text)) for text in work.arguments.target]
    if not targets:
        accounts.remove_alias(address)
        work.terminal.say(f"{address} removed")
        return OK
    missing = [target for target in targets if target not in had]
    if missing:
        work.terminal.complain(f"{address} does not lead to {', '.join(missing)}")
        return FAILED
    accounts.remove_targets(address, targets)
    work.terminal.say(_line(work, address))
    return OK


def show(work: Work) -> int:
    """List aliases and lists."""
    accounts = work.accounts
    table: dict[str, list[str]] = {address: [] for address in accounts.lists()}
    for address, target in accounts.aliases():
        table.setdefault(address, []).append(target)
    if work.arguments.json:
        shown: dict[str, object] = {**table}
        for address, settings in accounts.lists().items():
            shown[address] = {
                "owner": str(settings.owner),
                "posting": settings.posting.value,
                "title": settings.title,
                "members": table[address],
            }
        work.terminal.say(json.dumps(shown, indent=2, ensure_ascii=False))
        return OK
    for address in sorted(table):
        work.terminal.say(_line(work, address))
    return OK


def _line(work: Work, address: str) -> str:
    """An alias and its targets; a list also says whose it is and who may post."""
    targets = ", ".join(work.accounts.targets(address)) or "nobody"
    settings = work.accounts.lists().get(address)
    if settings is None:
        return f"{address} -> {targets}"
    posting = settings.posting.value
    return f"{address} (list of {settings.owner}, posting: {posting}) -> {targets}"


def _settings(work: Work, address: str) -> ListSettings | None:
    """What the command line says of a list; None: it is none.

    Raises:
        SyntaxProblem: it can't be a list like this.
    """
    arguments = work.arguments
    owner, posting, title = arguments.owner, arguments.posting, arguments.title
    before = work.accounts.lists().get(address)
    if not arguments.list:
        if (owner, posting, title) != (None, None, None):
            reason = "--owner, --posting and --title go with --list"
            raise SyntaxProblem(reason)
        return None
    if address.startswith("@"):
        reason = "a list has a name of its own: it can't be all of a domain"
        raise SyntaxProblem(reason)
    if before is None:
        if owner is None:
            reason = "a list needs --owner: who gets the bounces"
            raise SyntaxProblem(reason)
        before = ListSettings(_named(owner))
    found = ListSettings(
        before.owner if owner is None else _named(owner),
        before.posting if posting is None else Posting(posting),
        before.title if title is None else title,
    )
    if alias_address(str(found.owner)) == address:
        reason = "a list can't be its own owner"
        raise SyntaxProblem(reason)
    if not found.title.isprintable():
        reason = "a title is one line of text"
        raise SyntaxProblem(reason)
    return found


def add_parser(subparsers: Any) -> None:
    """Put ``alias`` and its commands into the parser of ``mailapp``."""
    parser = subparsers.add_parser(
        "alias",
        help="add, list and remove aliases and distribution lists",
        description="Manage aliases and distribution lists."
        " Changes show in a running server at once.",
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
    adds.add_argument("target", nargs="*", help="an address here or elsewhere")
    adds.add_argument(
        "--list",
        action="store_true",
        help="a distribution list: its targets are members, its owner gets bounces",
    )
    adds.add_argument("--owner", metavar="ADDRESS", help="of the list")
    adds.add_argument(
        "--posting",
        choices=[posting.value for posting in Posting],
        help="whose messages the list sends on (default: anyone)",
    )
    adds.add_argument("--title", help="what the list is about, for List-Id")
    add_examples = (
        (
            "mailapp alias add info@example.org alice@example.org",
            "another name of alice",
        ),
        (
            "mailapp alias add sales@example.org alice@example.org x@example.net",
            "for two",
        ),
        ("mailapp alias add @example.org alice@example.org", "all that is not there"),
        (
            "mailapp alias add team@example.org --list --owner alice@example.org",
            "a list",
        ),
        ("mailapp alias add team@example.org bob@example.org", "its first member"),
    )
    explain(
        adds,
        "What goes elsewhere leaves under a sender of ours that leads back to the first"
        " one (SRS). An alias that names itself keeps a copy. Members are added to a"
        " list by the same command again.",
        examples=add_examples,
    )
    removes = command("remove", remove)
    removes.add_argument("address", help=text)
    removes.add_argument("target", nargs="*", help="only these; default: all of it")
    lists = command("list", show)
    lists.add_argument("--json", action="store_true", help="for programs")
    explain(
        parser,
        examples=(
            *add_examples,
            (
                "mailapp alias remove sales@example.org x@example.net",
                "take one from it",
            ),
            ("mailapp alias remove team@example.org", "forget it as a whole"),
            ("mailapp alias list", "all of them, and where they lead"),
        ),
    )


def run(arguments: argparse.Namespace, settings: Settings) -> int:
    """Do what ``mailapp alias …`` says; the exit code."""
    return execute(arguments, Site.of(settings), Terminal())


def execute(arguments: argparse.Namespace, site: Site, terminal: Terminal) -> int:
    """Do it on this site; the exit code, after whatever went wrong was explained."""
    does: Callable[[Work], int] = arguments.does
    return site.attempt(
        terminal, lambda accounts: does(Work(arguments, site, accounts, terminal))
    )


def _named(text: str) -> Address:
    """A target, member or owner named on the command line.

    Raises:
        SyntaxProblem: it is no address.
    """
    try:
        return parse_address(text.encode(errors="surrogateescape"))
    except SyntaxProblem as problem:
        reason = f"{text}: {problem.reason}"
        raise SyntaxProblem(reason) from None


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

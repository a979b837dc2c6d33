"""``mailapp user``: accounts. What it does shows in a running server at once."""

from __future__ import annotations

import argparse
import json
import os
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from attrs import evolve

from mailapp.auth.hashes import Hashes, stored_form
from mailapp.auth.keys import KeyProblem
from mailapp.cli import app_password
from mailapp.cli.codes import FAILED, OK
from mailapp.cli.prompt import NoPassword, Terminal
from mailapp.cli.site import Settings, Site
from mailapp.cli.user_import import import_accounts
from mailapp.cli.work import Refusal, Work
from mailapp.directory.accounts import (
    AccountExists,
    Accounts,
    NoSuchAccount,
)
from mailapp.directory.types import Verifiers
from mailapp.net.threads import inline
from mailapp.storage.maildir.layout import account_path
from mailapp.storage.types import AccountId

# ---- the commands


def add(work: Work) -> int:
    """Make an account."""
    name = work.account(existing=False)
    if work.accounts.verifiers(name) is not None:
        raise AccountExists(name)
    _, new = work.new_password(name)
    quota_octets = work.arguments.quota
    work.accounts.add([(name, new)], now=work.now(), quota_octets=quota_octets)
    work.terminal.say(f"{name} added")
    return OK


def passwd(work: Work) -> int:
    """Set an account's password."""
    name = work.account()
    sealed = work.found(name).sealed
    password, new = work.new_password(name)
    if sealed is not None:
        new = evolve(new, sealed=work.site.load_key().seal(password, name))
    work.accounts.set_password(name, new)
    work.terminal.say(f"{name}: password changed")
    return OK


def show(work: Work) -> int:
    """List accounts."""
    accounts = work.accounts.accounts()
    if work.arguments.json:
        table = [_as_json(verifiers) for verifiers in accounts]
        work.terminal.say(json.dumps(table, indent=2, ensure_ascii=False))
        return OK
    for verifiers in accounts:
        notes = [] if verifiers.account.enabled else ["disabled"]
        if verifiers.sealed is not None:
            notes.append("apop")
        if verifiers.account.quota_octets:
            notes.append(f"quota {verifiers.account.quota_octets}")
        work.terminal.say("  ".join([verifiers.account.id, *notes]))
    return OK


def disable(work: Work) -> int:
    """Let an account neither log in nor receive."""
    name = work.account()
    work.accounts.set_enabled(name, enabled=False)
    work.terminal.say(f"{name} disabled")
    return OK


def enable(work: Work) -> int:
    """Let a disabled account log in and receive again."""
    name = work.account()
    work.accounts.set_enabled(name, enabled=True)
    work.terminal.say(f"{name} enabled")
    return OK


def remove(work: Work) -> int:
    """Forget an account; its mail stays unless told otherwise."""
    name = work.account()
    work.accounts.remove(name)
    work.terminal.say(f"{name} removed")
    for address, target in work.accounts.aliases():
        if target == name:
            work.terminal.complain(f"note: the alias {address} still points to {name}")
    mail = mail_folder(work.site.mail_root, name)
    if not mail.is_dir():
        return OK
    if work.arguments.delete_mail:
        shutil.rmtree(mail)
        work.terminal.say(f"{mail} deleted")
    else:
        work.terminal.say(f"the mail stays in {mail}")
    return OK


def apop(work: Work) -> int:
    """Opt an account in to APOP and CRAM-MD5, or out."""
    name = work.account()
    if work.arguments.state == "off":
        work.accounts.set_sealed(name, None)
        work.terminal.say(
            f"{name}: APOP and CRAM-MD5 off, the readable password is deleted"
        )
        return OK
    password = work.terminal.read_password(from_stdin=work.arguments.stdin, twice=False)
    if not work.hashes.verify(work.found(name).password, stored_form(password)):
        text = "that is not the account's password"
        raise Refusal(text)
    work.accounts.set_sealed(name, work.site.load_key().seal(password, name))
    work.terminal.say(
        f"{name}: APOP and CRAM-MD5 on; the password is kept readable for the server"
    )
    return OK


def bring_in(work: Work) -> int:
    """Make many accounts from a file."""
    source: Path | None = work.arguments.file
    lines = (
        work.terminal.stdin.read().splitlines()
        if source is None
        else source.read_text(encoding="utf-8").splitlines()
    )
    result = import_accounts(
        lines,
        work.accounts,
        work.hashes,
        domains=work.site.domains,
        now=work.now(),
        update=work.arguments.update,
        allow_weak=work.arguments.allow_weak,
        screen=work.terminal.stderr,
    )
    for problem in result.problems:
        work.terminal.complain(problem)
    work.terminal.say(
        f"{result.added} added, {result.updated} updated,"
        f" {len(result.problems)} left out"
    )
    return FAILED if result.problems else OK


# ---- the command line


def add_parser(subparsers: Any) -> None:
    """Put ``user`` and its commands into the parser of ``mailapp``."""
    parser = subparsers.add_parser(
        "user",
        help="add, change, list and remove accounts",
        description="Manage accounts. Changes show in a running server at once.",
    )
    parser.set_defaults(run=run)
    commands = parser.add_subparsers(metavar="COMMAND", required=True)

    def command(
        name: str, does: Callable[[Work], int], *, takes_name: bool = True
    ) -> argparse.ArgumentParser:
        text = (does.__doc__ or "").rstrip(".")
        made: argparse.ArgumentParser = commands.add_parser(
            name, help=text[0].lower() + text[1:], description=does.__doc__
        )
        made.set_defaults(does=does)
        if takes_name:
            made.add_argument("name", help="user@domain, or user alone")
        return made

    def sets_password(made: argparse.ArgumentParser) -> None:
        made.add_argument(
            "--stdin", action="store_true", help="read the password from stdin"
        )
        made.add_argument("--allow-weak", action="store_true", help="take any password")

    adds = command("add", add)
    sets_password(adds)
    adds.add_argument(
        "--quota", type=octets, default=0, help="octets, with K, M or G; 0: no limit"
    )
    sets_password(command("passwd", passwd))
    lists = command("list", show, takes_name=False)
    lists.add_argument("--json", action="store_true", help="for programs")
    command("disable", disable)
    command("enable", enable)
    removes = command("remove", remove)
    removes.add_argument(
        "--delete-mail", action="store_true", help="delete the account's mail too"
    )
    app_password.add_parser(commands)
    opts = command("apop", apop)
    opts.add_argument("state", choices=["on", "off"])
    opts.add_argument("--stdin", action="store_true", help="password from stdin")
    imports = command("import", bring_in, takes_name=False)
    imports.add_argument(
        "file",
        nargs="?",
        type=Path,
        help="a line per account: name, tab or comma, password or hash; else stdin",
    )
    imports.add_argument(
        "--update", action="store_true", help="set the password of accounts there are"
    )
    imports.add_argument("--allow-weak", action="store_true", help="take any password")


def run(arguments: argparse.Namespace, settings: Settings) -> int:
    """Do what ``mailapp user …`` says; the exit code."""
    auth = settings.auth
    hashes = Hashes(
        inline, memory_kib=auth.argon2_memory // 1024, passes=auth.argon2_passes
    )
    return execute(arguments, Site.of(settings), Terminal(), hashes)


def execute(
    arguments: argparse.Namespace,
    site: Site,
    terminal: Terminal,
    hashes: Hashes,
    now: Callable[[], float] = time.time,
) -> int:
    """Do it on this site; the exit code, after whatever went wrong was explained."""

    def work(accounts: Accounts) -> int:
        try:
            code: int = arguments.does(
                Work(arguments, site, accounts, hashes, terminal, now)
            )
        except AccountExists as problem:
            terminal.complain(f"{problem} exists already")
        except NoSuchAccount as problem:
            terminal.complain(f"{problem} does not exist")
        except (Refusal, NoPassword, KeyProblem) as problem:
            terminal.complain(str(problem))
        except UnicodeDecodeError:
            terminal.complain("the file is not UTF-8")
        else:
            return code
        return FAILED

    return site.attempt(terminal, work)


def octets(text: str) -> int:
    """A size: ``500M`` is 500 * 2**20.

    Raises:
        ArgumentTypeError: it is none.
    """
    digits = text.rstrip("KMGkmg")
    unit = text[len(digits) :].upper()
    if not digits.isascii() or not digits.isdigit() or len(unit) > 1:
        message = f"not a size: {text!r}"
        raise argparse.ArgumentTypeError(message)
    return int(digits) << {"": 0, "K": 10, "M": 20, "G": 30}[unit]


def mail_folder(mail_root: Path, account: AccountId) -> Path:
    """Where the account's Maildir lies."""
    return Path(os.fsdecode(account_path(os.fsencode(mail_root), account)))


def _as_json(verifiers: Verifiers) -> dict[str, object]:
    account = verifiers.account
    return {
        "name": account.id,
        "enabled": account.enabled,
        "quota_octets": account.quota_octets,
        "password": bool(verifiers.password),
        "scram": sorted(verifiers.scram),
        "apop": verifiers.sealed is not None,
        "app_passwords": len(verifiers.app_passwords),
    }

"""``mailapp export``: copy the mail of an account into files."""

from __future__ import annotations

import argparse
import os
import time
from pathlib import Path
from typing import Any, Final

from attrs import asdict

from mailapp.app.privileges import ids_to_become
from mailapp.cli import moving
from mailapp.cli.codes import OK
from mailapp.cli.fetch import size
from mailapp.cli.manual import explain
from mailapp.cli.prompt import Terminal
from mailapp.cli.site import Site
from mailapp.config.schema import Configuration
from mailapp.moving.maildir_target import MaildirTarget
from mailapp.moving.mbox_target import MboxTarget
from mailapp.moving.outlet import Given, Outlet, Target
from mailapp.moving.types import MoveProblem
from mailapp.storage.files import Files

_FORMATS: Final = ("mbox", "maildir")


def add_parser(subparsers: Any) -> None:
    """Put ``export`` into the parser of ``mailapp``."""
    parser = subparsers.add_parser(
        "export",
        help="copy the mail of an account into files",
        description=(
            "Copy the mail of an account into files that other programs read, beside a"
            " running server: with its folders, flags, keywords and dates. The account"
            " stays as it is."
        ),
    )
    parser.add_argument("account", help="user@domain, or user alone")
    parser.add_argument(
        "target", type=Path, help="a folder; it must be empty, or not there yet"
    )
    parser.add_argument(
        "--format",
        choices=_FORMATS,
        default="mbox",
        help="mbox: a file for each mailbox; maildir: Maildir++; default: mbox",
    )
    parser.add_argument(
        "--folder",
        action="append",
        default=[],
        metavar="NAME",
        help="only this mailbox and those below it; may be given again; levels by /",
    )
    parser.add_argument("--json", action="store_true", help="for programs")
    parser.set_defaults(run=run)
    explain(
        parser,
        "Of each mailbox is copied what it held at one moment. mailapp import brings"
        " all of it back. As root the command becomes the user of the server, to whom"
        " the target then belongs.",
        examples=(
            (
                "mailapp export alice /srv/export/alice",
                "INBOX.mbox, Sent.mbox and so on",
            ),
            (
                "mailapp export alice --format maildir /srv/alice",
                "for Dovecot and mutt",
            ),
            ("mailapp export alice --folder Archive /srv/archive", "a part of it"),
        ),
    )


def run(arguments: argparse.Namespace, configuration: Configuration) -> int:
    """Do what ``mailapp export`` says; the exit code."""
    terminal, site = Terminal(), Site.of(configuration)
    server = configuration.server

    def does() -> int:
        make_target(arguments.target, ids_to_become(server.user, server.group))
        moving.become_server(configuration)
        work = prepare(arguments, site, terminal)
        return moving.run_beside(configuration, "export", work)

    return moving.explained(terminal, str(site.accounts), does)


def make_target(path: Path, owner: tuple[int, int] | None) -> None:
    """Make the folder, for its owner.

    Raises:
        MoveProblem: there is something already.
        OSError: it can't be made.
    """
    try:
        path.mkdir(mode=0o700)
    except FileExistsError:
        if not path.is_dir() or any(path.iterdir()):
            msg = f"{path} is there already and is left as it is; name another folder"
            raise MoveProblem(msg) from None
    if owner is not None:
        os.chown(path, *owner)


def prepare(
    arguments: argparse.Namespace, site: Site, terminal: Terminal
) -> moving.Work:
    """What is to be done.

    Raises:
        MoveProblem, SyntaxProblem, OSError: it can't be.
    """
    account = moving.find_account(site, arguments.account)
    wanted = [tuple(name.split("/")) for name in arguments.folder]
    path = os.fsencode(arguments.target.absolute())

    async def work(ground: moving.Ground) -> int:
        mail = await moving.open_account(ground.store, account)
        given = Given()
        with moving.bar(terminal.stderr, quiet=arguments.json) as bar:
            outlet = Outlet(mail, _target(arguments.format, path), bar, given)
            await outlet.run(wanted)
        if arguments.json:
            report = {"account": account, "target": os.fsdecode(path), **asdict(given)}
            moving.say_json(terminal, report)
        else:
            terminal.say(f"{account}: {_told(given)}")
        return OK

    return work


def _target(form: str, path: bytes) -> Target:
    if form == "mbox":
        return MboxTarget(Files(), path)
    unique = b"%d.P%d.mailapp" % (time.time(), os.getpid())
    return MaildirTarget(Files(), path, unique)


def _told(given: Given) -> str:
    words = [f"{given.exported} exported ({size(given.octets)})"]
    words += [f"{given.folders} mailboxes"]
    words += [f"{given.gone} removed meanwhile"] if given.gone else []
    return ", ".join(words)

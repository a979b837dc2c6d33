"""``mailapp import``: bring mail into an account, from files or another server."""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from attrs import asdict

from mailapp.cli import moving
from mailapp.cli.codes import FAILED, OK, TRY_AGAIN
from mailapp.cli.fetch import size
from mailapp.cli.manual import explain
from mailapp.cli.prompt import Terminal
from mailapp.cli.remote import Remote, remote
from mailapp.cli.site import Site
from mailapp.config.schema import Configuration
from mailapp.moving.intake import Intake, Place
from mailapp.moving.journal import Journal
from mailapp.moving.local import LocalSource
from mailapp.moving.types import MoveProblem, Source, Tally
from mailapp.storage.files import Files
from mailapp.storage.types import AccountId


def add_parser(subparsers: Any) -> None:
    """Put ``import`` into the parser of ``mailapp``."""
    parser = subparsers.add_parser(
        "import",
        help="bring mail into an account, from files or another server",
        description=(
            "Bring mail into an account, with its folders, flags, keywords and dates,"
            " beside a running server. Each message comes once: broken off at any"
            " moment, or run again, the command brings what is missing."
        ),
    )
    parser.add_argument("account", help="user@domain, or user alone")
    parser.add_argument(
        "source",
        nargs="+",
        help="an mbox file, a Maildir, a folder of these, or imaps://USER@HOST",
    )
    parser.add_argument(
        "--folder",
        metavar="NAME",
        help="put it into this mailbox, and other mailboxes below it; levels by /",
    )
    parser.add_argument(
        "--again",
        action="store_true",
        help="bring also what came in earlier runs from the same source",
    )
    server = parser.add_argument_group("for imaps://USER@HOST and imap://USER@HOST")
    password = server.add_mutually_exclusive_group()
    password.add_argument(
        "--stdin", action="store_true", help="read the password there from stdin"
    )
    password.add_argument(
        "--password-file",
        type=Path,
        metavar="FILE",
        help="its first line is the password there",
    )
    server.add_argument(
        "--skip",
        action="append",
        default=[],
        metavar="NAME",
        help="leave this mailbox out, as '[Gmail]/All Mail'; may be given again",
    )
    server.add_argument(
        "--authority",
        type=Path,
        metavar="FILE",
        help="trust the authorities in this PEM file; default: those of the system",
    )
    server.add_argument(
        "--cleartext",
        action="store_true",
        help="with imap://, send the password and get the mail without encryption",
    )
    parser.add_argument("--json", action="store_true", help="for programs")
    parser.set_defaults(run=run)
    explain(
        parser,
        "As root the command becomes the user of the server first, who must be able to"
        " read the files: setfacl -R -m u:mailapp:rX allows that. Links in a folder are"
        " not followed. A full account ends the run; the next one goes on.",
        examples=(
            ("mailapp import alice ~alice/Maildir", "a Maildir with all its folders"),
            ("mailapp import alice /var/mail/alice", "an mbox file, into INBOX"),
            ("mailapp import alice --folder Old 2019.mbox.gz", "into the mailbox Old"),
            (
                "mailapp import alice imaps://alice@imap.example.net",
                "all of an account elsewhere; asks for its password",
            ),
        ),
        codes=(
            (OK, "all is here"),
            (FAILED, "something has to be done, such as a larger quota"),
            (TRY_AGAIN, "something failed that may work later"),
        ),
    )


def run(arguments: argparse.Namespace, configuration: Configuration) -> int:
    """Do what ``mailapp import`` says; the exit code."""
    terminal, site = Terminal(), Site.of(configuration)

    def does() -> int:
        found = origins(arguments, terminal)
        moving.become_server(configuration)
        work = prepare(arguments, found, site, terminal)
        return moving.run_beside(configuration, "import", work)

    return moving.explained(terminal, str(site.accounts), does)


def origins(
    arguments: argparse.Namespace, terminal: Terminal
) -> list[LocalSource | Remote]:
    """What the command line names, with passwords: read as who started the command.

    Raises:
        MoveProblem, NoPassword, OSError: it can't be used.
    """
    into = tuple(arguments.folder.split("/")) if arguments.folder else ()
    user = arguments.account.partition("@")[0]
    return [
        remote(text, into, arguments, terminal)
        if text.lower().startswith(("imap://", "imaps://"))
        else _local(text, into, user)
        for text in arguments.source
    ]


def prepare(
    arguments: argparse.Namespace,
    found: Sequence[LocalSource | Remote],
    site: Site,
    terminal: Terminal,
) -> moving.Work:
    """What is to be done.

    Raises:
        MoveProblem, SyntaxProblem, OSError: it can't be.
    """
    account = moving.find_account(site, arguments.account)

    async def work(ground: moving.Ground) -> int:
        run_ = _Run(ground, site, account, terminal, arguments)
        for text, origin in zip(arguments.source, found, strict=True):
            await run_.bring(text, origin)
        return run_.end()

    return work


def _local(text: str, into: tuple[str, ...], user: str) -> LocalSource:
    return LocalSource(Files(), os.fsencode(os.path.realpath(text)), into, user)


class _Run:
    """One run of the command."""

    def __init__(
        self,
        ground: moving.Ground,
        site: Site,
        account: AccountId,
        terminal: Terminal,
        arguments: argparse.Namespace,
    ) -> None:
        self._ground = ground
        self._site = site
        self._account = account
        self._terminal = terminal
        self._arguments = arguments
        self._reports: list[dict[str, Any]] = []
        self._problem: MoveProblem | None = None

    async def bring(self, text: str, origin: LocalSource | Remote) -> None:
        """Bring what a source has, unless one before has failed."""
        if self._problem is not None:
            return
        tally = Tally()
        try:
            if isinstance(origin, Remote):
                source = await origin.log_in(self._ground.reactor)
                try:
                    await self._intake(source, tally)
                finally:
                    source.talk.dialogue.close()
            else:
                await self._intake(origin, tally)
        except MoveProblem as problem:
            self._problem = problem
        except PermissionError as problem:
            path = os.fsdecode(problem.filename or text)
            self._problem = MoveProblem(f"{path} can't be read by the server's user")
        self._note(text, tally)

    async def _intake(self, source: Source, tally: Tally) -> None:
        ground, arguments = self._ground, self._arguments
        account = await moving.open_account(ground.store, self._account)
        journal = Journal.open(
            Files(), moving.directory_of(self._site, self._account), source.key
        )
        try:
            if arguments.again:
                journal.forget()
            place = Place(
                account, journal, ground.in_thread, time.time, moving.fresh_token
            )
            with moving.bar(self._terminal.stderr, quiet=arguments.json) as bar:
                await Intake(source, place, bar, tally).run()
        finally:
            journal.close()

    def _note(self, text: str, tally: Tally) -> None:
        problem = "" if self._problem is None else str(self._problem)
        if self._arguments.json:
            report = {"source": text, **asdict(tally), "problem": problem}
            self._reports.append(report)
            return
        self._terminal.say(f"{text}: {told(tally)}")
        for note in tally.notes:
            self._terminal.complain(note)
        if problem:
            again = "; run it again to go on" if tally.imported else ""
            self._terminal.complain(f"{text}: {problem}{again}")

    def end(self) -> int:
        """The exit code, after all that is to be said."""
        if self._arguments.json:
            moving.say_json(self._terminal, self._reports)
        if self._problem is None:
            return OK
        return FAILED if self._problem.lasting else TRY_AGAIN


def told(tally: Tally) -> str:
    """What was done, for people."""
    words = [f"{tally.imported} imported ({size(tally.octets)})"]
    words += [f"{tally.known} known"] if tally.known else []
    words += [f"{tally.left_out} left out"] if tally.left_out else []
    words += [f"{tally.folders} mailboxes made"] if tally.folders else []
    words += [f"{tally.keywords} keywords not kept"] if tally.keywords else []
    return ", ".join(words)

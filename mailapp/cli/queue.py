"""``mailapp queue``: messages that wait; beside a running server or without one."""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from itertools import islice
from pathlib import Path
from typing import Any, Final, Protocol

from attrs import frozen
from twisted.internet.task import Clock

from mailapp.cli.codes import EX_USAGE, FAILED, OK, TRY_AGAIN
from mailapp.cli.manual import explain
from mailapp.cli.prompt import Terminal
from mailapp.cli.queue_texts import HEADINGS, columns, details, last_words, row, sender
from mailapp.cli.screen import Colour, Screen
from mailapp.core.address import canonical_domain
from mailapp.core.failures import SyntaxProblem, TemporaryFailure
from mailapp.events.interfaces import Unheard
from mailapp.net.steps import finish
from mailapp.net.threads import inline
from mailapp.queue.administration import Administration
from mailapp.queue.client import ControlClient, NotServed
from mailapp.queue.control import SOCKET
from mailapp.queue.custody import Custody
from mailapp.queue.forms import entry_form
from mailapp.queue.spool import Spool
from mailapp.queue.types import Entry
from mailapp.storage.files import Files

_ALIGNED: Final = 1000
"""So many entries of a table have columns of the same width."""
_WIDEST: Final = 40


class Settings(Protocol):
    """What is asked of a configuration."""

    @property
    def queue_folder(self) -> Path:
        """The folder of the queue."""


class Queue(Protocol):
    """What a command can do, whoever does it."""

    def entries(self, domain: str = "") -> Iterator[Entry]:
        """All entries, or those that wait for a domain."""

    def entry(self, entry_id: str) -> Entry:
        """One, or KeyError."""

    def do(self, command: str, **arguments: str) -> int:
        """Any other command; how many entries it was done to."""

    def close(self) -> None:
        """End it."""


class DirectQueue:
    """The queue of a server that does not run.

    Args:
        directory: of the queue.
        now: seconds since the epoch.

    Raises:
        TemporaryFailure: a server runs after all.
    """

    def __init__(self, directory: Path, now: float) -> None:
        clock = Clock()
        clock.advance(now)
        self._custody = Custody(Spool(directory, inline, Files(), clock))
        finish(self._custody.take())
        self._administration = Administration(self._custody, Unheard())

    def close(self) -> None:
        """Let a server have it."""
        self._custody.give_up()

    def entries(self, domain: str = "") -> Iterator[Entry]:
        """See :class:`Queue`."""
        found = self._administration.entries(domain)
        while True:
            try:
                yield finish(anext(found))  # type: ignore[arg-type]  # a coroutine
            except StopAsyncIteration:
                return

    def entry(self, entry_id: str) -> Entry:
        """See :class:`Queue`."""
        return finish(self._administration.entry(entry_id))

    def do(self, command: str, **arguments: str) -> int:
        """See :class:`Queue`."""
        administration = self._administration
        if command == "flush":
            return finish(administration.flush(arguments["domain"]))
        single = {
            "retry": administration.retry,
            "hold": administration.hold,
            "release": administration.release,
            "drop": administration.drop,
        }
        finish(single[command](arguments["id"]))
        return 1


@frozen
class Work:
    """What a command has at hand."""

    arguments: argparse.Namespace
    queue: Queue
    terminal: Terminal
    now: float

    @property
    def screen(self) -> Screen:
        """Where results go."""
        return Screen(self.terminal.stdout)


# ---- the commands


def show_all(work: Work) -> int:
    """List the messages that wait."""
    entries = work.queue.entries(work.arguments.domain or "")
    if work.arguments.json:
        for entry in entries:
            work.terminal.say(_as_json(entry))
        return OK
    count = octets = 0
    while some := list(islice(entries, _ALIGNED)):
        _write_table(work, some)
        count += len(some)
        octets += sum(entry.size_octets for entry in some)
    if count:
        noun = "message" if count == 1 else "messages"
        work.terminal.say(f"{count} {noun}, {octets} octets")
    else:
        work.terminal.say("nothing waits")
    return OK


def show(work: Work) -> int:
    """Show all that is known of a message."""

    def tell(entry_id: str) -> None:
        entry = work.queue.entry(entry_id)
        if work.arguments.json:
            work.terminal.say(_as_json(entry))
            return
        for line in details(entry, work.now, work.screen):
            work.screen.line(line)

    return _each(work, tell)


def retry(work: Work) -> int:
    """Try messages now, or all that wait for a domain."""
    arguments = work.arguments
    code = _do(work, "retry", "goes now")
    if arguments.domain:
        count = work.queue.do("flush", domain=arguments.domain)
        if arguments.json:
            told = {"domain": arguments.domain, "done": "retry", "count": count}
            work.terminal.say(json.dumps(told))
        else:
            verb = "goes" if count == 1 else "go"
            work.terminal.say(f"{count} for {arguments.domain} {verb} now")
    return code


def hold(work: Work) -> int:
    """Keep messages until they are released."""
    return _do(work, "hold", "held")


def release(work: Work) -> int:
    """Let held messages go."""
    return _do(work, "release", "released")


def drop(work: Work) -> int:
    """Remove messages; nobody is told."""
    return _do(work, "drop", "dropped")


def _do(work: Work, command: str, done: str) -> int:
    def tell(entry_id: str) -> None:
        work.queue.do(command, id=entry_id)
        if work.arguments.json:
            work.terminal.say(json.dumps({"id": entry_id, "done": command}))
        else:
            work.terminal.say(f"{entry_id}: {done}")

    return _each(work, tell)


def _each(work: Work, does: Callable[[str], None]) -> int:
    """Do it to all that are named; one that is not there keeps up no other."""
    code = OK
    everything = getattr(work.arguments, "all", False)
    for entry_id in (
        [entry.id for entry in work.queue.entries()]
        if everything
        else work.arguments.id
    ):
        try:
            does(entry_id)
        except KeyError:
            if everything:  # it has gone meanwhile
                continue
            work.terminal.complain(f"{entry_id}: there is no such message in the queue")
            code = FAILED
    return code


def _as_json(entry: Entry) -> str:
    """For programs: what they ask for first, then all that is known."""
    recipients = entry.envelope.recipients
    head = {
        "id": entry.id,
        "sender": "" if entry.envelope.reverse_path is None else sender(entry),
        "waiting": [str(recipients[place].address) for place in entry.waiting],
    }
    return json.dumps(head | entry_form(entry))


def _write_table(work: Work, entries: list[Entry]) -> None:
    screen = work.screen
    rows = [HEADINGS, *(row(entry, work.now) for entry in entries)]
    widths = columns(rows, _WIDEST)
    for place, cells in enumerate(rows):
        padded = [f"{c:<{width}}" for c, width in zip(cells, widths, strict=True)]
        line = "  ".join(padded).rstrip()
        screen.line(line if place else screen.paint(line, Colour.STRONG))
        said = last_words(entries[place - 1]) if place else ""
        if said:
            screen.line(f"    {screen.paint(said, Colour.DOUBTFUL)}")


# ---- the command line


def add_parser(subparsers: Any) -> None:
    """Put ``queue`` and its commands into the parser of ``mailapp``."""
    parser = subparsers.add_parser(
        "queue",
        help="list, retry, hold, release and drop messages that wait",
        description="Look after messages that wait. A running server does it at once.",
    )
    parser.set_defaults(run=run)
    commands = parser.add_subparsers(metavar="COMMAND", required=True)

    def command(
        name: str, does: Callable[[Work], int], ids: str = "+"
    ) -> argparse.ArgumentParser:
        text = (does.__doc__ or "").rstrip(".")
        made: argparse.ArgumentParser = commands.add_parser(
            name, help=text[0].lower() + text[1:], description=does.__doc__
        )
        made.set_defaults(does=does)
        if ids:
            made.add_argument("id", nargs=ids, help="as shown by: mailapp queue list")
        if ids == "*":
            made.add_argument("--all", action="store_true", help="all that wait")
        made.add_argument("--json", action="store_true", help="for programs")
        return made

    lists = command("list", show_all, "")
    lists.add_argument("--domain", type=_domain, help="only what waits for this domain")
    command("show", show)
    retries = command("retry", retry, "*")
    retries.add_argument("--domain", type=_domain, help="all that wait for this domain")
    explain(
        retries,
        "Whatever was planned for them. What is held stays so.",
        examples=(
            ("mailapp queue retry 4f1e09c2ab77d310", "this message"),
            (
                "mailapp queue retry --domain example.net",
                "all that wait for example.net",
            ),
        ),
    )
    command("hold", hold, "*")
    command("release", release, "*")
    command("drop", drop, "*")
    explain(
        parser,
        "Without a running server the files are worked on, and what is to be tried is"
        " tried when a server starts. Run it as the user of the server.",
        examples=(
            ("mailapp queue list", "what waits, when it goes, and what was said last"),
            ("mailapp queue list --domain example.net --json", "for a program"),
            ("mailapp queue show 4f1e09c2ab77d310", "all that is known of a message"),
            ("mailapp queue retry --domain example.net", "send now what waits for it"),
            ("mailapp queue hold 4f1e09c2ab77d310", "keep it until it is released"),
            ("mailapp queue drop 4f1e09c2ab77d310", "remove it; nobody is told"),
            ("mailapp queue retry --all", "try all of them now"),
        ),
        codes=(
            (OK, "it is done"),
            (FAILED, "there is no such message, or its file can't be read"),
            (TRY_AGAIN, "a server is starting or stopping: try again"),
        ),
    )


def _domain(text: str) -> str:
    """A domain as envelopes have it.

    Raises:
        ArgumentTypeError: it is none.
    """
    try:
        return canonical_domain(text)
    except SyntaxProblem as problem:
        raise argparse.ArgumentTypeError(f"{text}: {problem.reason}") from None


def run(arguments: argparse.Namespace, settings: Settings) -> int:
    """Do what ``mailapp queue …`` says; the exit code."""
    return execute(arguments, settings.queue_folder, Terminal())


def execute(
    arguments: argparse.Namespace,
    directory: Path,
    terminal: Terminal,
    now: Callable[[], float] = time.time,
) -> int:
    """Do it; the exit code, after whatever went wrong was explained."""
    named = [getattr(arguments, name, None) for name in ("id", "all", "domain")]
    if hasattr(arguments, "id") and not any(named):
        terminal.complain("which messages? Name their ids, or all with --all")
        return EX_USAGE
    try:
        with closing(open_queue(directory, now())) as queue:
            code: int = arguments.does(Work(arguments, queue, terminal, now()))
    except OSError as problem:
        terminal.complain(f"{problem.filename or directory}: {problem.strerror}")
    except TemporaryFailure as problem:
        terminal.complain(problem.status.text)
        return TRY_AGAIN
    else:
        return code
    return FAILED


def open_queue(directory: Path, now: float) -> Queue:
    """The running server's, or the files themselves.

    Raises:
        TemporaryFailure: a server is about to start or to stop.
        OSError: the queue can't be opened.
    """
    try:
        return ControlClient(directory / SOCKET)
    except NotServed:
        return DirectQueue(directory, now)

"""``mailapp fetch``: bring mail from accounts elsewhere, now."""

from __future__ import annotations

import argparse
import json
import sqlite3
import sys
from collections.abc import Sequence
from typing import Any, Final, TextIO

from attrs import asdict

from mailapp.app import fetching
from mailapp.app.privileges import drop, ids_to_become
from mailapp.app.reactor import install
from mailapp.auth.keys import KeyProblem
from mailapp.cli.codes import FAILED, OK, TRY_AGAIN
from mailapp.cli.manual import explain
from mailapp.cli.screen import Colour, Screen
from mailapp.config.fetching import Fetch
from mailapp.config.schema import Configuration
from mailapp.config.units import SIZE_UNITS
from mailapp.directory.schema import AccountsFileProblem
from mailapp.fetch.types import Report

_WIDTH: Final = 30


def add_parser(subparsers: Any) -> None:
    """Put ``fetch`` into the parser of ``mailapp``."""
    parser = subparsers.add_parser(
        "fetch",
        help="fetch mail from accounts elsewhere",
        description=(
            "Fetch the mail of the [[fetch]] tables of the configuration, of all or "
            "of those that are named. A running server does that by itself; both may "
            "do it, and each message comes once."
        ),
    )
    parser.add_argument("name", nargs="*", help="of a [[fetch]] table")
    how = parser.add_mutually_exclusive_group()
    how.add_argument("--once", action="store_true", help="and end; that is the default")
    how.add_argument(
        "--dry-run", action="store_true", help="look only, and change nothing"
    )
    parser.add_argument("--json", action="store_true", help="for programs")
    parser.set_defaults(run=run)
    explain(
        parser,
        "A message is deleted there only after it is safe here. As root the command"
        " becomes the user of the server first.",
        examples=(
            ("mailapp fetch", "all accounts"),
            ("mailapp fetch --dry-run old-account", "look what there is at one"),
            ("mailapp fetch --json old-account", "for a program"),
        ),
        codes=(
            (OK, "all is fetched"),
            (FAILED, "something has to be mended, such as a password"),
            (TRY_AGAIN, "a server or the network failed: it may work later"),
        ),
    )


def run(arguments: argparse.Namespace, configuration: Configuration) -> int:
    """Do what ``mailapp fetch`` says."""
    tables = _chosen(arguments.name, configuration.fetches)
    if tables is None:
        return FAILED
    server = configuration.server
    quiet = arguments.json or not sys.stderr.isatty()
    try:
        drop(ids_to_become(server.user, server.group))
        reports = fetching.run_once(
            configuration,
            install(),
            tables,
            lambda name: nothing if quiet else Bar(sys.stderr, name),
            dry=arguments.dry_run,
        )
    except (KeyProblem, AccountsFileProblem, LookupError) as problem:
        _complain(str(problem))
        return FAILED
    except sqlite3.Error as problem:
        _complain(f"{server.accounts}: {problem}")
        return TRY_AGAIN
    except OSError as problem:
        _complain(f"{problem.filename or server.directory}: {problem.strerror}")
        return FAILED
    if arguments.json:
        json.dump([asdict(report) for report in reports], sys.stdout, indent=2)
        sys.stdout.write("\n")
    else:
        show(reports, sys.stdout, dry=arguments.dry_run)
    return code(reports)


def code(reports: Sequence[Report]) -> int:
    """The exit code: 1 where somebody has to mend something, 75 where time may."""
    if any(report.problem and report.lasting for report in reports):
        return FAILED
    return TRY_AGAIN if any(report.problem for report in reports) else OK


def show(reports: Sequence[Report], stream: TextIO, *, dry: bool) -> None:
    """A line for each run, and another for its problem."""
    screen = Screen(stream)
    for report in reports:
        name = screen.paint(report.source, Colour.STRONG)
        screen.line(f"{name}: {_counts(report, dry=dry)}")
        if report.problem:
            screen.line("  " + screen.paint(report.problem, Colour.BAD))


def _counts(report: Report, *, dry: bool) -> str:
    if dry:
        new = report.offered - report.known - report.left
        return (
            f"{report.offered} there, {new} to fetch, {report.known} known, "
            f"{report.left} too large"
        )
    words = [f"{report.fetched} fetched ({size(report.octets)})"]
    words += [f"{report.known} known"] if report.known else []
    words += [f"{report.deleted} deleted there"] if report.deleted else []
    words += [f"{report.left} left there"] if report.left else []
    return ", ".join(words)


class Bar:
    """Shows how far a run is, in a line that is written again and again.

    Args:
        stream: a terminal.
        name: of the source.
    """

    def __init__(self, stream: TextIO, name: str) -> None:
        self._stream = stream
        self._name = name

    def __call__(self, done: int, messages: int, octets: int) -> None:
        """So many of them are done."""
        full = _WIDTH * done // messages if messages else _WIDTH
        bar = "#" * full + "." * (_WIDTH - full)
        text = f"\r{self._name} [{bar}] {done}/{messages} {size(octets)}"
        # the last one takes the line away again
        self._stream.write(text if done < messages else f"\r{' ' * len(text)}\r")
        self._stream.flush()


def size(octets: int) -> str:
    """About so much, for people: three digits, or a little more."""
    fitting = [u for u, factor in SIZE_UNITS.items() if octets >= factor]
    unit = fitting[-1] if fitting else "B"
    number = octets / SIZE_UNITS[unit]
    return f"{number:.0f} B" if unit == "B" else f"{number:.1f} {unit}"


def nothing(_done: int, _all: int, _octets: int) -> None:
    """Nobody watches."""


def _chosen(names: Sequence[str], tables: Sequence[Fetch]) -> list[Fetch] | None:
    """The tables of these names, or all; None if there is nothing to do."""
    known = {table.name: table for table in tables}
    if not known:
        _complain("the configuration has no [[fetch]]; docs/fetch.rst tells how")
        return None
    for name in names:
        if name not in known:
            _complain(f'there is no [[fetch]] "{name}"; known: {", ".join(known)}')
            return None
    return [known[name] for name in names or known]


def _complain(text: str) -> None:
    sys.stderr.write(f"mailapp fetch: {text}\n")

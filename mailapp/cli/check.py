"""``mailapp check``: what is wrong with the configuration, or what it would do."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final, TextIO

from mailapp.cli.codes import OK
from mailapp.cli.screen import Colour, Screen
from mailapp.config.load import Loaded, inspect_file
from mailapp.config.problems import EX_CONFIG, ConfigurationProblem, Severity
from mailapp.config.schema import Configuration, Listener, Security

_COLOURS: Final = {
    Severity.ERROR: Colour.BAD,
    Severity.WARNING: Colour.DOUBTFUL,
}
_SECURITY: Final = {
    Security.NONE: "no encryption",
    Security.STARTTLS: "STARTTLS",
    Security.IMPLICIT: "TLS",
}


def add_parser(subparsers: Any) -> None:
    """Put ``check`` into the parser of ``mailapp``."""
    parser = subparsers.add_parser(
        "check",
        help="look for mistakes in the configuration",
        description=(
            "Print every mistake in the configuration file, with its line and how to "
            "mend it; if there is none, what the server would listen on. Nothing is "
            "started and nothing changed."
        ),
    )
    parser.add_argument("file", nargs="?", type=Path, help="the same as --config FILE")
    parser.add_argument("--json", action="store_true", help="for programs")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Do what ``mailapp check`` says; 78 if a server would refuse the file."""
    file: Path = arguments.file or arguments.config
    loaded = inspect_file(file)
    if arguments.json:
        json.dump(as_json(str(file), loaded), sys.stdout, indent=2)
        sys.stdout.write("\n")
    else:
        explain(loaded, sys.stdout)
    return EX_CONFIG if loaded.configuration is None else OK


def explain(loaded: Loaded, stream: TextIO) -> None:
    """All problems, then what would be listened on."""
    write_problems(loaded.problems, stream)
    screen = Screen(stream)
    if loaded.configuration is None:
        errors = [p for p in loaded.problems if p.severity is Severity.ERROR]
        count = "1 error" if len(errors) == 1 else f"{len(errors)} errors"
        screen.line(f"{count}; a server does not start with this.")
        return
    for line in summary(loaded.configuration):
        screen.line(line)


def write_problems(problems: Sequence[ConfigurationProblem], stream: TextIO) -> None:
    """One line each: file, line, severity, key, and what to do."""
    screen = Screen(stream)
    for problem in problems:
        severity = problem.severity.value
        painted = screen.paint(severity, _COLOURS[problem.severity])
        screen.line(str(problem).replace(f" {severity}: ", f" {painted}: ", 1))


def summary(configuration: Configuration) -> list[str]:
    """What a server with this configuration does, for a person."""
    server = configuration.server
    rows = [_columns(listener) for listener in configuration.listeners]
    widths = [max(len(row[column]) for row in rows) for column in range(2)]
    processes = f"{server.workers} workers" if server.workers else "one process"
    return [
        f"{server.hostname} would listen on",
        *(
            f"  {label:{widths[0]}}  {place:{widths[1]}}  {note}"
            for label, place, note in rows
        ),
        f"for {', '.join(server.domains)}, with {processes}, "
        f"mail in {configuration.mail_root}",
    ]


def _columns(listener: Listener) -> tuple[str, str, str]:
    place = listener.name.removeprefix(f"{listener.label}:")
    notes = [_SECURITY[listener.tls]]
    if listener.allow_cleartext:
        notes.append("passwords in clear allowed")
    if listener.proxy_from:
        notes.append("PROXY")
    return listener.label, place, ", ".join(notes)


def as_json(file: str, loaded: Loaded) -> dict[str, Any]:
    """The same for programs."""
    configuration = loaded.configuration
    listeners = configuration.listeners if configuration else ()
    return {
        "file": file,
        "ok": configuration is not None,
        "problems": [_problem(problem) for problem in loaded.problems],
        "listeners": [_listener(listener) for listener in listeners],
    }


def _problem(problem: ConfigurationProblem) -> dict[str, Any]:
    return {
        "file": problem.file,
        "line": problem.line,
        "key": problem.key,
        "severity": problem.severity.value,
        "expected": problem.expected,
        "found": problem.found,
        "fix": problem.fix,
    }


def _listener(listener: Listener) -> dict[str, Any]:
    unix = listener.unix
    return {
        "name": listener.name,
        "protocol": listener.protocol.value,
        "address": listener.address if unix is None else None,
        "port": listener.port_number if unix is None else None,
        "unix": None if unix is None else str(unix),
        "tls": listener.tls.value,
        "allow_cleartext": listener.allow_cleartext,
    }

"""The ``mailapp`` command.

======  ======================================================================
exit    when
======  ======================================================================
0       it is done
1       it can't be done; the reason was written to standard error
64      the command line was wrong (EX_USAGE)
75      not now, try again later (EX_TEMPFAIL)
78      the configuration is refused (EX_CONFIG)
130     it was interrupted
======  ======================================================================
"""

from __future__ import annotations

import argparse
import io
import os
import sys
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import Any, Final, NoReturn

from mailapp.cli.check import write_problems
from mailapp.cli.codes import EX_USAGE, FAILED
from mailapp.cli.table import COMMANDS, Row
from mailapp.config.load import DEFAULT_FILE, inspect_file
from mailapp.config.problems import EX_CONFIG

INTERRUPTED: Final = 130


class Parser(argparse.ArgumentParser):
    """Exits with 64 where argparse would with 2, and takes no abbreviations."""

    def __init__(self, **options: Any) -> None:
        super().__init__(
            **{
                "allow_abbrev": False,
                "epilog": f"--config FILE names the configuration ({DEFAULT_FILE}).",
                **options,
            }
        )

    def error(self, message: str) -> NoReturn:
        """Say what is wrong, and how to find out what is right."""
        self.exit(EX_USAGE, f"{self.prog}: {message}\nTry: {self.prog} --help\n")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; the exit code."""
    words = sys.argv[1:] if arguments is None else list(arguments)
    if sys.stdout is None:  # it was closed before we came
        sys.stdout = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115
    if isinstance(sys.stdout, io.TextIOWrapper):
        # a name that the terminal can't show is no reason to stop
        sys.stdout.reconfigure(errors="backslashreplace")
    try:
        code = _run(words)
        sys.stdout.flush()
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        # whoever read our output has seen enough; the rest goes nowhere
        _forget_output()
        return 0
    except OSError as problem:
        # mostly a disk that is full, where the output goes
        sys.stderr.write(f"mailapp: {problem}\n")
        _forget_output()
        return FAILED
    return code


def _forget_output() -> None:
    """What is left of it goes nowhere, also at the end of the process."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _run(words: Sequence[str]) -> int:
    config, rest = _take_config(words)
    rows = [row for row in COMMANDS if row.name in rest[:1]] or COMMANDS
    parsed = _parser(rows).parse_args(rest)
    parsed.config = config
    row = next(row for row in COMMANDS if row.name == parsed.command)
    if not row.configured:
        return int(parsed.run(parsed))
    loaded = inspect_file(config, host=False)
    write_problems(loaded.problems, sys.stderr)
    if loaded.configuration is None:
        return EX_CONFIG
    return int(parsed.run(parsed, loaded.configuration))


def _take_config(words: Sequence[str]) -> tuple[Path, list[str]]:
    """``--config`` may stand anywhere in the command line."""
    parser = Parser(prog="mailapp", add_help=False)
    parser.add_argument("--config", type=Path, default=DEFAULT_FILE)
    parsed, rest = parser.parse_known_args(words)
    return parsed.config, rest


def _parser(rows: Sequence[Row]) -> Parser:
    """The parser of these commands: of one, or of all for the help."""
    parser = Parser(
        prog="mailapp", description="A mail server: manage it, check it, try it."
    )
    parser.add_argument(
        "--version", action=_ShowVersion, nargs=0, help="show the version"
    )
    commands = parser.add_subparsers(
        dest="command", metavar="COMMAND", required=True, parser_class=Parser
    )
    for row in rows:
        row.load().add_parser(commands)
    return parser


class _ShowVersion(argparse.Action):
    """Looks for the version only when it is asked for: that takes a while."""

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> None:
        metadata = import_module("importlib.metadata")
        try:
            version = metadata.version("mailapp")
        except metadata.PackageNotFoundError:  # run from a tree that is not installed
            version = "(not installed)"
        sys.stdout.write(f"mailapp {version}\n")
        parser.exit(0)


if __name__ == "__main__":
    sys.exit(main())

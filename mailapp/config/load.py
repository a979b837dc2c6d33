"""Reads the configuration file.

:func:`load_text` looks at nothing but the text, so a worker without rights can do it
with what its supervisor has read; :func:`load` also looks whether this host is as the
file says (:mod:`mailapp.config.host`).
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from attrs import frozen

from mailapp.config.checks import check
from mailapp.config.fetch_checks import check_fetching
from mailapp.config.host import check_host
from mailapp.config.outbound_checks import check_outbound
from mailapp.config.places import places
from mailapp.config.problems import (
    ConfigurationProblem,
    ConfigurationRefused,
    Severity,
)
from mailapp.config.read import Report, read
from mailapp.config.schema import Configuration

DEFAULT_FILE: Final = Path("/etc/mailapp/mailapp.toml")

_SYNTAX: Final = re.compile(r"(.*) \(at (?:line (\d+), column \d+|end of document)\)")


@frozen
class Loaded:
    """What became of a file.

    Attributes:
        configuration: None if a problem keeps the server from starting.
        problems: in the order of the file; warnings too.
    """

    configuration: Configuration | None
    problems: Sequence[ConfigurationProblem]


def inspect(text: str, file: str, *, host: bool = False) -> Loaded:
    """Find all that is wrong with a file's text.

    Args:
        text: TOML.
        file: as messages shall name it; relative paths are taken from its folder.
        host: look at this host's files and users too.
    """
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        return Loaded(None, [_syntax_problem(str(error), file)])
    report = Report(file, places(text))
    configuration = read(document, report, Path(file).absolute().parent)
    if configuration is not None:
        check(configuration, report)
        domains = configuration.server.domains
        check_fetching(configuration.fetches, domains, report)
        check_outbound(configuration.relay, configuration.routes, domains, report)
        if host:
            check_host(configuration, report)
    problems = sorted(report.problems, key=lambda problem: problem.line)
    return Loaded(None if report.is_fatal else configuration, problems)


def inspect_file(path: Path, *, host: bool = True) -> Loaded:
    """Find all that is wrong with a file.

    Args:
        path: of the file.
        host: look at this host's files and users too.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        found = (error.strerror or "an error").lower()
        return Loaded(None, [_unreadable(path, found)])
    except UnicodeDecodeError:
        return Loaded(None, [_unreadable(path, "octets that are not UTF-8")])
    return inspect(text, str(path), host=host)


def load_text(text: str, file: str) -> Configuration:
    """The configuration of a file's text.

    Raises:
        ConfigurationRefused: the server must not start with it.
    """
    return _accepted(inspect(text, file))


def load(path: Path) -> Configuration:
    """The configuration of a file that fits this host.

    Raises:
        ConfigurationRefused: the server must not start with it.
    """
    return _accepted(inspect_file(path))


def _accepted(loaded: Loaded) -> Configuration:
    if loaded.configuration is None:
        raise ConfigurationRefused(loaded.problems)
    return loaded.configuration


def _syntax_problem(message: str, file: str) -> ConfigurationProblem:
    """Tomllib's message; from its texts the place is taken where there is one."""
    match = _SYNTAX.fullmatch(message)
    found, line = (match[1], int(match[2] or 0)) if match else (message, 0)
    return ConfigurationProblem(
        file,
        line,
        "",
        "TOML (https://toml.io)",
        f"a mistake: {found[:1].lower()}{found[1:]}",
        "Texts stand in quotes, a table begins with [name].",
    )


def _unreadable(path: Path, found: str) -> ConfigurationProblem:
    return ConfigurationProblem(
        str(path),
        0,
        "",
        "a configuration file in UTF-8",
        found,
        "Name another one with --config, or mend this one.",
        Severity.ERROR,
    )

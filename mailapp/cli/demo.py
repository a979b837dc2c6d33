"""``mailapp demo``: a whole mail server to play with, without root and without DNS."""

from __future__ import annotations

import argparse
import shutil
import signal
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any, Final, NoReturn

from mailapp.app.demo.roundtrip import Finding
from mailapp.app.demo.serving import Demo
from mailapp.app.demo.world import World
from mailapp.app.starting import CannotStart
from mailapp.auth.keys import KeyProblem
from mailapp.cli.codes import EX_USAGE
from mailapp.cli.poster import describe, show_finding
from mailapp.cli.screen import Screen
from mailapp.core.address import canonical_domain
from mailapp.core.failures import SyntaxProblem
from mailapp.directory.schema import AccountsFileProblem
from mailapp.net.listeners import CannotListen

_HIGHEST_BASE: Final = 65535 - 995  # 995 is the highest of the standard ports


def add_parser(subparsers: Any) -> None:
    """Add the subcommand."""
    parser = subparsers.add_parser(
        "demo",
        help="start a mail server to play with",
        description="Starts a whole mail server on 127.0.0.1, with accounts, "
        "certificates and a few messages. It needs no root, no DNS and no "
        "configuration. Ctrl-C ends it, and nothing is left behind.",
    )
    parser.add_argument(
        "--data",
        metavar="DIR",
        type=Path,
        help="keep everything in DIR, and use again what is there",
    )
    parser.add_argument(
        "--port-base",
        metavar="N",
        type=int,
        default=10000,
        help="listen on N plus each standard port (default: 10000)",
    )
    parser.add_argument(
        "--domain",
        metavar="D",
        default="example.test",
        help="the domain of all accounts (default: example.test)",
    )
    parser.add_argument(
        "--account",
        metavar="NAME:PASSWORD",
        action="append",
        default=[],
        help="one more account, or the password of alice or bob; repeatable",
    )
    parser.add_argument(
        "--accounts",
        metavar="N",
        type=int,
        default=0,
        help="N more accounts: u000, u001 and so on",
    )
    parser.add_argument(
        "--password",
        metavar="P",
        help="the password of --accounts (default: a random one)",
    )
    parser.add_argument(
        "--workers",
        metavar="N",
        type=int,
        default=0,
        help="serve in N processes under a supervisor (default: 0, one process)",
    )
    parser.add_argument(
        "--separator",
        choices=("/", "."),
        default="/",
        help="what stands between the levels of mailbox names in IMAP (default: /)",
    )
    parser.add_argument(
        "--check",
        action="store_true",
        help="send a message, read it back by every protocol, and exit 0 or 1",
    )
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Run until it is interrupted, or until the check is done."""
    try:
        world = _world(arguments)
    except ValueError as problem:
        return _refuse(str(problem), EX_USAGE)
    for ending in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(ending, _interrupt)
    try:
        with _folder(arguments.data) as folder:
            return _serve(world(folder), arguments)
    except KeyboardInterrupt:
        return 0


def _serve(world: World, arguments: argparse.Namespace) -> int:
    try:
        demo = Demo(world)
        if arguments.check:
            return _check(demo)
        screen = Screen(sys.stdout)
        demo.serve(lambda: _present(demo, screen, kept=arguments.data is not None))
    except CannotStart as problem:
        hint = ""
        if isinstance(problem.__cause__, CannotListen):
            other = (arguments.port_base + 10000) % 50000 or 10000
            hint = f"\nTry other ports: mailapp demo --port-base {other}"
        return _refuse(f"{problem}{hint}", 1)
    except (OSError, SyntaxProblem, AccountsFileProblem, KeyProblem) as problem:
        return _refuse(str(problem), 1)
    return 0


def _present(demo: Demo, screen: Screen, *, kept: bool) -> None:
    for line in describe(demo, screen, kept=kept):
        screen.line(line)
    sys.stdout.flush()


def _check(demo: Demo) -> int:
    """Exit code 0: every protocol did its part."""
    screen = Screen(sys.stdout)
    findings: list[Finding] = []

    def tell(finding: Finding) -> None:
        findings.append(finding)
        show_finding(finding, screen)

    try:
        demo.check(tell)
    except LookupError as problem:
        name = str(problem.args[0]).partition("@")[0]
        return _refuse(
            f"the password of {name} was set by other means; say it again: "
            f"--account {name}:PASSWORD",
            1,
        )
    good = findings and not any(finding.problem for finding in findings)
    return 0 if good else 1


def _refuse(reason: str, code: int) -> int:
    sys.stderr.write(f"mailapp demo: {reason}\n")
    return code


def _interrupt(_signal: int, _frame: object) -> NoReturn:
    raise KeyboardInterrupt


def _world(arguments: argparse.Namespace) -> Callable[[Path], World]:
    """What was asked for, once there is a folder for it.

    Raises:
        ValueError: it makes no sense; the text says why.
    """
    base = arguments.port_base
    if not 0 <= base <= _HIGHEST_BASE:
        msg = f"--port-base {base}: not from 0 to {_HIGHEST_BASE}"
        raise ValueError(msg)
    if arguments.workers < 0 or arguments.accounts < 0:
        msg = "--workers and --accounts: not below 0"
        raise ValueError(msg)
    try:
        domain = canonical_domain(arguments.domain)
    except SyntaxProblem as problem:
        msg = f"--domain {arguments.domain}: {problem.reason}"
        raise ValueError(msg) from None
    return partial(
        World,
        domain=domain,
        port_base=base,
        workers=arguments.workers,
        named=_named(arguments.account),
        numbered=arguments.accounts,
        shared=arguments.password or "",
        separator=arguments.separator,
    )


def _named(words: Sequence[str]) -> dict[str, str]:
    named = {"alice": "", "bob": ""}
    for text in words:
        name, colon, password = text.partition(":")
        if not (name and colon and password) or "@" in name:
            msg = f"--account {name}: write NAME:PASSWORD"
            raise ValueError(msg)
        named[name] = password
    return named


@contextmanager
def _folder(named: Path | None) -> Iterator[Path]:
    """The folder to use; one that nobody named is removed at the end."""
    if named is not None:
        yield named.absolute()
        return
    temporary = Path(tempfile.mkdtemp(prefix="mailapp-demo-"))
    try:
        yield temporary
    finally:
        shutil.rmtree(temporary, ignore_errors=True)

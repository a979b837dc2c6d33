"""``mailapp demo``: a whole mail server to play with, without root and without DNS."""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from mailapp.app.demo import Demo
from mailapp.app.world import World, new_password
from mailapp.core.address import canonical_domain
from mailapp.core.failures import SyntaxProblem


def add_parser(subparsers: Any) -> None:
    """Add the subcommand."""
    parser = subparsers.add_parser(
        "demo",
        help="start a mail server to play with",
        description="Starts a whole mail server on 127.0.0.1, with accounts, "
        "certificates and a few messages. It needs no root, no DNS and no "
        "configuration, and leaves nothing behind.",
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
        "--check",
        action="store_true",
        help="send a message, read it back by every protocol, and exit 0 or 1",
    )
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Run until it is interrupted, or until the check is done."""
    try:
        passwords = _passwords(arguments)
        domain = canonical_domain(arguments.domain)
        _check_port_base(arguments.port_base)
    except (SyntaxProblem, ValueError) as problem:
        sys.stderr.write(f"mailapp demo: {problem}\n")
        return 64  # EX_USAGE
    with _folder(arguments.data) as folder:
        world = World(folder, domain, arguments.port_base, arguments.workers, passwords)
        try:
            return Demo(world, kept=arguments.data is not None).run(
                check_only=arguments.check
            )
        except (OSError, SyntaxProblem) as problem:
            sys.stderr.write(f"mailapp demo: {problem}\n")
            return 1


def _check_port_base(base: int) -> None:
    if not 0 <= base <= 64540:  # noqa: PLR2004 - 65535 less the highest port, 995
        msg = f"--port-base {base}: not from 0 to 64540"
        raise ValueError(msg)


def _passwords(arguments: argparse.Namespace) -> dict[str, str]:
    passwords = {name: new_password() for name in ("alice", "bob")}
    shared = arguments.password or new_password()
    for number in range(arguments.accounts):
        passwords[f"u{number:03d}"] = shared
    for text in arguments.account:
        name, colon, password = text.partition(":")
        if not (name and colon and password):
            msg = f"--account {name}: write NAME:PASSWORD"
            raise ValueError(msg)
        passwords[name] = password
    return passwords


@contextmanager
def _folder(data: Path | None) -> Iterator[Path]:
    """The folder to use; one that nobody named is removed at the end."""
    if data is not None:
        yield data.absolute()
        return
    temporary = Path(tempfile.mkdtemp(prefix="mailapp-demo-"))
    try:
        yield temporary
    finally:
        shutil.rmtree(temporary, ignore_errors=True)

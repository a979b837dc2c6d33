"""``imaps://USER@HOST`` on a command line."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any, Final
from urllib.parse import unquote, urlsplit

from attrs import field, frozen

from mailapp.app.password_file import first_line
from mailapp.cli.prompt import Terminal
from mailapp.core.secret import Secret
from mailapp.fetch.dialogue import connector
from mailapp.fetch.types import Protection
from mailapp.moving.imap import ImapSource
from mailapp.moving.imap_login import Server, log_in
from mailapp.moving.types import MoveProblem

_PORTS: Final = {"imap": 143, "imaps": 993}


@frozen
class Remote:
    """An account on another server, before the login.

    Attributes:
        server: and whose account it is.
        into: what its mailboxes come below.
        skip: mailboxes that are left out.
    """

    server: Server
    into: tuple[str, ...] = ()
    skip: frozenset[str] = field(factory=frozenset)

    async def log_in(self, reactor: Any) -> ImapSource:
        """The account; close its dialogue in the end.

        Raises:
            MoveProblem: the server does not let us in.
        """
        server = self.server
        talk = await log_in(server, connector(reactor), reactor)
        key = f"imap:{server.user}@{server.host.lower()}".encode()
        return ImapSource(talk, key, self.into, self.skip)


def remote(
    text: str, into: tuple[str, ...], arguments: argparse.Namespace, terminal: Terminal
) -> Remote:
    """What a URL and its options name (RFC 5092, section 4).

    Raises:
        MoveProblem, NoPassword, OSError: they can't be used.
    """
    try:
        url = urlsplit(text)
        port = url.port
    except ValueError:
        port, url = None, urlsplit("")
    user, _, _ = url.netloc.rpartition("@")
    if not user or not url.hostname or url.path.strip("/"):
        msg = f"{text}: expected imaps://USER@HOST or imaps://USER@HOST:PORT"
        raise MoveProblem(msg)
    if ":" in user:
        msg = "a password has no place on the command line, where all users see it"
        raise MoveProblem(msg)
    protection = Protection.IMPLICIT
    if url.scheme == "imap":
        clear = arguments.cleartext
        protection = Protection.NONE if clear else Protection.STARTTLS
    server = Server(
        host=url.hostname,
        port=port or _PORTS[url.scheme],
        user=unquote(user),
        password=_password(arguments, terminal),
        protection=protection,
        authority=arguments.authority,
    )
    return Remote(server, into, frozenset(arguments.skip))


def _password(arguments: argparse.Namespace, terminal: Terminal) -> Secret:
    path: Path | None = arguments.password_file
    if path is None:
        return terminal.read_password(from_stdin=arguments.stdin, twice=False)
    return first_line(path)

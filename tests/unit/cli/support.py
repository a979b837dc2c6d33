"""A site and a command line, for the tests of ``mailapp user`` and ``alias``."""

from __future__ import annotations

import argparse
import io
from collections.abc import Callable
from pathlib import Path

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from mailapp.auth.hashes import Hashes
from mailapp.cli import alias, user
from mailapp.cli.prompt import Terminal
from mailapp.cli.site import Site
from mailapp.core.secret import Secret
from mailapp.directory.accounts import Accounts
from mailapp.directory.resolve import Directory
from mailapp.directory.types import Verifiers
from mailapp.net.threads import inline
from mailapp.storage.types import AccountId

ALICE = AccountId("alice@example.test")
GOOD = "correct horse"
HASHES = Hashes(inline, memory_kib=8, passes=1)
ARGON2 = HASHES.make(Secret(GOOD.encode())).hash


class Keyboard(io.StringIO):
    """A terminal's stdin."""

    def isatty(self) -> bool:
        """Somebody sits there."""
        return True


class CommandCase(SynchronousTestCase):
    """Has an empty site, and a server's view of it that stays open."""

    def setUp(self) -> None:
        """Make it."""
        self.folder = Path(self.mktemp())
        self.folder.mkdir()
        self.site = Site(
            self.folder / "accounts.db",
            self.folder / "auth.key",
            self.folder / "mail",
            ["example.test", "example.org"],
        )
        self.accounts = Accounts(self.site.accounts)
        self.addCleanup(self.accounts.close)
        self.directory = Directory(self.accounts, self.site.domains)
        self.out = self.err = ""

    def mailapp(
        self, *words: str, stdin: str = "", typed: Callable[[str], str] | None = None
    ) -> int:
        """Run the command; its exit code."""
        parser = argparse.ArgumentParser(prog="mailapp")
        subparsers = parser.add_subparsers()
        user.add_parser(subparsers)
        alias.add_parser(subparsers)
        out, err = io.StringIO(), io.StringIO()
        keyboard = Keyboard() if typed else io.StringIO(stdin)
        terminal = Terminal(keyboard, out, err, typed or self.fail)
        arguments = parser.parse_args(words)
        if words[0] == "user":
            code = user.execute(
                arguments, self.site, terminal, HASHES, lambda: 1_000_000.0
            )
        else:
            code = alias.execute(arguments, self.site, terminal)
        self.out, self.err = out.getvalue(), err.getvalue()
        self.assertNotIn("Traceback", self.err)
        return code

    def add(self, name: str = "alice") -> None:
        """Make an account."""
        code = self.mailapp("user", "add", name, "--stdin", stdin=f"{GOOD}\n")
        self.assertEqual((code, self.err), (0, ""))

    def found(self, name: str = "alice") -> Verifiers | None:
        """What the server, which never closed the file, sees."""
        return self.successResultOf(
            Deferred.fromCoroutine(self.directory.verifiers(name))
        )

    def accepts(self, password: str, name: str = "alice") -> bool:
        """Does this password let in?"""
        matches = HASHES.matches(self.found(name), password.encode())
        return self.successResultOf(Deferred.fromCoroutine(matches))

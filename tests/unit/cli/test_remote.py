"""Tests of ``imaps://USER@HOST`` on a command line."""

from __future__ import annotations

import argparse
import io
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from mailapp.cli import import_
from mailapp.cli.prompt import NoPassword, Terminal
from mailapp.cli.remote import Remote
from mailapp.fetch.types import Protection
from mailapp.moving.types import MoveProblem
from tests.rows import rows, tabled


@tabled
class RemoteTests(SynchronousTestCase):
    """What is understood, and what is not."""

    def remote(self, *words: str, stdin: str = "secret\n") -> Remote:
        """What the words name."""
        parser = argparse.ArgumentParser(prog="mailapp")
        import_.add_parser(parser.add_subparsers())
        arguments = parser.parse_args(["import", "alice", *words])
        terminal = Terminal(io.StringIO(stdin), io.StringIO(), io.StringIO(), self.fail)
        (found,) = import_.origins(arguments, terminal)
        assert isinstance(found, Remote)
        return found

    @rows(
        imaps=(["imaps://a@b.example"], "a", "b.example", 993, Protection.IMPLICIT),
        imap=(["imap://a@b.example"], "a", "b.example", 143, Protection.STARTTLS),
        clear=(["imap://a@h", "--cleartext"], "a", "h", 143, Protection.NONE),
        port=(["IMAPS://a@h:9/"], "a", "h", 9, Protection.IMPLICIT),
        encoded=(["imaps://a%40b@h"], "a@b", "h", 993, Protection.IMPLICIT),
        plain_at=(["imaps://a@b@h"], "a@b", "h", 993, Protection.IMPLICIT),
        address=(["imaps://a@[::1]:1"], "a", "::1", 1, Protection.IMPLICIT),
    )
    def test_url(
        self, words: list[str], user: str, host: str, port: int, how: Protection
    ) -> None:
        """User, host, port and protection."""
        server = self.remote(*words, "--stdin").server
        found = (server.user, server.host, server.port, server.protection)
        self.assertEqual(found, (user, host, port, how))
        self.assertEqual(server.password.reveal(), b"secret")

    @rows(
        no_user=("imaps://b.example", "expected imaps://USER@HOST"),
        no_host=("imaps://a@", "expected imaps://USER@HOST"),
        bad_port=("imaps://a@h:x", "expected imaps://USER@HOST"),
        path=("imaps://a@h/INBOX", "expected imaps://USER@HOST"),
        password=("imaps://a:p4ss@h", "no place on the command line"),
    )
    def test_wrong(self, url: str, told: str) -> None:
        """What is wrong is told, and no password with it."""
        problem = self.assertRaises(MoveProblem, self.remote, url, "--stdin")
        self.assertIn(told, str(problem))
        self.assertNotIn("p4ss", str(problem))

    def test_password(self) -> None:
        """It comes from a file, from stdin or a prompt, and else not at all."""
        path = Path(self.mktemp())
        path.write_text("from file\r\nmore\n")
        found = self.remote("imaps://a@h", "--password-file", str(path))
        self.assertEqual(found.server.password.reveal(), b"from file")
        self.assertNotIn("from file", repr(found))
        self.assertRaises(NoPassword, self.remote, "imaps://a@h")

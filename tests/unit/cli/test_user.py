"""Tests of ``mailapp user``, from the command line's words on."""

from __future__ import annotations

import argparse
import io
import json
import sqlite3

from mailapp.auth.keys import load_key
from mailapp.cli import user
from mailapp.cli.site import Site
from mailapp.directory.accounts import Accounts
from tests.rows import rows, tabled
from tests.threats import threat
from tests.unit.cli.support import ALICE, GOOD, CommandCase


@tabled
class UserTests(CommandCase):
    """One account at a time."""

    def test_add(self) -> None:
        """An account is there at once, with both kinds of verifier."""
        self.assertIsNone(self.found())
        code = self.mailapp(
            "user", "add", "Alice", "--stdin", "--quota", "5M", stdin=f"{GOOD}\r\n"
        )
        self.assertEqual((code, self.out), (0, "alice@example.test added\n"))
        found = self.found()
        assert found is not None
        self.assertEqual(found.account.quota_octets, 5 << 20)
        self.assertEqual(list(found.scram), ["SCRAM-SHA-256"])
        self.assertTrue(self.accepts(GOOD))
        self.assertFalse(self.accepts(GOOD + "\r"))

    @rows(
        prompt=([GOOD, GOOD], 0, "added"),
        differ=([GOOD, "other horse"], 1, "differ"),
        empty=(["", ""], 1, "empty"),
    )
    def test_prompt(self, lines: list[str], code: int, text: str) -> None:
        """At a prompt the password is typed twice."""
        prompts: list[str] = []

        def ask(prompt: str) -> str:
            prompts.append(prompt)
            return lines[len(prompts) - 1]

        self.assertEqual(self.mailapp("user", "add", "alice", typed=ask), code)
        self.assertIn(text, self.out + self.err)
        self.assertEqual(len(prompts), 2)
        self.assertEqual(self.found() is not None, code == 0)

    def test_no_terminal(self) -> None:
        """Without a terminal and --stdin nobody waits for ever."""
        self.assertEqual(self.mailapp("user", "add", "alice"), 1)
        self.assertIn("--stdin", self.err)

    @threat(53)
    def test_not_from_argv(self) -> None:
        """A password on the command line is an error, since everybody could read it."""
        for words in (
            ["user", "add", "alice", GOOD],
            ["user", "passwd", "alice", "--password", GOOD],
        ):
            self.patch(argparse, "_sys", _Quiet)
            self.assertRaises(SystemExit, self.mailapp, *words)

    @rows(
        empty=("", "empty"),
        short=("abc", "too short"),
        common=("password", "tried first"),
        name=("alice2024", "the name"),
        control=("correct\x07horse", "can't be used"),
    )
    def test_bad_password(self, password: str, text: str) -> None:
        """A weak password is refused, with the reason."""
        code = self.mailapp("user", "add", "alice", "--stdin", stdin=f"{password}\n")
        self.assertEqual(code, 1)
        self.assertIn(text, self.err)
        self.assertIsNone(self.found())

    def test_allow_weak(self) -> None:
        """Unless somebody insists; an empty one never."""
        for stdin, code in (("abc\n", 0), ("\n", 1)):
            words = ["user", "add", f"u{code}", "--stdin", "--allow-weak"]
            self.assertEqual(self.mailapp(*words, stdin=stdin), code)

    @rows(
        slash=("../alice", "letters and digits"),
        dots=("..", "letters and digits"),
        domain=("alice@elsewhere.test", "server.domains"),
        bad_domain=("alice@-x", "domain"),
        empty=("", "empty"),
    )
    @threat(108)
    def test_bad_name(self, name: str, text: str) -> None:
        """A name that can't be is refused, with the reason."""
        code = self.mailapp("user", "add", name, "--stdin", stdin=f"{GOOD}\n")
        self.assertEqual(code, 1)
        self.assertIn(text, self.err)

    def test_exists(self) -> None:
        """A name is given once; nobody is asked for a password in vain."""
        self.add()
        self.assertEqual(self.mailapp("user", "add", "ALICE@example.test"), 1)
        self.assertEqual(self.err, "mailapp: alice@example.test exists already\n")

    def test_passwd(self) -> None:
        """The new password holds at once, and the old one no longer."""
        self.add()
        code = self.mailapp(
            "user", "passwd", "alice", "--stdin", stdin="battery staple"
        )
        self.assertEqual(code, 0)
        self.assertTrue(self.accepts("battery staple"))
        self.assertFalse(self.accepts(GOOD))

    @threat(48)
    def test_disable(self) -> None:
        """A disabled account is so at once, until it is enabled again."""
        self.add()
        for command, enabled in (("disable", False), ("enable", True)):
            self.assertEqual(self.mailapp("user", command, "alice"), 0)
            found = self.found()
            assert found is not None
            self.assertEqual(found.account.enabled, enabled)

    @rows(change="passwd", disable="disable", enable="enable", remove="remove")
    def test_missing(self, command: str) -> None:
        """What is not there can't be changed."""
        self.assertEqual(self.mailapp("user", command, "alice"), 1)
        self.assertEqual(self.err, "mailapp: alice@example.test does not exist\n")

    def test_remove(self) -> None:
        """The mail stays, and the user is told where, and which aliases are left."""
        self.add()
        mail = self.folder / "mail" / "example.test" / "alice" / "cur"
        mail.mkdir(parents=True)
        self.mailapp("alias", "add", "info@example.test", ALICE)
        self.assertEqual(self.mailapp("user", "remove", "alice"), 0)
        self.assertIsNone(self.found())
        self.assertTrue(mail.is_dir())
        self.assertIn(str(mail.parent), self.out)
        self.assertIn("info@example.test", self.err)

    def test_delete_mail(self) -> None:
        """Unless told otherwise; nobody else's mail is touched."""
        self.add()
        mail = self.folder / "mail" / "example.test" / "alice"
        other = self.folder / "mail" / "example.test" / "bob"
        for folder in (mail, other):
            (folder / "cur").mkdir(parents=True)
        self.assertEqual(self.mailapp("user", "remove", "alice", "--delete-mail"), 0)
        self.assertFalse(mail.exists())
        self.assertTrue(other.exists())

    def test_list(self) -> None:
        """For people and for programs; no hash is shown to either."""
        self.assertEqual(self.mailapp("user", "list"), 0)
        self.assertEqual(self.out, "")
        self.add("bob@example.org")
        self.add()
        self.mailapp("user", "disable", "bob@example.org")
        self.mailapp("user", "list")
        self.assertEqual(self.out, "alice@example.test\nbob@example.org  disabled\n")
        self.mailapp("user", "list", "--json")
        first, second = json.loads(self.out)
        self.assertEqual(
            first,
            {
                "name": ALICE,
                "enabled": True,
                "quota_octets": 0,
                "password": True,
                "scram": ["SCRAM-SHA-256"],
                "apop": False,
                "app_passwords": 0,
            },
        )
        self.assertEqual(second["enabled"], False)
        self.assertNotIn("argon2", self.out)

    @threat(50)
    def test_apop(self) -> None:
        """Opting in takes the password; a new password is kept readable, too."""
        self.add()
        code = self.mailapp("user", "apop", "alice", "on", "--stdin", stdin="wrong one")
        self.assertEqual((code, self.out), (1, ""))
        self.assertEqual(self.sealed(), None)
        code = self.mailapp("user", "apop", "alice", "on", "--stdin", stdin=GOOD)
        self.assertEqual((code, self.sealed()), (0, GOOD.encode()))
        self.mailapp("user", "passwd", "alice", "--stdin", stdin="battery staple")
        self.assertEqual(self.sealed(), b"battery staple")
        self.assertEqual(self.mailapp("user", "apop", "alice", "off"), 0)
        self.assertEqual(self.sealed(), None)

    def sealed(self) -> bytes | None:
        """Alice's readable password."""
        found = self.found()
        assert found is not None
        if found.sealed is None:
            return None
        opened = load_key(self.site.key).unseal(found.sealed, ALICE)
        assert opened is not None
        return opened.reveal()

    def test_file_trouble(self) -> None:
        """A file that can't be used is explained in one line, by its name."""
        self.site.accounts.chmod(0o644)
        self.assertEqual(self.mailapp("user", "list"), 1)
        self.assertIn("chmod 600", self.err)
        self.site = Site(
            self.folder / "no" / "x.db", self.site.key, self.folder, ["a.b"]
        )
        self.assertEqual(self.mailapp("user", "list"), 1)
        self.assertIn("x.db", self.err)

    def test_busy(self) -> None:
        """A locked file is a temporary failure."""
        self.add()
        other = sqlite3.connect(self.site.accounts, isolation_level=None)
        self.addCleanup(other.close)
        other.execute("BEGIN IMMEDIATE")
        self.patch(
            Site,
            "open_accounts",
            lambda site: _impatient(Accounts(site.accounts)),
        )
        self.assertEqual(self.mailapp("user", "disable", "alice"), 75)
        self.assertIn("locked", self.err)

    @rows(
        octets=("123", 123),
        kilo=("2k", 2048),
        giga=("1G", 1 << 30),
        none=("", None),
        unit_alone=("M", None),
        negative=("-1", None),
        fraction=("1.5M", None),
        digits=("\u0663", None),
        two_units=("1KK", None),
    )
    def test_size(self, text: str, expected: int | None) -> None:
        """Sizes have a unit of one letter."""
        if expected is None:
            self.assertRaises(argparse.ArgumentTypeError, user.octets, text)
        else:
            self.assertEqual(user.octets(text), expected)


class _Quiet:
    """Stands for ``sys`` where argparse would write to the test's screen."""

    argv = ("mailapp",)
    stdout = stderr = io.StringIO()

    @staticmethod
    def exit(code: int) -> None:
        """Leave."""
        raise SystemExit(code)


def _impatient(accounts: Accounts) -> Accounts:
    accounts._file.execute("PRAGMA busy_timeout = 1")
    return accounts

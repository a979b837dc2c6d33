"""Tests of ``mailapp user`` and ``mailapp alias``, from the command line's words on."""

from __future__ import annotations

import argparse
import io
import json
import sqlite3
from collections.abc import Callable
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from mailapp.auth.hashes import Hashes
from mailapp.auth.keys import load_key
from mailapp.cli import alias, user
from mailapp.cli.prompt import Terminal
from mailapp.cli.site import Site
from mailapp.cli.user_import import parse_line, parse_scram
from mailapp.core.address import parse_address
from mailapp.core.failures import SyntaxProblem
from mailapp.core.secret import Secret
from mailapp.directory.accounts import Accounts
from mailapp.directory.resolve import Directory
from mailapp.directory.types import Expanded, Local, Verifiers
from mailapp.net.threads import inline
from mailapp.sasl import base64
from mailapp.sasl.scram import make_verifier
from mailapp.storage.types import AccountId
from tests.rows import rows, tabled
from tests.threats import threat

ALICE = AccountId("alice@example.test")
GOOD = "correct horse"
HASHES = Hashes(inline, memory_kib=8, passes=1)
ARGON2 = HASHES.make(Secret(GOOD.encode())).hash


def scram(password: bytes = GOOD.encode(), iterations: int = 4096) -> str:
    """A verifier in the form of RFC 5803."""
    made = make_verifier(password, b"0123456789abcdef", iterations)
    salt, stored, server = (
        base64.encode(part).decode()
        for part in (made.salt, made.stored_key, made.server_key)
    )
    return f"SCRAM-SHA-256${iterations}:{salt}${stored}:{server}"


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


@tabled
class ImportTests(CommandCase):
    """Many accounts at once."""

    def bring_in(self, *lines: str, words: tuple[str, ...] = ()) -> int:
        """Import these lines from stdin."""
        return self.mailapp("user", "import", *words, stdin="\n".join(lines) + "\n")

    def test_import(self) -> None:
        """Passwords, argon2 hashes and SCRAM verifiers, in one file."""
        code = self.bring_in(
            "# name and password",
            "",
            f"alice\t{GOOD}",
            f"bob@example.org,{GOOD}",
            f"carol\t{ARGON2}",
            f"dave,{{ARGON2ID}}{ARGON2}",
            f"erin\t{scram()}",
            f"frank\t{ARGON2}\t{scram()}",
            f'grace,"{GOOD}, with ""quotes"""',
            "heidi\t{PLAIN}" + GOOD,
        )
        self.assertEqual((code, self.err), (0, ""))
        self.assertEqual(self.out, "8 added, 0 updated, 0 left out\n")
        names = ["alice", "bob@example.org", "carol", "dave", "erin", "frank", "heidi"]
        for name in names:
            self.assertTrue(self.accepts(GOOD, name), name)
            self.assertFalse(self.accepts("battery staple", name), name)
        self.assertTrue(self.accepts(GOOD + ', with "quotes"', "grace"))
        frank = self.found("frank")
        assert frank is not None
        self.assertEqual(frank.scram["SCRAM-SHA-256"].iterations, 4096)

    def test_problems(self) -> None:
        """Bad lines are told by number, without their passwords; good ones are done."""
        self.add()
        code = self.bring_in(
            f"alice\t{GOOD}",
            "bob\tsecret",
            "carol",
            f"../dave\t{GOOD}",
            f"erin@elsewhere.test\t{GOOD}",
            "frank\t{CRYPT}$6$secret$hash",
            f"grace\t{GOOD}",
            f"grace\tnot {GOOD}",
            f"heidi\t{GOOD}\tsecret",
        )
        self.assertEqual(code, 1)
        self.assertEqual(self.out, "1 added, 0 updated, 8 left out\n")
        numbers = sorted(line.split(":")[1] for line in self.err.splitlines())
        self.assertEqual(numbers, [f" line {n}" for n in (1, 2, 3, 4, 5, 6, 8, 9)])
        self.assertNotIn("secret", self.err)
        self.assertTrue(self.accepts(GOOD, "grace"))

    def test_update(self) -> None:
        """With --update accounts that are there get the new password."""
        self.add()
        code = self.bring_in("alice\tbattery staple", words=("--update",))
        self.assertEqual((code, self.out), (0, "0 added, 1 updated, 0 left out\n"))
        self.assertTrue(self.accepts("battery staple"))

    def test_file(self) -> None:
        """From a file, too; one that is not there is told by name."""
        path = self.folder / "users.tsv"
        path.write_text("".join(f"u{n}\tabc\n" for n in range(450)), encoding="utf-8")
        words = ("user", "import", str(path))
        self.assertEqual(self.mailapp(*words), 1)
        self.assertEqual(self.mailapp(*words, "--allow-weak"), 0)
        self.assertEqual(self.out, "450 added, 0 updated, 0 left out\n")
        self.assertEqual(self.err, "")
        self.assertEqual(self.mailapp("user", "import", str(path) + "x"), 1)
        self.assertIn("users.tsvx", self.err)
        path.write_bytes(b"\xff\xfe")
        self.assertEqual(self.mailapp(*words), 1)
        self.assertIn("UTF-8", self.err)

    @rows(
        sha1="SCRAM-SHA-1$4096:c2FsdA==$AAAA:AAAA",
        few_iterations=scram(iterations=4095),
        bomb=scram().replace("4096", "1000001"),
        short_key=scram().rpartition(":")[0] + ":AAAA",
        not_base64=scram().replace("=", "*", 1),
        empty="SCRAM-SHA-256$",
    )
    def test_bad_verifier(self, text: str) -> None:
        """A verifier that can't be used is refused."""
        self.assertRaises(SyntaxProblem, parse_scram, text)

    @settings(deadline=None, max_examples=200)
    @given(st.text(max_size=40))
    def test_never_raises(self, text: str) -> None:
        """No line raises anything but a syntax problem."""
        for line in (text, f"alice,{text}", f"alice\t{text}", f'a,"{text}'):
            try:
                parse_line(1, line, ["example.test"])
            except SyntaxProblem:
                continue


class AliasTests(CommandCase):
    """Aliases."""

    def resolve(self, text: str) -> object:
        """What the server makes of an address."""
        address = parse_address(text.encode())
        return self.successResultOf(
            Deferred.fromCoroutine(self.directory.resolve(address))
        )

    def test_add_and_remove(self) -> None:
        """An alias is there at once, and gone at once."""
        self.add()
        words = ("alias", "add", "Info@example.test", ALICE, "x@elsewhere.test")
        self.assertEqual(self.mailapp(*words), 0)
        self.assertEqual(self.out, f"info@example.test -> {ALICE}, x@elsewhere.test\n")
        self.assertIsInstance(self.resolve("info@example.test"), Expanded)
        self.mailapp("alias", "list")
        self.assertIn(f"info@example.test -> {ALICE}", self.out)
        self.mailapp("alias", "list", "--json")
        self.assertEqual(
            json.loads(self.out), {"info@example.test": [ALICE, "x@elsewhere.test"]}
        )
        self.assertEqual(self.mailapp("alias", "remove", "info@example.test"), 0)
        self.assertNotIsInstance(self.resolve("info@example.test"), Expanded)
        self.assertEqual(self.mailapp("alias", "remove", "info@example.test"), 1)

    def test_catch_all(self) -> None:
        """A whole domain may have a target."""
        self.add()
        self.assertEqual(self.mailapp("alias", "add", "@example.org", ALICE), 0)
        self.assertIsInstance(self.resolve("anything@example.org"), Expanded | Local)

    def test_bad(self) -> None:
        """What is no address of ours is refused; a missing target is told."""
        for words in (
            ("alias", "add", "info", ALICE),
            ("alias", "add", "info@elsewhere.test", ALICE),
            ("alias", "add", "info@example.test", "alice"),
            ("alias", "remove", "@"),
        ):
            self.assertEqual(self.mailapp(*words), 1, words)
            self.assertNotEqual(self.err, "")
        self.assertEqual(
            self.mailapp("alias", "add", "info@example.test", "no@example.test"), 0
        )
        self.assertIn("no@example.test does not exist yet", self.err)


class _Quiet:
    """Stands for ``sys`` where argparse would write to the test's screen."""

    argv = ("mailapp",)
    stdout = stderr = io.StringIO()

    @staticmethod
    def exit(code: int) -> None:
        """Leave."""
        raise SystemExit(code)


def _impatient(accounts: Accounts) -> Accounts:
    accounts._connection.execute("PRAGMA busy_timeout = 1")
    return accounts

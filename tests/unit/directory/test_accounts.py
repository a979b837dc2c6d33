"""Tests of mailapp.directory.accounts and schema, on real files."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from mailapp.core.failures import TemporaryFailure
from mailapp.directory.accounts import (
    AccountExists,
    Accounts,
    NewPassword,
    NoSuchAccount,
)
from mailapp.directory.schema import MIGRATIONS, AccountsFileProblem
from mailapp.directory.types import Account, Verifiers
from mailapp.sasl.mechanism import Verifier
from mailapp.storage.types import AccountId
from tests.threats import threat

ALICE = AccountId("alice@example.test")
BOB = AccountId("bob@example.test")
VERIFIER = Verifier(b"s" * 16, 10_000, b"k" * 32, b"v" * 32)
PASSWORD = NewPassword("$argon2id$hash", {"SCRAM-SHA-256": VERIFIER}, b"sealed")


class FileCase(SynchronousTestCase):
    """Has an accounts file with alice in it."""

    def setUp(self) -> None:
        """Make it."""
        self.path = Path(self.mktemp())
        self.accounts = self.open()
        self.accounts.add([(ALICE, PASSWORD)], now=1000.5, quota_octets=7)

    def open(self) -> Accounts:
        """Open it once more, as another process does."""
        accounts = Accounts(self.path)
        self.addCleanup(accounts.close)
        return accounts

    def found(self, accounts: Accounts | None = None) -> Verifiers:
        """Alice."""
        found = (accounts or self.accounts).verifiers(ALICE)
        assert found is not None
        return found


class AccountsTests(FileCase):
    """What one process writes and reads."""

    def test_round_trip(self) -> None:
        """What was added is found, also in a file that was closed."""
        expected = Verifiers(
            Account(ALICE, enabled=True, quota_octets=7),
            1,
            PASSWORD.hash,
            PASSWORD.scram,
            PASSWORD.sealed,
        )
        self.assertEqual(self.found(), expected)
        self.accounts.close()
        self.assertEqual(self.found(self.open()), expected)

    def test_unknown(self) -> None:
        """An unknown name is None, and found as soon as it is added."""
        self.assertIsNone(self.accounts.verifiers(BOB))
        self.accounts.add([(BOB, PASSWORD)], now=1)
        self.assertIsNotNone(self.accounts.verifiers(BOB))

    def test_all_or_none(self) -> None:
        """If one name is taken, none is added."""
        with self.assertRaises(AccountExists) as caught:
            self.accounts.add([(BOB, PASSWORD), (ALICE, PASSWORD)], now=1)
        self.assertEqual(caught.exception.args, (ALICE,))
        self.assertIsNone(self.accounts.verifiers(BOB))

    def test_version_never_comes_back(self) -> None:
        """Each change has a new version, also of an account made again (threat 46)."""
        versions = [self.found().version]
        self.accounts.set_enabled(ALICE, enabled=False)
        versions.append(self.found().version)
        self.accounts.set_password(ALICE, PASSWORD)
        versions.append(self.found().version)
        self.accounts.set_sealed(ALICE, None)
        versions.append(self.found().version)
        self.accounts.remove(ALICE)
        self.accounts.add([(ALICE, PASSWORD)], now=1)
        versions.append(self.found().version)
        self.assertEqual(len(set(versions)), len(versions))

    def test_new_password_replaces_all(self) -> None:
        """No old verifier or readable secret stays behind."""
        self.accounts.set_password(ALICE, NewPassword("other"))
        found = self.found()
        self.assertEqual(
            (found.password, found.scram, found.sealed), ("other", {}, None)
        )

    def test_missing(self) -> None:
        """What is not there can't be changed."""
        for change in (
            lambda: self.accounts.set_password(BOB, PASSWORD),
            lambda: self.accounts.set_enabled(BOB, enabled=True),
            lambda: self.accounts.set_sealed(BOB, b""),
            lambda: self.accounts.remove(BOB),
        ):
            self.assertRaises(NoSuchAccount, change)

    def test_remove(self) -> None:
        """Nothing of a removed account is left in the tables."""
        self.accounts.remove(ALICE)
        self.assertIsNone(self.accounts.verifiers(ALICE))
        rows = sqlite3.connect(self.path).execute("SELECT * FROM scram").fetchall()
        self.assertEqual(rows, [])

    def test_list(self) -> None:
        """Accounts and aliases come in order."""
        self.accounts.add([(AccountId("aaron@example.test"), PASSWORD)], now=1)
        self.accounts.add_alias("info@example.test", [ALICE, BOB])
        self.accounts.add_alias("info@example.test", [BOB])
        names = [v.account.id for v in self.accounts.accounts()]
        self.assertEqual(names, ["aaron@example.test", ALICE])
        self.assertEqual(
            self.accounts.aliases(),
            [("info@example.test", ALICE), ("info@example.test", BOB)],
        )
        self.assertTrue(self.accounts.remove_alias("info@example.test"))
        self.assertFalse(self.accounts.remove_alias("info@example.test"))
        self.assertEqual(self.accounts.targets("info@example.test"), ())

    @threat(47)
    def test_names_are_parameters(self) -> None:
        """No name is part of a statement."""
        for name in ("' OR 1=1 --", "*)(uid=*", "%s", "\0", "x\ud800"):
            with self.subTest(name=name):
                try:
                    found = self.accounts.verifiers(AccountId(name))
                except UnicodeEncodeError:
                    continue
                self.assertIsNone(found)

    def test_trouble_is_temporary(self) -> None:
        """A file that can't be read makes no account unknown."""
        self.accounts.close()
        self.assertRaises(TemporaryFailure, self.accounts.verifiers, ALICE)
        self.assertRaises(TemporaryFailure, self.accounts.targets, "x@y")


class TwoProcessesTests(FileCase):
    """What another process writes is seen at the next call."""

    def test_change_shows(self) -> None:
        """Another connection's change is seen at once, and only then read again."""
        other = self.open()
        self.assertTrue(self.found().account.enabled)
        self.assertIs(self.found(), self.found())
        other.set_enabled(ALICE, enabled=False)
        self.assertFalse(self.found().account.enabled)
        generation = self.accounts.generation()
        self.assertEqual(self.accounts.generation(), generation)
        other.add_alias("info@example.test", [ALICE])
        self.assertNotEqual(self.accounts.generation(), generation)
        self.assertEqual(self.accounts.targets("info@example.test"), (ALICE,))

    def test_asked_seldom(self) -> None:
        """Who asks less often sees what others write so much later, and no later."""
        clock = [5.0]
        seldom = Accounts(self.path, asked_every=0.5, now=lambda: clock[0])
        self.addCleanup(seldom.close)
        self.assertTrue(self.found(seldom).account.enabled)
        self.accounts.set_enabled(ALICE, enabled=False)
        clock[0] = 5.4
        self.assertTrue(self.found(seldom).account.enabled)
        clock[0] = 5.5
        self.assertFalse(self.found(seldom).account.enabled)

    def test_own_changes_show(self) -> None:
        """However seldom it asks, what it writes itself shows at once."""
        seldom = Accounts(self.path, asked_every=10.0)
        self.addCleanup(seldom.close)
        self.assertTrue(self.found(seldom).account.enabled)
        seldom.set_enabled(ALICE, enabled=False)
        self.assertFalse(self.found(seldom).account.enabled)

    def test_another_process(self) -> None:
        """So is that of a process of its own."""
        self.assertTrue(self.found().account.enabled)
        code = (
            "import sys, pathlib\n"
            "from mailapp.directory.accounts import Accounts\n"
            "accounts = Accounts(pathlib.Path(sys.argv[1]))\n"
            "accounts.set_enabled(sys.argv[2], enabled=False)"
        )
        subprocess.run(  # noqa: S603 - our own interpreter and code
            [sys.executable, "-c", code, str(self.path.absolute()), ALICE],
            check=True,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        )
        self.assertFalse(self.found().account.enabled)


class SchemaTests(SynchronousTestCase):
    """The file itself."""

    def setUp(self) -> None:
        """A place for it."""
        self.path = Path(self.mktemp())

    def test_private(self) -> None:
        """Nobody else may read it, nor what SQLite puts beside it."""
        accounts = Accounts(self.path)
        self.addCleanup(accounts.close)
        accounts.add([(ALICE, PASSWORD)], now=1)
        beside = list(self.path.parent.glob(f"{self.path.name}*"))
        self.assertIn(self.path, beside)
        for file in beside:
            if file.is_file():
                self.assertEqual(file.stat().st_mode & 0o777, 0o600, file)

    @threat(36)
    def test_readable_is_refused(self) -> None:
        """A file that others may read is refused, and the way out is told."""
        Accounts(self.path).close()
        self.path.chmod(0o644)
        with self.assertRaises(AccountsFileProblem) as caught:
            Accounts(self.path)
        self.assertIn("chmod 600", str(caught.exception))

    def test_newer_is_refused(self) -> None:
        """A file of a newer mailapp is left alone."""
        Accounts(self.path).close()
        connection = sqlite3.connect(self.path)
        connection.execute(f"PRAGMA user_version = {len(MIGRATIONS) + 1}")
        connection.close()
        self.assertRaises(AccountsFileProblem, Accounts, self.path)

    def test_garbage(self) -> None:
        """What is no database is an error and stays as it is."""
        self.path.write_bytes(b"no database at all\n" * 100)
        self.path.chmod(0o600)
        self.assertRaises(sqlite3.DatabaseError, Accounts, self.path)
        self.assertTrue(self.path.read_bytes().startswith(b"no database"))

"""Tests of mailapp.directory.schema: files that older versions wrote."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from mailapp.core.address import Address
from mailapp.directory.accounts import Accounts
from mailapp.directory.app_passwords import AppPasswordTable
from mailapp.directory.schema import MIGRATIONS, AccountsFileProblem
from mailapp.directory.types import ListSettings, Posting
from mailapp.storage.types import AccountId

ALICE = AccountId("alice@example.test")


class MigrationTests(SynchronousTestCase):
    """From each version to the newest."""

    def older(self, version: int) -> Path:
        """A file as that version wrote it, with an account in it."""
        path = Path(self.mktemp())
        path.touch(0o600)
        with closing(sqlite3.connect(path)) as file, file:
            for statements in MIGRATIONS[:version]:
                for statement in statements:
                    file.execute(statement)
            file.execute(
                "INSERT INTO account VALUES (?, 1, 5, 1, 7, 'hash', NULL)", (ALICE,)
            )
            file.execute("INSERT INTO alias VALUES ('a@b', ?)", (ALICE,))
            file.execute(f"PRAGMA user_version = {version}")
        return path

    def test_upgrade(self) -> None:
        """What was there stays, and what is new works."""
        for version in range(1, len(MIGRATIONS) + 1):
            path = self.older(version)
            accounts = Accounts(path)
            self.addCleanup(accounts.close)
            found = accounts.verifiers(ALICE)
            assert found is not None
            self.assertEqual((found.password, found.account.quota_octets), ("hash", 5))
            self.assertEqual(found.app_passwords, ())
            self.assertEqual(accounts.targets("a@b"), (ALICE,))
            AppPasswordTable(path).add(ALICE, "phone", b"digest", 9.0)
            found = accounts.verifiers(ALICE)
            assert found is not None
            self.assertEqual(found.app_passwords[0].label, "phone")
            self.assertNotEqual(found.version, 7)
            self.assertEqual(accounts.lists(), {})
            settings = ListSettings(Address("o", "b"), Posting.OWNER, "Title")
            accounts.set_list("a@b", settings)
            self.assertEqual(accounts.lists(), {"a@b": settings})

    def test_newer(self) -> None:
        """A file of a newer mailapp is left alone."""
        path = self.older(len(MIGRATIONS))
        with closing(sqlite3.connect(path)) as file:
            file.execute(f"PRAGMA user_version = {len(MIGRATIONS) + 1}")
        with self.assertRaises(AccountsFileProblem) as caught:
            Accounts(path)
        self.assertIn("newer mailapp", str(caught.exception))

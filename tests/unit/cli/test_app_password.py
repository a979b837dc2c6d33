"""Tests of ``mailapp user app-password``."""

from __future__ import annotations

import json

from mailapp.auth.app_passwords import AppPasswords
from mailapp.auth.keys import load_key
from tests.rows import rows, tabled
from tests.unit.cli.support import ALICE, CommandCase


@tabled
class AppPasswordTests(CommandCase):
    """Made, listed, removed."""

    def setUp(self) -> None:
        """Alice is there."""
        super().setUp()
        self.add()

    def make(self, label: str = "phone") -> str:
        """One more; what was printed."""
        code = self.mailapp("user", "app-password", "add", "alice", label)
        self.assertEqual(code, 0, self.err)
        return self.out.strip()

    def opens(self, password: str) -> bool:
        """Would a login with it succeed?"""
        found = self.accounts.verifiers(ALICE)
        assert found is not None
        known = AppPasswords(load_key(self.site.key))
        return known.find(found, password.encode()) is not None

    def test_add(self) -> None:
        """It is printed alone on stdout, and works however it is typed."""
        password = self.make()
        self.assertRegex(password, r"\A([a-z2-7]{4}-){5}[a-z2-7]{4}\Z")
        self.assertIn("SCRAM", self.err)
        for typed in (password, password.replace("-", ""), password.upper()):
            self.assertTrue(self.opens(typed))
        self.assertFalse(self.opens(password[:-1]))
        self.assertFalse(self.opens(("b" if password[0] == "a" else "a") * 24))
        self.assertNotEqual(password, self.make("tablet"))
        self.assertNotIn(password.encode(), self.site.accounts.read_bytes())

    def test_list(self) -> None:
        """Label, day of creation, day of use."""
        self.make()
        self.assertEqual(self.mailapp("user", "app-password", "list", "alice"), 0)
        self.assertEqual(self.out, "phone  created 1970-01-12  last used never\n")
        self.mailapp("user", "app-password", "list", "alice", "--json")
        self.assertEqual(
            json.loads(self.out),
            [{"label": "phone", "created": "1970-01-12", "last_used": None}],
        )
        self.mailapp("user", "list", "--json")
        self.assertEqual(json.loads(self.out)[0]["app_passwords"], 1)

    def test_remove(self) -> None:
        """It opens nothing any more, and another one stays."""
        phone, tablet = self.make(), self.make("tablet")
        words = ("user", "app-password", "remove", "alice", "phone")
        self.assertEqual(self.mailapp(*words), 0)
        self.assertFalse(self.opens(phone))
        self.assertTrue(self.opens(tablet))
        self.assertEqual(self.mailapp(*words), 1)
        self.assertIn("has no app password 'phone'", self.err)

    @rows(
        taken=("alice", "phone", "remove it first"),
        nobody=("bob", "phone", "does not exist"),
        empty=("alice", " ", "1 to 64"),
        long=("alice", "x" * 65, "1 to 64"),
        control=("alice", "a\x1bb", "1 to 64"),
    )
    def test_refused(self, name: str, label: str, words: str) -> None:
        """What can't be done is said."""
        self.make()
        code = self.mailapp("user", "app-password", "add", name, label)
        self.assertEqual(code, 1)
        self.assertIn(words, self.err)
        self.assertEqual(self.out, "")

"""Tests of ``mailapp alias``."""

from __future__ import annotations

import json

from twisted.internet.defer import Deferred

from mailapp.core.address import parse_address
from mailapp.directory.types import Expanded, Local
from tests.unit.cli.support import ALICE, CommandCase


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

    def test_remove_target(self) -> None:
        """Single targets can go; what is not there is told, and nothing changes."""
        self.add()
        self.mailapp("alias", "add", "a@example.test", ALICE, "x@y.test", "z@y.test")
        words = ("alias", "remove", "a@example.test")
        self.assertEqual(self.mailapp(*words, "x@y.test", "no@y.test"), 1)
        self.assertIn("a@example.test does not lead to no@y.test", self.err)
        self.assertEqual(self.mailapp(*words, "x@y.test", "z@y.test"), 0)
        self.assertEqual(self.out, f"a@example.test -> {ALICE}\n")

    def test_account(self) -> None:
        """Who gives an account's address away is told; a copy for it is no news."""
        self.add()
        words = ("alias", "add", ALICE)
        self.assertEqual(self.mailapp(*words, "x@y.test"), 0)
        self.assertIn(f"note: {ALICE} is an account, too; it gets nothing", self.err)
        self.assertEqual(self.mailapp(*words, ALICE), 0)
        self.assertEqual(self.err, "")

    def test_bad_target(self) -> None:
        """The word that is wrong is named."""
        self.assertEqual(self.mailapp("alias", "add", "a@example.test", "bob"), 1)
        self.assertEqual(self.err, "mailapp: bob: the address has no domain\n")

    def test_list(self) -> None:
        """A list is made, changed, shown, and loses members."""
        self.add()
        team = ("alias", "add", "Team@example.test")
        owner = ("--list", "--owner", ALICE)
        code = self.mailapp(*team, "x@y.test", ALICE, *owner, "--title", "The team")
        self.assertEqual((code, self.err), (0, ""))
        expected = f"team@example.test (list of {ALICE}, posting: %s) -> {ALICE}%s\n"
        self.assertEqual(self.out, expected % ("anyone", ", x@y.test"))
        self.assertEqual(self.mailapp(*team, "--list", "--posting", "members"), 0)
        self.mailapp("alias", "remove", "team@example.test", "x@y.test")
        self.assertEqual(self.out, expected % ("members", ""))
        self.mailapp("alias", "list")
        self.assertEqual(self.out, expected % ("members", ""))
        self.mailapp("alias", "list", "--json")
        shown = {
            "owner": ALICE,
            "posting": "members",
            "title": "The team",
            "members": [ALICE],
        }
        self.assertEqual(json.loads(self.out), {"team@example.test": shown})
        found = self.resolve("team@example.test")
        assert isinstance(found, Expanded)
        self.assertEqual(["The team"], [post.title for post in found.lists])
        self.assertEqual(self.mailapp("alias", "remove", "team@example.test"), 0)
        self.mailapp("alias", "list")
        self.assertEqual(self.out, "")

    def test_bad_list(self) -> None:
        """What can't be a list is refused, and nothing of it is kept."""
        self.add()
        team = ("alias", "add", "team@example.test", ALICE)
        for words in (
            (*team, "--list"),
            (*team, "--owner", ALICE),
            (*team, "--posting", "owner"),
            (*team, "--list", "--owner", "alice"),
            (*team, "--list", "--owner", "TEAM@example.test"),
            (*team, "--list", "--owner", ALICE, "--title", "a\r\nb"),
            ("alias", "add", "@example.test", ALICE, "--list", "--owner", ALICE),
            ("alias", "add", "team@example.test"),
        ):
            self.assertEqual(self.mailapp(*words), 1, words)
            self.assertNotEqual(self.err, "")
        self.mailapp("alias", "list")
        self.assertEqual(self.out, "")

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

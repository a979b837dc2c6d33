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

"""mailapp.cli.poster: what a person reads who starts a demo."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any, cast

from attrs import frozen
from twisted.trial.unittest import SynchronousTestCase

from mailapp.app.demo.outside import DOMAIN, MOODS
from mailapp.app.demo.serving import Demo
from mailapp.app.demo.world import Built, World
from mailapp.cli.poster import describe
from mailapp.cli.screen import Screen
from mailapp.config.load import load_text


@frozen
class Shown:
    """What the poster looks at."""

    world: World
    built: Built
    ca_file: Path
    log_file: Path


class PosterTests(SynchronousTestCase):
    """The whole poster, as lines."""

    def lines(self) -> list[str]:
        """Of a demo with alice and bob."""
        folder = Path("/tmp/some demo")  # noqa: S108 - nothing is written
        world = World(folder, "example.test", 10000, 0)
        text = world._configuration_text()
        accounts: Any = [world.account("alice"), world.account("bob")]
        passwords = {accounts[0]: "secret one"}
        built = Built(load_text(text, str(world.path)), text, accounts, passwords)
        demo = Shown(world, built, folder / "ca.pem", folder / "mailapp.log")
        return [*describe(cast(Demo, demo), Screen(io.StringIO()), kept=False)]

    def test_outside(self) -> None:
        """Whom one can write to elsewhere, and how to see what came of it."""
        lines = self.lines()
        text = "\n".join(lines)
        self.assertIn(DOMAIN, text)
        for name in MOODS:
            self.assertTrue(any(f"{name}@{DOMAIN}" in line for line in lines), name)
        self.assertIn("'/tmp/some demo/outside'", text)
        config = "--config '/tmp/some demo/mailapp.toml'"
        self.assertIn(f"mailapp queue list {config}", text)
        self.assertIn(f"mailapp why {config} alice@example.test", text)

    def test_end(self) -> None:
        """Programs wait for its last line; nothing in it is longer than a terminal."""
        lines = self.lines()
        self.assertEqual(lines[-1], "mailapp ready")
        self.assertTrue(all(line.isprintable() for line in lines))
        prose = [line for line in lines if not line.startswith(("    ", "CA", "Log"))]
        self.assertLessEqual(max(map(len, prose)), 100)

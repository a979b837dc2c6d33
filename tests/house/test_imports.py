"""Imports point downwards: setup.cfg holds the contracts, and they are complete."""

from __future__ import annotations

import re
import subprocess
import sys
from configparser import ConfigParser
from typing import Final

from twisted.trial.unittest import SynchronousTestCase

from tests.threats import threat
from tests.tools import tree

PACKAGE: Final = tree.ROOT / "mailapp"
TIERS: Final = ("grammar", "connection", "responses")
# Pure modules whose name is no tier's.
PURE: Final = (
    *("smtp.data", "policy.verdict", "delivery.router"),
    *("storage.view", "queue.schedule", "imap.framer"),
)


def contract(name: str) -> ConfigParser:
    """The settings of the project."""
    settings = ConfigParser()
    settings.read(tree.ROOT / "setup.cfg", encoding="utf-8")
    if not settings.has_section(f"importlinter:contract:{name}"):
        msg = f"setup.cfg has no contract {name}"
        raise AssertionError(msg)
    return settings


def words(name: str, option: str) -> list[str]:
    """The modules that an option of a contract names."""
    text = contract(name)[f"importlinter:contract:{name}"][option]
    return re.findall(r"[\w.*]+", text)


def packages() -> list[str]:
    """The packages right below mailapp."""
    return sorted(path.parent.name for path in PACKAGE.glob("*/__init__.py"))


def protocols() -> list[str]:
    """The packages that have a connection: the protocols."""
    found = {path.parent.name for path in PACKAGE.glob("*/connection*")}
    return sorted(found - {"core"})


def is_named(module: str, patterns: list[str]) -> bool:
    """A module or a package above it is named; ``*`` stands for one name."""
    parts = module.split(".")
    heads = [".".join(parts[:count]) for count in range(1, len(parts) + 1)]
    regexes = [re.escape(pattern).replace(r"\*", r"[^.]+") for pattern in patterns]
    return any(re.fullmatch(regex, head) for regex in regexes for head in heads)


class ImportTests(SynchronousTestCase):
    """Who may import whom (docs/architecture.md)."""

    @threat(85)
    def test_contracts_hold(self) -> None:
        """The import linter finds no contract broken.

        One of them: stdlib ``email`` reads and writes no mail here.
        """
        program = "from importlinter.cli import lint_imports_command as run; run()"
        done = subprocess.run(  # noqa: S603 - our own interpreter, constant arguments
            [sys.executable, "-c", program, "--no-cache", "--no-logo"],
            cwd=tree.ROOT,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        self.assertEqual(0, done.returncode, done.stdout + done.stderr)

    def test_every_package_has_a_layer(self) -> None:
        """A new package is given its place among the layers."""
        layers = words("layers", "layers")
        missing = [name for name in packages() if f"mailapp.{name}" not in layers]
        self.assertEqual([], missing)

    def test_every_protocol_has_tiers(self) -> None:
        """A new protocol is held to the tiers inside a protocol."""
        containers = words("inside", "containers")
        missing = [name for name in protocols() if f"mailapp.{name}" not in containers]
        self.assertEqual([], missing)

    def test_every_pure_module_is_checked(self) -> None:
        """Core, message, sasl, and the pure tiers of every protocol do no I/O."""
        pure = words("pure", "source_modules")
        tiers = [f"{name}.{tier}" for name in protocols() for tier in TIERS]
        for name in ("core", "message", "sasl", *tiers, *PURE):
            self.assertTrue(is_named(f"mailapp.{name}", pure), name)

    def test_every_package_leaves_mail_to_us(self) -> None:
        """Every package but the command line is kept from stdlib ``email``."""
        sources = words("mail", "source_modules")
        missing = [name for name in packages() if f"mailapp.{name}" not in sources]
        self.assertEqual(["cli"], missing)

    def test_every_protocol_keeps_to_the_seams(self) -> None:
        """No protocol knows a store, only its interface."""
        seams = words("seams", "source_modules")
        missing = [name for name in protocols() if f"mailapp.{name}" not in seams]
        self.assertEqual([], missing)

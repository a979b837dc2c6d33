"""mailapp.config.reference: the generated pages."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from mailapp.config import reference
from mailapp.config.load import inspect
from mailapp.config.schema import Configuration
from mailapp.config.setting import REQUIRED, Setting, SubTables, members

ROOT = Path(__file__).parents[3]
_OFF = re.compile(r"(?ms)^#\[\[.*?(?=^\[|\Z)")  # to the next table that is on
AGAIN = "run: python -m mailapp.config.reference"


def every_setting(cls: type[object] = Configuration) -> list[Setting]:
    """All settings of all tables."""
    found: list[Setting] = []
    for member in members(cls):
        if isinstance(member, SubTables):
            found += every_setting(member.table)
        else:
            found.append(member)
    return found


class ReferenceTests(SynchronousTestCase):
    """The pages say what the schema says."""

    def test_toml_equal(self) -> None:
        """etc/mailapp.toml is what would be generated."""
        path = ROOT / reference.TOML_FILE
        self.assertEqual(reference.toml(), path.read_text(encoding="utf-8"), AGAIN)

    def test_rst_equal(self) -> None:
        """docs/config.rst is what would be generated."""
        path = ROOT / reference.RST_FILE
        self.assertEqual(reference.rst(), path.read_text(encoding="utf-8"), AGAIN)

    def test_toml_reads(self) -> None:
        """The generated file is a configuration without problems."""
        self.assertEqual([], inspect(reference.toml(), "mailapp.toml").problems)

    def test_toml_defaults(self) -> None:
        """What is commented out changes nothing when it is written."""
        text = _OFF.sub("", reference.toml())
        active = re.sub(r"(?m)^#(?=[a-z0-9-]+ = )", "", text)
        self.assertNotEqual(text, active)
        self.assertEqual(
            inspect(text, "mailapp.toml").configuration,
            inspect(active, "mailapp.toml").configuration,
        )

    def test_tables_that_are_off(self) -> None:
        """A table that is commented out as a whole is sound when it is written."""
        text = reference.toml()
        on = re.sub(r"(?m)^#(?=\[\[|[a-z0-9-]+ = )", "", text)
        found = [problem for problem in inspect(on, "x").problems if problem.key]
        self.assertNotEqual(text, on)
        self.assertEqual([], [p for p in found if "unknown" in p.found], found)

    def test_lines(self) -> None:
        """No line is too long to read."""
        for line in reference.toml().splitlines():
            self.assertLessEqual(len(line), 88, line)


class SettingTests(SynchronousTestCase):
    """Each setting explains itself, and its own values fit it."""

    def test_documented(self) -> None:
        """A text of whole sentences."""
        for setting in every_setting():
            self.assertRegex(setting.doc, r"^[\"A-Z].*\.$", setting.name)

    def test_values(self) -> None:
        """Default and example are read as what they are."""
        for setting in every_setting():
            for value in (setting.default, setting.example):
                if value is REQUIRED or (value is None and setting.default is not None):
                    continue
                shown = setting.kind.show(value)
                document = tomllib.loads(f"x = {shown}")
                self.assertEqual(value, setting.kind.read(document["x"]), setting.name)

    def test_required(self) -> None:
        """What has no default has an example."""
        for setting in every_setting():
            if setting.default is REQUIRED:
                self.assertIsNotNone(setting.example, setting.name)

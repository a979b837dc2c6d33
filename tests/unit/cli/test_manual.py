"""The help of commands: its examples can be run as they stand."""

from __future__ import annotations

import shlex

from mailapp.cli import main as cli
from mailapp.cli.manual import EXAMPLES
from mailapp.cli.table import COMMANDS
from tests.rows import rows, tabled
from tests.unit.cli.test_main import CommandCase


@tabled
class HelpTests(CommandCase):
    """``mailapp COMMAND --help`` is a short manual."""

    @rows(
        why=("why",),
        queue=("queue",),
        queue_retry=("queue", "retry"),
        fetch=("fetch",),
        index=("index",),
        alias=("alias",),
        alias_add=("alias", "add"),
        app_password=("user", "app-password"),
        app_password_add=("user", "app-password", "add"),
    )
    def test_examples(self, *words: str) -> None:
        """It has examples, of this command, each one a command line that is legal."""
        self.assertEqual(self.run_words(*words, "--help"), 0)
        text = self.out.getvalue()
        self.assertLessEqual(max(map(len, text.split("\n"))), 80)
        self.assertIn("--config FILE names the configuration", text)
        _, _, behind = text.partition(f"\n{EXAMPLES}\n")
        lines = [line.strip() for line in behind.split("\n") if "mailapp " in line]
        self.assertGreater(len(lines), 1, text)
        parser = cli._parser(COMMANDS)
        for line in lines:
            name, *rest = shlex.split(line)
            self.assertEqual((name, rest[: len(words)]), ("mailapp", [*words]))
            self.assertTrue(callable(parser.parse_args(rest).run), line)

    @rows(
        why=("why", "1   nothing is known"),
        queue=("queue", "75  a server"),
        fetch=("fetch", "75  a server"),
    )
    def test_codes(self, command: str, words: str) -> None:
        """What its exit code means, where that is more than done or not."""
        self.run_words(command, "--help")
        self.assertIn("exit codes:\n  0   ", self.out.getvalue())
        self.assertIn(words, self.out.getvalue())

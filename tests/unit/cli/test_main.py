"""mailapp.cli.main: words in, exit code out."""

from __future__ import annotations

import io
import os
import sys
from errno import ENOSPC
from pathlib import Path
from tempfile import TemporaryDirectory
from types import SimpleNamespace
from typing import Any, NoReturn

from twisted.trial.unittest import SynchronousTestCase

from mailapp.cli import main as cli
from mailapp.cli.table import COMMANDS, Row
from tests.rows import rows, tabled
from tests.unit.config.files import GOOD, SERVER

CLEAR = (
    SERVER
    + 'user = ""\ndirectory = "var"\n[[listener]]\nprotocol = "smtp"\ntls = "none"\n'
)


class CommandCase(SynchronousTestCase):
    """Runs the command in this process."""

    def setUp(self) -> None:
        """A folder for the configuration, and streams that are kept."""
        folder = TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)
        self.config = self.folder / "x.toml"
        self.config.write_text(CLEAR)
        self.out, self.err = io.StringIO(), io.StringIO()
        self.patch(sys, "stdout", self.out)
        self.patch(sys, "stderr", self.err)

    def run_words(self, *words: str) -> int:
        """The exit code."""
        try:
            return cli.main(words)
        except SystemExit as end:
            return int(end.code or 0)


class Full(io.StringIO):
    """Output to a disk that is full."""

    def __init__(self) -> None:
        super().__init__()
        self.descriptor = os.open(os.devnull, os.O_WRONLY)

    def fileno(self) -> int:
        """Of a file."""
        return self.descriptor

    def write(self, _text: str) -> NoReturn:
        """Nothing fits."""
        raise OSError(ENOSPC, "No space left on device")

    def close(self) -> None:
        """No more."""
        os.close(self.descriptor)
        super().close()


@tabled
class MainTests(CommandCase):
    """The command line."""

    def test_full(self) -> None:
        """A result that can't be written is said in one line, with exit code 1."""
        full = Full()
        self.addCleanup(full.close)
        self.patch(sys, "stdout", full)
        self.assertEqual(self.run_words("check", str(self.config)), 1)
        self.assertEqual(
            self.err.getvalue(), "mailapp: [Errno 28] No space left on device\n"
        )

    def test_narrow(self) -> None:
        """What a terminal can't show is shown by its number."""
        octets = io.BytesIO()
        self.patch(sys, "stdout", io.TextIOWrapper(octets, encoding="ascii"))
        file = self.folder / "ø.toml"
        self.assertEqual(self.run_words("check", str(file)), 78)
        self.assertIn(b"\\xf8.toml: error", octets.getvalue())

    def test_closed(self) -> None:
        """Without standard output the exit code is the result."""
        self.patch(sys, "stdout", None)
        self.assertEqual(self.run_words("check", str(self.config)), 0)
        self.addCleanup(sys.stdout.close)

    @rows(
        nothing=((), "mailapp: the following arguments are required: COMMAND"),
        unknown=(("chekc",), "mailapp: argument COMMAND: invalid choice: 'chekc'"),
        option=(("check", "--jsno"), "mailapp: unrecognized arguments: --jsno"),
        abbreviation=(("check", "--js"), "mailapp: unrecognized arguments: --js"),
        no_file=(("check", "--config"), "mailapp: argument --config: expected one"),
        nested=(("user",), "mailapp user: the following arguments are required"),
    )
    def test_usage(self, words: tuple[str, ...], message: str) -> None:
        """Wrong usage exits with 64 and says where help is."""
        self.assertEqual(64, self.run_words(*words))
        self.assertEqual("", self.out.getvalue())
        self.assertTrue(self.err.getvalue().startswith(message), self.err.getvalue())
        self.assertIn("--help\n", self.err.getvalue())

    def test_help(self) -> None:
        """Help names every command, and the configuration."""
        self.assertEqual(0, self.run_words("--help"))
        for row in COMMANDS:
            self.assertIn(f"\n    {row.name} ", self.out.getvalue())
        self.assertIn("--config FILE", self.out.getvalue())

    def test_version(self) -> None:
        """The version, also of a tree that is not installed."""
        self.assertEqual(0, self.run_words("--version"))
        self.assertTrue(self.out.getvalue().startswith("mailapp "))

    def test_every_command(self) -> None:
        """Every row has what the table promises, and help of its own."""
        for row in COMMANDS:
            self.assertEqual(0, self.run_words(row.name, "--help"))
            self.assertIn(f"usage: mailapp {row.name} ", self.out.getvalue())
            self.assertTrue(callable(row.load().run))

    @rows(
        before=("--config", "FILE", "check"),
        after=("check", "--config", "FILE"),
        joined=("check", "--config=FILE"),
        positional=("check", "FILE"),
    )
    def test_config(self, *words: str) -> None:
        """--config may stand anywhere."""
        config = str(self.config)
        given = [word.replace("FILE", config) for word in words]
        self.run_words(*given)
        self.assertIn("mx.example.test would listen on\n", self.out.getvalue())

    def test_refused(self) -> None:
        """A configuration that is refused exits with 78, whatever the command."""
        self.config.write_text("x = 1\n")
        for command in (["check"], ["user", "list"]):
            self.assertEqual(78, self.run_words(*command, "--config", str(self.config)))
            text = self.out.getvalue() + self.err.getvalue()
            self.assertIn(f"{self.config}:1: error: x: expected", text)

    def test_configured(self) -> None:
        """A command gets the configuration, also one that does not fit this host."""
        self.config.write_text(GOOD)
        got: list[Any] = []

        def run(_arguments: object, configuration: Any) -> int:
            got.append(configuration.server.hostname)
            return 7

        def add_parser(subparsers: Any) -> None:
            subparsers.add_parser("new").set_defaults(run=run)

        module = SimpleNamespace(add_parser=add_parser)
        self.patch(Row, "load", lambda _self: module)
        self.patch(cli, "COMMANDS", (Row("new", ""),))
        self.assertEqual(7, self.run_words("new", "--config", str(self.config)))
        self.assertEqual(["mx.example.test"], got)
        self.assertEqual("", self.err.getvalue())

    def test_interrupted(self) -> None:
        """Control-C is 130, without a traceback."""

        def interrupt(_words: object) -> int:
            raise KeyboardInterrupt

        self.patch(cli, "_run", interrupt)
        self.assertEqual(130, self.run_words("check"))
        self.assertEqual("", self.err.getvalue())

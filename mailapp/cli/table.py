"""The commands of ``mailapp``, one row each. A new one is a module and a row here."""

from __future__ import annotations

from importlib import import_module
from types import ModuleType
from typing import Final

from attrs import frozen


@frozen
class Row:
    """What is known of a command before its module is imported.

    The module has ``add_parser(subparsers)`` and ``run(arguments, configuration)``, or
    ``run(arguments)`` where ``configured`` is false; ``run`` returns the exit code.

    Attributes:
        name: the first word of the command line.
        module: where it is.
        configured: it works on the installation that the configuration describes.
    """

    name: str
    module: str
    configured: bool = True

    def load(self) -> ModuleType:
        """Import the module: only the command that runs costs its start."""
        return import_module(self.module)


COMMANDS: Final = (
    Row("user", "mailapp.cli.user"),
    Row("alias", "mailapp.cli.alias"),
    Row("queue", "mailapp.cli.queue"),
    Row("why", "mailapp.cli.why"),
    Row("fetch", "mailapp.cli.fetch"),
    Row("index", "mailapp.cli.index"),
    Row("import", "mailapp.cli.import_"),
    Row("export", "mailapp.cli.export"),
    Row("check", "mailapp.cli.check", configured=False),
    Row("demo", "mailapp.cli.demo", configured=False),
)

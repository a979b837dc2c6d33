"""From a TOML document to a Configuration, with every slip found on the way (pure)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path as FilePath
from typing import Any, Final, assert_never

from mailapp.config.kinds import Unfit
from mailapp.config.nearest import nearest
from mailapp.config.places import Path, line_of
from mailapp.config.problems import ConfigurationProblem, Severity
from mailapp.config.schema import Configuration
from mailapp.config.setting import REQUIRED, Setting, SubTables, members
from mailapp.config.written import show_found


class Report:
    """Collects problems, and knows the lines they are on.

    Args:
        file: as messages shall name it.
        lines: of all keys.
    """

    def __init__(self, file: str, lines: Mapping[Path, int]) -> None:
        self.file = file
        self.lines = lines
        self.problems: list[ConfigurationProblem] = []

    def add(
        self,
        path: Path,
        expected: str,
        found: str,
        fix: str,
        severity: Severity = Severity.ERROR,
    ) -> None:
        """Note a problem with the setting at this path."""
        self.problems.append(
            ConfigurationProblem(
                self.file,
                line_of(path, self.lines),
                dotted(path),
                expected,
                found,
                fix,
                severity,
            )
        )

    @property
    def is_fatal(self) -> bool:
        """The server must not start."""
        return any(found.severity is Severity.ERROR for found in self.problems)


def dotted(path: Path) -> str:
    """``("listener", 0, "port")`` as ``listener[1].port``: people count from 1."""
    text = ""
    for part in path:
        text += f"[{part + 1}]" if isinstance(part, int) else f".{part}"
    return text.removeprefix(".")


def read(
    document: Mapping[str, Any], report: Report, base: FilePath
) -> Configuration | None:
    """The configuration; None if there are problems, which ``report`` has then.

    Args:
        document: as tomllib gives it.
        report: takes the problems.
        base: the folder that relative paths are taken from.
    """
    found = _table(Configuration, document, (), report, base)
    return None if found is _WRONG or report.is_fatal else found


class _Wrong:
    """Stands for a value that a problem was noted for."""


_WRONG: Final = _Wrong()


def _table(
    cls: type[Any], document: object, path: Path, report: Report, base: FilePath
) -> Any:
    """An instance of a table's class, or _WRONG."""
    if not isinstance(document, dict):
        fix = f"Begin the table with a line [{dotted(path)}]."
        report.add(path, "a table", show_found(document), fix)
        return _WRONG
    known = {member.name: member for member in members(cls)}
    for name in document:
        if name not in known:
            _note_unknown((*path, name), known, report)
    values: dict[str, Any] = {}
    for name, member in known.items():
        values[member.attribute] = _member(
            member, document.get(name, _ABSENT), (*path, name), report, base
        )
    if any(value is _WRONG for value in values.values()):
        return _WRONG
    return cls(**values)


_ABSENT: Final = object()


def _member(
    member: Setting | SubTables,
    value: object,
    path: Path,
    report: Report,
    base: FilePath,
) -> Any:
    match member:
        case Setting():
            return _setting(member, value, path, report, base)
        case SubTables(many=False):
            document = {} if value is _ABSENT else value
            return _table(member.table, document, path, report, base)
        case SubTables():
            return _tables(member, value, path, report, base)
        case _:
            assert_never(member)


def _setting(
    setting: Setting, value: object, path: Path, report: Report, base: FilePath
) -> Any:
    if value is _ABSENT:
        if setting.default is not REQUIRED:
            return setting.default
        example = setting.kind.show(setting.example)
        fix = f"Write {setting.name} = {example}, with your own value."
        report.add(path, setting.kind.expected, "nothing", fix)
        return _WRONG
    try:
        found = setting.kind.read(value)
    except Unfit as problem:
        wrong = value if problem.item is None else problem.item
        report.add(path, setting.kind.expected, show_found(wrong), problem.fix)
        return _WRONG
    return base / found if isinstance(found, FilePath) else found


def _tables(
    member: SubTables, value: object, path: Path, report: Report, base: FilePath
) -> Any:
    if value is _ABSENT:
        return ()
    if not isinstance(value, list):
        fix = f"Begin each of them with a line [[{dotted(path)}]]."
        report.add(path, "an array of tables", show_found(value), fix)
        return _WRONG
    found = [
        _table(member.table, item, (*path, place), report, base)
        for place, item in enumerate(value)
    ]
    return _WRONG if _WRONG in found else tuple(found)


def _note_unknown(path: Path, known: Iterable[str], report: Report) -> None:
    meant = nearest(path[-1], known)
    fix = f'Did you mean "{meant}"?' if meant else f"Known are {', '.join(known)}."
    report.add(path, "the name of a setting", "an unknown name", fix)

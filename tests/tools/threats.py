"""Prints the attacks of tests/threats.tsv against the tests that play them.

``python -m tests.tools.threats`` prints a table and which rows no test answers,
``--json`` the same as JSON; ``docs`` writes docs/threats.rst.

A test answers a row by ``@threat(7, 12)`` on its function or class. The sources are
only read, never imported, so this takes no time and can't fail on a broken test.
"""

from __future__ import annotations

import ast
import json
import sys
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from pathlib import Path
from typing import Final

from attrs import frozen

from tests.tools import tree

TABLE: Final = tree.ROOT / "tests" / "threats.tsv"
PAGE: Final = tree.ROOT / "docs" / "threats.rst"
HEAD: Final = """\
.. Written by "make docs" from tests/threats.tsv and the tests; changes are lost.

Known attacks and the tests that play them
==========================================

What has been done to mail servers, what this one must do about it, and which tests
play it. A row without a test is open: either that part is not built yet, or nothing
proves that it holds. A row with a test may still be answered only in part: read the
test. ``make threats`` prints the same table.
"""


@frozen
class Threat:
    """A row of the table: what is done to us, and what we must do."""

    row: int
    part: str
    attack: str
    answer: str


def read_table() -> list[Threat]:
    """All rows, in order."""
    lines = TABLE.read_text(encoding="utf-8").strip().split("\n")[1:]
    cells = [line.split("\t") for line in lines]
    return [Threat(int(row), part, attack, must) for row, part, attack, must in cells]


def tests_by_row() -> Mapping[int, Sequence[str]]:
    """Names of tests (``unit/smtp/test_data.py::DataTests::test_dot``) by row."""
    found: dict[int, list[str]] = defaultdict(list)
    for path in tree.python_files("tests"):
        if path.name.startswith("test_"):
            file = path.relative_to(tree.ROOT / "tests").as_posix()
            for name, row in marked(tree.parsed(path), file):
                found[row].append(name)
    return found


def marked(node: ast.AST, name: str) -> Iterator[tuple[str, int]]:
    """Name and row of each mark in a syntax tree; ``name`` is what holds it.

    What a function defines inside is no test, but an example in one.
    """
    for child in ast.iter_child_nodes(node):
        match child:
            case ast.ClassDef() | ast.FunctionDef() | ast.AsyncFunctionDef():
                inner = f"{name}::{child.name}"
                for decorator in child.decorator_list:
                    yield from ((inner, row) for row in _rows(decorator))
                if isinstance(child, ast.ClassDef):
                    yield from marked(child, inner)
            case _:
                pass


def _rows(decorator: ast.expr) -> Iterator[int]:
    match decorator:
        case ast.Call(func=ast.Name(id="threat"), args=arguments):
            for argument in arguments:
                match argument:
                    case ast.Constant(value=int(row)):
                        yield row
                    case _:
                        pass
        case _:
            pass


def unknown_rows() -> list[str]:
    """Tests that claim a row that is not in the table."""
    rows = {threat.row for threat in read_table()}
    return [
        f"{name}: row {row}"
        for row, names in tests_by_row().items()
        for name in names
        if row not in rows
    ]


def page() -> str:
    """The text that docs/threats.rst must have."""
    tests = tests_by_row()
    threats = read_table()
    answered = sum(1 for threat in threats if tests.get(threat.row))
    lines = [HEAD, f"{answered} of {len(threats)} rows have a test.", ""]
    for part, group in groupby(threats, key=lambda threat: threat.part):
        lines += [part, "-" * len(part), ""]
        lines += [".. list-table::", "   :header-rows: 1", "   :widths: 5 35 35 25", ""]
        lines += _cells("Row", "Attack or fault", "The server must", "Played in")
        for threat in group:
            files = sorted({name.split("::")[0] for name in tests.get(threat.row, ())})
            played = ", ".join(f"``{file}``" for file in files) or "**open**"
            lines += _cells(
                str(threat.row),
                _marked_up(threat.attack),
                _marked_up(threat.answer),
                played,
            )
        lines.append("")
    return "\n".join(lines).rstrip() + "\n"


def _cells(*cells: str) -> list[str]:
    first, *rest = cells
    return [f"   * - {first}", *(f"     - {cell}" for cell in rest)]


def _marked_up(text: str) -> str:
    """A cell of the table, whose mark-up is Markdown's, as reStructuredText."""
    parts = text.replace("**", "").split("`")
    for place in range(0, len(parts), 2):
        for mark in ("\\", "*", "|", "_"):
            parts[place] = parts[place].replace(mark, f"\\{mark}")
    return "``".join(parts)


def report() -> str:
    """The table for a terminal."""
    tests = tests_by_row()
    threats = read_table()
    lines = []
    for threat in threats:
        names = tests.get(threat.row, ())
        lines.append(
            f"{threat.row:3}  {'open' if not names else '    '}  {threat.attack}"
        )
        lines += [f"             {name}" for name in names]
    open_rows = [str(threat.row) for threat in threats if not tests.get(threat.row)]
    count = len(threats) - len(open_rows)
    lines += ["", f"{count} of {len(threats)} rows have a test."]
    lines.append(f"Open: {' '.join(open_rows) or 'none'}")
    return "\n".join(lines)


def as_json() -> str:
    """The table for a program: a list of rows with the tests of each."""
    tests = tests_by_row()
    rows = [
        {
            "row": threat.row,
            "part": threat.part,
            "attack": threat.attack,
            "must": threat.answer,
            "tests": list(tests.get(threat.row, ())),
        }
        for threat in read_table()
    ]
    return json.dumps(rows, indent=1, ensure_ascii=False)


def write(path: Path = PAGE) -> None:
    """Write docs/threats.rst."""
    path.write_text(page(), encoding="utf-8")


def main(arguments: Sequence[str]) -> int:
    """Do what the arguments say; give the exit code."""
    match arguments:
        case []:
            print(report())  # noqa: T201
        case ["--json"]:
            print(as_json())  # noqa: T201
        case ["docs"]:
            write()
        case _:
            print(__doc__)  # noqa: T201
            return 64
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

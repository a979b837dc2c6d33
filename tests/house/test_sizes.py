"""Nothing grows too big to be read at once."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import Final

from twisted.trial.unittest import SynchronousTestCase

from tests.tools import tree

FILE_LINES: Final = 400
CLASS_LINES: Final = 250
FUNCTION_STATEMENTS: Final = 40

Function = ast.FunctionDef | ast.AsyncFunctionDef


def statements(function: Function) -> int:
    """Statements in a function and in what is nested in it, without docstrings."""
    inside = [node for node in ast.walk(function) if isinstance(node, ast.stmt)]
    texts = [
        node
        for node in inside
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    ]
    return len(inside) - len(texts) - 1


def lines(node: ast.ClassDef) -> int:
    """Lines of a class from its ``class`` to its last statement."""
    return (node.end_lineno or node.lineno) - node.lineno + 1


def too_big() -> Iterator[str]:
    """What breaks a limit, with its size."""
    for path in tree.python_files("mailapp", "tests", "twisted"):
        file = tree.name(path)
        count = path.read_bytes().count(b"\n")
        if count > FILE_LINES:
            yield f"{file}: {count} lines (limit {FILE_LINES})"
        for node in ast.walk(tree.parsed(path)):
            match node:
                case ast.ClassDef() if lines(node) > CLASS_LINES:
                    size = f"{lines(node)} lines (limit {CLASS_LINES})"
                    yield f"{file}:{node.lineno}: class {node.name}: {size}"
                case ast.FunctionDef() | ast.AsyncFunctionDef() if (
                    statements(node) > FUNCTION_STATEMENTS
                ):
                    size = f"{statements(node)} (limit {FUNCTION_STATEMENTS})"
                    yield f"{file}:{node.lineno}: {node.name}: statements: {size}"
                case _:
                    pass


class SizeTests(SynchronousTestCase):
    """The limits of docs/architecture.md."""

    def test_limits(self) -> None:
        """A file, a class and a function stay within their limits."""
        self.assertEqual([], list(too_big()))

    def test_package_is_a_docstring(self) -> None:
        """An ``__init__.py`` holds a docstring and nothing else."""
        wrong = []
        for path in tree.python_files("mailapp", "tests"):
            if path.name != "__init__.py":
                continue
            body = tree.parsed(path).body
            if len(body) != 1 or ast.get_docstring(tree.parsed(path)) is None:
                wrong.append(tree.name(path))
        self.assertEqual([], wrong)

    def test_nothing_inside_twisted(self) -> None:
        """Our part of Twisted's tree has no ``__init__.py`` that could replace its."""
        found = [tree.name(path) for path in tree.python_files("twisted")]
        self.assertEqual(["twisted/plugins/mailapp_plugin.py"], found)

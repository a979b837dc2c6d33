"""Regular expressions mean the same in every Python that we run on."""

from __future__ import annotations

import importlib
import pkgutil
import re
from collections.abc import Iterator
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

import mailapp

_NO_WAY_BACK = ("POSSESSIVE_REPEAT", "ATOMIC_GROUP")


class PatternTests(SynchronousTestCase):
    """All that modules hold."""

    def test_nested(self) -> None:
        """Nothing possessive within a possessive group.

        Before Python 3.11.5 an attempt at such a group that failed could leave behind
        what it had taken (CPython issue 106052); Debian 12 has 3.11.2.
        """
        nested = {
            f"{module}: {pattern.pattern!r}"
            for module, pattern in patterns()
            if is_nested(tree_of(pattern))
        }
        self.assertEqual(sorted(nested), [])

    def test_nested_is_seen(self) -> None:
        """The test sees what it looks for."""
        self.assertTrue(is_nested(tree_of(re.compile(r"(?:a(?: b++)*+)"))))
        self.assertTrue(is_nested(tree_of(re.compile(r"(?>a(c|d++))"))))
        self.assertFalse(is_nested(tree_of(re.compile(r"(?:a(?: b++)*)c*+"))))


def patterns() -> Iterator[tuple[str, re.Pattern[Any]]]:
    """Each pattern at the top of a module, with the module's name."""
    for found in pkgutil.walk_packages(mailapp.__path__, "mailapp."):
        for value in vars(importlib.import_module(found.name)).values():
            pattern = getattr(value, "__self__", value)  # perhaps only its method
            if isinstance(pattern, re.Pattern):
                yield found.name, pattern


def tree_of(pattern: re.Pattern[Any]) -> Any:
    """What the compiler makes of it."""
    parser = importlib.import_module("re._parser")
    return parser.parse(pattern.pattern, pattern.flags & ~(re.DEBUG | re.LOCALE))


def is_nested(tree: Any, *, within: bool = False) -> bool:
    """Is something possessive in something possessive?"""
    for operation, argument in tree:
        possessive = str(operation) in _NO_WAY_BACK
        if possessive and within:
            return True
        if any(
            is_nested(part, within=within or possessive) for part in parts(argument)
        ):
            return True
    return False


def parts(argument: Any) -> Iterator[Any]:
    """The trees in what an operation is given."""
    if hasattr(argument, "getwidth"):
        yield argument
    elif isinstance(argument, tuple | list):
        for each in argument:
            yield from parts(each)

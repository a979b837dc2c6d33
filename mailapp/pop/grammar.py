"""A line of POP: a keyword, and what stands behind it after one space (pure)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeVar

from mailapp.core.failures import SyntaxProblem

_C = TypeVar("_C")
Rule = Callable[[bytes | None], _C]
"""Makes a command of what stands behind the space; None: there is no space."""


def parse_line(line: bytes, rules: Mapping[bytes, Rule[_C]]) -> _C:
    """The command of a line without its CRLF, by the rule of its keyword.

    Raises:
        SyntaxProblem: there is no such rule, or it takes no such arguments.
    """
    keyword, space, arguments = line.partition(b" ")
    rule = rules.get(keyword.upper())
    if rule is None:
        reason = "unknown command"
        raise SyntaxProblem(reason)
    return rule(arguments if space else None)


def alone(command: _C) -> Rule[_C]:
    """The rule of a command that has no arguments."""

    def rule(arguments: bytes | None) -> _C:
        if arguments is not None:
            reason = "no argument is allowed"
            raise SyntaxProblem(reason)
        return command

    return rule

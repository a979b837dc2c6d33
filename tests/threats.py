"""Marks a test with the rows of ``tests/threats.tsv`` that it answers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

_T = TypeVar("_T", bound=Callable[..., Any])


def threat(*rows: int) -> Callable[[_T], _T]:
    """Say which attacks a test plays; ``make threats`` prints rows against tests."""

    def mark(test: _T) -> _T:
        test.threats = rows  # type: ignore[attr-defined]  # read by make threats
        return test

    return mark

"""Table tests: one test method per row, named after it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

_C = TypeVar("_C", bound=type)


def rows(**table: Any) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Run a test method once for each row; the row's tuple is its arguments.

    Use with :func:`tabled` on the class::

        @tabled
        class DateTests(SynchronousTestCase):
            @rows(gmt=(b"...", 0), est=(b"...", -300))
            def test_zone(self, octets: bytes, minutes: int) -> None: ...
    """

    def mark(method: Callable[..., Any]) -> Callable[..., Any]:
        method.rows = table  # type: ignore[attr-defined]  # read by tabled
        return method

    return mark


def tabled(cls: _C) -> _C:
    """Class decorator: expand every method marked with :func:`rows`."""
    for name, method in list(vars(cls).items()):
        table = getattr(method, "rows", None)
        if table is None:
            continue
        delattr(cls, name)
        for row, arguments in table.items():
            setattr(cls, f"{name}_{row}", _bind(method, f"{name}_{row}", arguments))
    return cls


def _bind(method: Callable[..., Any], name: str, arguments: Any) -> Callable[..., Any]:
    values = arguments if isinstance(arguments, tuple) else (arguments,)

    def test(self: Any) -> Any:
        return method(self, *values)

    test.__name__ = name
    test.__doc__ = method.__doc__
    test.__dict__.update(
        {k: v for k, v in vars(method).items() if k not in {"rows", "__wrapped__"}}
    )
    return test

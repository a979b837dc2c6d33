"""Sizes and durations as people write them: ``35 MiB``, ``5 min`` (pure)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

KIB: Final = 2**10
MIB: Final = 2**20
GIB: Final = 2**30

SIZE_UNITS: Final = {
    "B": 1,
    "KiB": KIB,
    "MiB": MIB,
    "GiB": GIB,
    "TiB": 2**40,
}
"""In octets."""

DURATION_UNITS: Final = {
    "ms": 1,
    "s": 1000,
    "min": 60_000,
    "h": 3_600_000,
    "d": 86_400_000,
}
"""In milliseconds, so that all of it is whole numbers."""

SECOND: Final = 1.0
MINUTE: Final = 60.0
HOUR: Final = 3600.0
DAY: Final = 86_400.0
"""In seconds, as settings hold durations."""

_QUANTITY: Final = re.compile(r"([0-9]{1,15}) ?([A-Za-z]+)")


class BadQuantity(ValueError):
    """Not a number and a unit. Its text says what to write instead, as a sentence."""


def parse_size(text: str) -> int:
    """Octets of a size such as ``35 MiB``.

    Raises:
        BadQuantity: it is none.
    """
    return _parse(text, SIZE_UNITS)


def parse_duration(text: str) -> float:
    """Seconds of a duration such as ``5 min``.

    Raises:
        BadQuantity: it is none.
    """
    return _parse(text, DURATION_UNITS) / 1000


def show_size(octets: int) -> str:
    """The shortest text that :func:`parse_size` reads as this."""
    return _show(octets, SIZE_UNITS)


def show_duration(seconds: float) -> str:
    """The shortest text that :func:`parse_duration` reads as this, to the ms."""
    milliseconds = round(seconds * 1000)
    return _show(milliseconds, DURATION_UNITS) if milliseconds else "0 s"


def _parse(text: str, units: Mapping[str, int]) -> int:
    match = _QUANTITY.fullmatch(text)
    names = ", ".join(units)
    if match is None:
        msg = f"Write a whole number and one of {names}."
        raise BadQuantity(msg)
    number, unit = match.groups()
    if unit in units:
        return int(number) * units[unit]
    alike = {name.lower(): name for name in units} | _OFTEN_MEANT
    meant = alike.get(unit.lower())
    if meant in units:
        msg = f'Write "{number} {meant}".'
        raise BadQuantity(msg)
    msg = f"The unit is one of {names}."
    raise BadQuantity(msg)


_OFTEN_MEANT: Final = {
    "k": "KiB",
    "kb": "KiB",
    "m": "MiB",
    "mb": "MiB",
    "g": "GiB",
    "gb": "GiB",
    "t": "TiB",
    "tb": "TiB",
    "octets": "B",
    "bytes": "B",
    "sec": "s",
    "second": "s",
    "seconds": "s",
    "minute": "min",
    "minutes": "min",
    "hour": "h",
    "hours": "h",
    "day": "d",
    "days": "d",
}


def _show(quantity: int, units: Mapping[str, int]) -> str:
    unit, factor = next(
        (unit, factor)
        for unit, factor in reversed(list(units.items()))
        if quantity % factor == 0 and (quantity or factor == 1)
    )
    return f"{quantity // factor} {unit}"

"""Colour where there is a screen that shows it."""

from __future__ import annotations

import os
from collections.abc import Mapping
from enum import Enum
from typing import TextIO


class Colour(Enum):
    """What is said with a colour: SGR parameters of ECMA-48."""

    BAD = "31"
    DOUBTFUL = "33"
    GOOD = "32"
    STRONG = "1"


class Screen:
    """Writes lines to a stream.

    Args:
        stream: where to.
        environment: ``NO_COLOR``, if not empty, and ``TERM=dumb`` switch colour off.
    """

    def __init__(
        self, stream: TextIO, environment: Mapping[str, str] | None = None
    ) -> None:
        values = os.environ if environment is None else environment
        self._stream = stream
        self._coloured = (
            stream.isatty()
            and not values.get("NO_COLOR")
            and values.get("TERM") != "dumb"
        )

    def paint(self, text: str, colour: Colour) -> str:
        """The text in a colour, or as it is."""
        return f"\x1b[{colour.value}m{text}\x1b[0m" if self._coloured else text

    def line(self, text: str = "") -> None:
        """Write a line."""
        self._stream.write(f"{text}\n")

"""What a terminal shows, a DEC VT100 as far as mail clients use it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

LINES: Final = 40
COLUMNS: Final = 120
_PIECE: Final = re.compile(
    rb"(?P<text>[^\0-\x1f]+)"
    rb"|\x1b\[\??(?P<numbers>[0-9;]*)(?P<command>[A-Za-z])"
    rb"|\x1b[()#](?P<ignored>.)"
    rb"|\x1b(?P<letter>[^\[()#])"
    rb"|(?P<control>[\0-\x1a\x1c-\x1f])",
    re.DOTALL,
)
_MOVES: Final = {b"A": (-1, 0), b"B": (1, 0), b"C": (0, 1), b"D": (0, -1)}
_BLANK: Final = b" " * COLUMNS


class Screen:
    """Takes what a program writes; chunks may be cut anywhere."""

    def __init__(self) -> None:
        self._rows = [_BLANK] * LINES
        self._scrolled = 0, LINES  # what moves, by a line feed below it
        self._row = 0
        self._column = 0
        self._rest = b""

    def __str__(self) -> str:
        """Its lines, without the spaces at their ends."""
        return b"\n".join(map(bytes.rstrip, self._rows)).decode("utf-8", "replace")

    def write(self, octets: bytes) -> None:
        """The next octets."""
        octets, end = self._rest + octets, 0
        while piece := _PIECE.match(octets, end):
            end = piece.end()
            if piece["text"]:
                self._show(piece["text"])
            elif piece["command"]:
                numbers = [int(n or 0) for n in piece["numbers"].split(b";")]
                self._do(piece["command"], numbers)
            elif piece["letter"] == b"M":
                self._up()
            elif piece["control"]:
                self._control(piece["control"])
        self._rest = octets[end:]

    def _show(self, text: bytes) -> None:
        """A column for each octet, at the end of a line on the next."""
        while text:
            if self._column == COLUMNS:
                self._column = 0
                self._down()
            row, column = self._rows[self._row], self._column
            shown, text = text[: COLUMNS - column], text[COLUMNS - column :]
            self._column += len(shown)
            self._rows[self._row] = row[:column] + shown + row[self._column :]

    def _control(self, octet: bytes) -> None:
        match octet:
            case b"\r":
                self._column = 0
            case b"\n":
                self._down()
            case b"\b":
                self._column = max(self._column - 1, 0)
            case b"\t":
                self._column = min(self._column // 8 * 8 + 8, COLUMNS - 1)

    def _do(self, command: bytes, numbers: Sequence[int]) -> None:
        row, column = self._rows[self._row], self._column
        one, two = numbers if len(numbers) > 1 else (1, LINES)
        match command:
            case b"A" | b"B" | b"C" | b"D":
                down, right = _MOVES[command]
                times = max(numbers[0], 1)
                self._go(self._row + times * down, self._column + times * right)
            case b"H" if len(numbers) > 1:
                self._go(one - 1, two - 1)
            case b"H":
                self._go(0, 0)
            case b"J":
                self._rows[self._row + 1 :] = [_BLANK] * (LINES - self._row - 1)
                self._rows[self._row] = row[:column].ljust(COLUMNS)
            case b"K" if numbers[0] == 1:
                self._rows[self._row] = row[column + 1 :].rjust(COLUMNS)
            case b"K":
                self._rows[self._row] = row[:column].ljust(COLUMNS)
            case b"r":
                self._scrolled = one - 1, two
                self._go(0, 0)

    def _go(self, row: int, column: int) -> None:
        self._row = min(max(row, 0), LINES - 1)
        self._column = min(max(column, 0), COLUMNS - 1)

    def _down(self) -> None:
        first, end = self._scrolled
        if self._row == end - 1:
            self._rows[first:end] = [*self._rows[first + 1 : end], _BLANK]
        elif self._row < LINES - 1:
            self._row += 1

    def _up(self) -> None:
        first, end = self._scrolled
        if self._row == first:
            self._rows[first:end] = [_BLANK, *self._rows[first : end - 1]]
        elif self._row:
            self._row -= 1

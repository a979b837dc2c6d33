"""The line of every key in a TOML file (pure).

:mod:`tomllib` tells values and no places. This reads the text once more, after tomllib
has accepted it, and so only has to tell keys, strings, comments and brackets apart.
Keys inside inline tables have the line of the key that holds them.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from typing import Final

Path = tuple[str | int, ...]
"""Names of tables and keys; the place in an array of tables is a number from 0."""

_SPACE: Final = re.compile(r"(?:[ \t\r\n]|#[^\n]*)*")
_HEADER: Final = re.compile(r"(\[\[?)([^\n#]*?)\]\]?[ \t]*(?=[\r\n#]|\Z)")
_QUOTED: Final = r"\"(?:[^\"\\\n]|\\.)*\"|'[^'\n]*'"
_KEY: Final = re.compile(rf"((?:{_QUOTED}|[^=\"'#\n])+)=")
_STRING: Final = re.compile(
    rf'"""(?:[^"\\]|\\.|"(?!""))*"{{3,5}}'
    r"|'''(?:[^']|'(?!''))*'{3,5}"
    rf"|{_QUOTED}",
    re.DOTALL,
)
_COMMENT: Final = re.compile(r"#[^\n]*")
_PLAIN: Final = re.compile(r"[^\"'#\[\]{}\n]+")


def places(text: str) -> Mapping[Path, int]:
    """Path to line (from 1) of every table and key in a file that tomllib accepts."""
    found: dict[Path, int] = {}
    counts: dict[Path, int] = {}
    table: Path = ()
    position = 0
    while True:
        position = _end(_SPACE, text, position)
        line = text.count("\n", 0, position) + 1
        if header := _HEADER.match(text, position):
            table = _enter(_names(header[2]), counts, new=header[1] == "[[")
            found.setdefault(table, line)
            position = header.end()
        elif key := _KEY.match(text, position):
            names = _names(key[1])
            for depth in range(1, len(names) + 1):
                found.setdefault(table + names[:depth], line)
            position = _value_end(text, key.end())
        else:
            return found


def line_of(path: Path, lines: Mapping[Path, int]) -> int:
    """The line of a path, or of the nearest that holds it; 0 if there is none."""
    while path:
        if path in lines:
            return lines[path]
        path = path[:-1]
    return 0


def _names(dotted: str) -> tuple[str, ...]:
    """The parts of a dotted key, told by tomllib itself."""
    names = []
    level: object = tomllib.loads(f"{dotted.strip()} = 0")
    while isinstance(level, dict):
        [(name, level)] = level.items()
        names.append(name)
    return tuple(names)


def _enter(names: tuple[str, ...], counts: dict[Path, int], *, new: bool) -> Path:
    """The path of a table, with the number of every array of tables on its way.

    Args:
        names: of its header.
        counts: the last number of each array of tables so far.
        new: the header begins another table of an array.
    """
    path: Path = ()
    for depth, name in enumerate(names, 1):
        path = (*path, name)
        if new and depth == len(names):
            counts[path] = counts.get(path, -1) + 1
        if path in counts:
            path = (*path, counts[path])
    return path


def _value_end(text: str, position: int) -> int:
    """Where a value ends: at the end of its line, outside brackets and strings."""
    depth = 0
    while position < len(text):
        for pattern in (_STRING, _PLAIN, _COMMENT):
            end = _end(pattern, text, position)
            if end != position:
                break
        else:
            if text[position] == "\n" and not depth:
                break
            depth += (text[position] in "[{") - (text[position] in "]}")
            end = position + 1
        position = end
    return position


def _end(pattern: re.Pattern[str], text: str, position: int) -> int:
    match = pattern.match(text, position)
    return match.end() if match else position

"""Where the project lies, and which files it is made of."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[2]
PAGES: Final = ("*.rst", "*.md", "*.txt", "*.toml", "*.cfg", "*.service", "*.socket")


def python_files(*folders: str) -> Iterator[Path]:
    """Every Python file below these folders of the project, sorted."""
    for folder in folders:
        for path in sorted((ROOT / folder).rglob("*.py")):
            if "__pycache__" not in path.parts:
                yield path


def text_files() -> Iterator[Path]:
    """Every file of ours that people read: sources, pages, settings, scripts."""
    yield from python_files("mailapp", "tests", "twisted")
    yield from (path for path in sorted(ROOT.iterdir()) if _is_page(path))
    for folder in ("docs", "etc", "newsfragments", ".ci"):
        for path in sorted((ROOT / folder).rglob("*")):
            if path.is_file():
                yield path


def _is_page(path: Path) -> bool:
    named = path.name in {"Makefile", ".gitignore"}
    return named or any(path.match(pattern) for pattern in PAGES)


def name(path: Path) -> str:
    """The path as people write it, from the project's root."""
    return path.relative_to(ROOT).as_posix()


@cache
def parsed(path: Path) -> ast.Module:
    """The syntax tree of a Python file."""
    return ast.parse(path.read_bytes(), filename=str(path))

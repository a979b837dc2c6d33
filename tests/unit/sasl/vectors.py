"""Reads ``sasl.tsv``: examples of the RFCs, recomputed."""

from __future__ import annotations

from pathlib import Path

from attrs import frozen


@frozen
class Vector:
    """One example.

    Attributes:
        values: ``key=value`` pairs of the input column.
        expected: what the mechanism sends, as the column describes it.
    """

    mechanism: str
    values: dict[str, str]
    expected: str


def vectors(mechanism: str) -> list[Vector]:
    """The examples of one mechanism."""
    path = Path(__file__).with_name("sasl.tsv")
    found = []
    for line in path.read_text(encoding="utf-8").split("\n"):
        if line.startswith(f"{mechanism}\t"):
            name, _, given, expected = line.split("\t")
            pairs = (pair.partition("=") for pair in given.split("; "))
            found.append(Vector(name, {k: v for k, _, v in pairs}, expected))
    return found

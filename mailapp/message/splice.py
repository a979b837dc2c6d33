"""Octets with some stretches of them replaced."""

from __future__ import annotations

from collections.abc import Iterable

from attrs import frozen


@frozen
class Edit:
    """What stands from ``start`` to ``end`` becomes ``octets``."""

    start: int
    end: int
    octets: bytes


def splice(octets: bytes, edits: Iterable[Edit]) -> bytes:
    """The octets with all edits made; these are in order and do not overlap.

    Nothing is copied twice: the outcome is the only thing of its size that is made.
    """
    whole = memoryview(octets)
    pieces: list[bytes | memoryview] = []
    position = 0
    for edit in edits:
        pieces += (whole[position : edit.start], edit.octets)
        position = edit.end
    if not pieces:
        return octets
    pieces.append(whole[position:])
    return b"".join(pieces)

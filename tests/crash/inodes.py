"""What the model of a disk is made of, and what a power cut leaves of it."""

from __future__ import annotations

from attrs import define, field

from mailapp.storage.files import Directory


@define(eq=False)
class Inode:
    """A file or a directory."""

    directory: bool
    content: bytes = b""
    durable: bytes = b""
    names: dict[bytes, int] = field(factory=dict)
    durable_names: dict[bytes, int] = field(factory=dict)
    changed: int = 0
    links: int = 1


Assignment = tuple[int, bytes, int | None]
"""In a directory a name gets an inode, or goes."""
Operation = tuple[Assignment, ...]


def torn(new: bytes, old: bytes) -> bytes:
    """The first half of the octets that are new, and behind it what was there."""
    if new == old:
        return new
    length = max(len(new), len(old))
    places = [n for n in range(length) if new[n : n + 1] != old[n : n + 1]]
    middle = (places[0] + places[-1] + 1) // 2
    return new[:middle] + old[middle:]


def without(
    operations: list[Operation], directory: int, name: bytes
) -> list[Operation]:
    """Older operations on a name can't come after one that is durable."""
    left = [
        tuple(a for a in operation if a[:2] != (directory, name))
        for operation in operations
    ]
    return [operation for operation in left if operation]


class HeldDirectory(Directory):
    """A directory that the model holds open."""

    __slots__ = ("inode",)

    def __init__(self, path: bytes, inode: int) -> None:
        super().__init__(path, -1)
        self.inode = inode

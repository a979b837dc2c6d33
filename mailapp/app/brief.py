"""What the supervisor hands to a worker when it starts it."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from typing import Final

from attrs import asdict, field, frozen

BRIEF_FD: Final = 3
BUS_FD: Final = 4
FIRST_SOCKET_FD: Final = 5


@frozen
class Brief:
    """Everything a worker is told; it may not be able to read the file itself.

    Attributes:
        name: for the logs, for example ``w0``.
        config_path: where the configuration came from, for messages.
        config_text: the configuration itself, as the supervisor read it.
        sockets: listener name to file descriptor numbers in the worker.
    """

    name: str
    config_path: str
    config_text: str
    sockets: Mapping[str, int] = field(factory=dict)

    @property
    def number(self) -> int:
        """Of the worker's slot, from 0."""
        return int(self.name.removeprefix("w"))

    def to_fd(self) -> int:
        """A file descriptor of memory that holds it; the caller closes it."""
        descriptor = os.memfd_create("mailapp-brief")
        with os.fdopen(os.dup(descriptor), "w", encoding="utf-8") as memory:
            json.dump(asdict(self), memory)
        os.lseek(descriptor, 0, os.SEEK_SET)
        return descriptor

    @classmethod
    def from_fd(cls, descriptor: int) -> Brief:
        """Read it and close the descriptor."""
        with os.fdopen(descriptor, encoding="utf-8") as memory:
            return cls(**json.load(memory))

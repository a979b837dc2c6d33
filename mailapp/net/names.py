"""Unique ids for connections and messages, for people to find in logs."""

from __future__ import annotations

import os
from base64 import b32encode
from itertools import count
from random import Random
from typing import Final

_DIGITS: Final = "abcdefghijklmnopqrstuvwxyz234567"


class SessionNames:
    """Gives ``q3zw-b7k``: four random letters per process, then a number in base 32.

    Args:
        octets: at least two and a half random octets; read once from the system, and
            only when the first id is wanted: a process that forks later is another.
    """

    def __init__(self, octets: bytes = b"") -> None:
        self._octets = octets
        self._prefix = ""
        self._numbers = count(1)

    def __call__(self) -> str:
        """The next id."""
        if not self._prefix:
            octets = self._octets or os.urandom(5)
            self._prefix = b32encode(octets)[:4].decode("ascii").lower()
        number = next(self._numbers)
        digits = ""
        while number:
            number, digit = divmod(number, 32)
            digits = _DIGITS[digit] + digits
        return f"{self._prefix}-{digits}"


class MessageNames:
    """Gives 16 hexadecimal digits that tell nobody how many came before.

    No secret: who collects hundreds of them can foretell the next. The system is asked
    once; asking it for each would let another thread in each time.

    Args:
        seed: of a test; the system's randomness if it is None.
    """

    def __init__(self, seed: int | None = None) -> None:
        # S311: an id is no secret
        self._bits = Random(os.urandom(32) if seed is None else seed).getrandbits  # noqa: S311

    def __call__(self) -> str:
        """The next id."""
        return f"{self._bits(64):016x}"

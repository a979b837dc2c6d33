"""Secrets that do not show themselves."""

from __future__ import annotations

import hmac
from typing import Final, NoReturn


class Secret:
    """A password or key; its repr, str and pickle show nothing.

    Call :meth:`reveal` only where the octets are used.
    """

    __slots__ = ("_octets",)

    def __init__(self, octets: bytes) -> None:
        self._octets: Final = octets

    def reveal(self) -> bytes:
        """The octets themselves."""
        return self._octets

    def equals(self, octets: bytes) -> bool:
        """Compare in a time that does not depend on where the octets differ."""
        return hmac.compare_digest(self._octets, octets)

    def __repr__(self) -> str:
        return "<Secret>"

    __str__ = __repr__

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and self.equals(other._octets)

    def __hash__(self) -> int:
        return hash((Secret, self._octets))

    def __reduce__(self) -> NoReturn:
        msg = "a secret is not pickled"
        raise TypeError(msg)

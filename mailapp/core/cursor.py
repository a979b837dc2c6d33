"""A place in octets that a grammar reads from, left to right, without backtracking."""

from __future__ import annotations

from collections.abc import Set

from mailapp.core.failures import SyntaxProblem


class Cursor:
    """Octets and a position; every read moves the position or leaves it alone.

    Attributes:
        octets: what is read.
        position: index of the next octet.
    """

    __slots__ = ("octets", "position")

    def __init__(self, octets: bytes, position: int = 0) -> None:
        self.octets = octets
        self.position = position

    @property
    def at_end(self) -> bool:
        """Nothing is left."""
        return self.position >= len(self.octets)

    def peek(self) -> int:
        """The next octet's value, or -1 at the end."""
        if self.position < len(self.octets):
            return self.octets[self.position]
        return -1

    def skip(self, literal: bytes) -> bool:
        """Pass over ``literal`` if it comes next; tell whether it did."""
        if self.octets.startswith(literal, self.position):
            self.position += len(literal)
            return True
        return False

    def skip_word(self, word: bytes) -> bool:
        """As :meth:`skip`, blind to case; ``word`` is given in upper case."""
        end = self.position + len(word)
        if self.octets[self.position : end].upper() == word:
            self.position = end
            return True
        return False

    def expect(self, literal: bytes, reason: str) -> None:
        """Pass over ``literal``.

        Raises:
            SyntaxProblem: something else comes next.
        """
        if not self.skip(literal):
            raise SyntaxProblem(reason)

    def take_while(self, allowed: Set[int]) -> bytes:
        """The longest run of these octets from here; may be empty."""
        start = position = self.position
        octets, end = self.octets, len(self.octets)
        while position < end and octets[position] in allowed:
            position += 1
        self.position = position
        return octets[start:position]

    def take(self, count: int) -> bytes:
        """The next ``count`` octets.

        Raises:
            SyntaxProblem: there are fewer.
        """
        end = self.position + count
        if end > len(self.octets):
            reason = "unexpected end"
            raise SyntaxProblem(reason)
        taken = self.octets[self.position : end]
        self.position = end
        return taken

    def rest(self) -> bytes:
        """All that is left."""
        taken = self.octets[self.position :]
        self.position = len(self.octets)
        return taken

    def finish(self, reason: str = "unexpected characters at the end") -> None:
        """Be at the end.

        Raises:
            SyntaxProblem: something is left.
        """
        if not self.at_end:
            raise SyntaxProblem(reason)

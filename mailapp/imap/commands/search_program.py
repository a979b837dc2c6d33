"""A search key as a program, and what can be said while not all of it is known.

A key is a tree of single keys (atoms) under AND, OR and NOT. Some atoms cost nothing,
some need a look at every message. So for each node two sets are computed: the messages
that match whatever the unknown atoms say, and those that may. Only messages between the
two need another look, and with each round of looking they get fewer::

    program = Program(key, count)
    program.know(atom, matching)            # for all messages
    program.know(atom, matching, looked)    # for those that were looked at
    must, may = await program.run(drain)
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Final

from attrs import define, frozen

from mailapp.imap.commands import search_places
from mailapp.imap.grammar.values.search import And, Not, Or, SearchKey

_STEPS_AT_ONCE: Final = 32

Drain = Callable[[], Awaitable[None]]


@frozen
class _Join:
    """Takes so many sets from the stack, gives one.

    Attributes:
        every: their intersection; else their union.
    """

    count: int
    every: bool


class _Complement:
    """Takes a set from the stack, gives all others."""


_Step = int | _Join | _Complement


@define
class _Known:
    """What is known of an atom: it matches at least, and at most, these."""

    must: int
    may: int


class Program:
    """See the module.

    Args:
        key: of the command.
        count: messages in the columns.

    Attributes:
        atoms: each different one once.
    """

    def __init__(self, key: SearchKey, count: int) -> None:
        self._all: Final = search_places.every(count)
        self._steps: Final[list[_Step]] = []
        numbers: dict[SearchKey, int] = {}
        self._compile(key, numbers)
        self.atoms: Final[Sequence[SearchKey]] = list(numbers)
        self._known = [_Known(0, self._all) for _ in self.atoms]

    def _compile(self, key: SearchKey, numbers: dict[SearchKey, int]) -> None:
        """Operands before operators; at most 64 levels deep."""
        if isinstance(key, And):
            for each in key.keys:
                self._compile(each, numbers)
            self._steps.append(_Join(len(key.keys), every=True))
        elif isinstance(key, Or):
            self._compile(key.left, numbers)
            self._compile(key.right, numbers)
            self._steps.append(_Join(2, every=False))
        elif isinstance(key, Not):
            self._compile(key.key, numbers)
            self._steps.append(_Complement())
        else:
            self._steps.append(numbers.setdefault(key, len(numbers)))

    def know(self, atom: int, matching: int, looked: int | None = None) -> None:
        """Note which messages an atom matches.

        Args:
            atom: index in ``atoms``.
            matching: places.
            looked: places that were looked at; None: all.
        """
        known = self._known[atom]
        if looked is None:
            known.must = known.may = matching
        else:
            known.must |= matching
            known.may &= ~(looked & ~matching)

    def is_known(self, atom: int) -> bool:
        """Nothing is left to be looked at for it."""
        known = self._known[atom]
        return known.must == known.may

    async def run(self, drain: Drain) -> tuple[int, int]:
        """The messages that match, and those that may.

        Args:
            drain: gives others a turn.
        """
        stack: list[tuple[int, int]] = []
        for count, step in enumerate(self._steps):
            if isinstance(step, int):
                known = self._known[step]
                stack.append((known.must, known.may))
            elif isinstance(step, _Join):
                operands = stack[-step.count :]
                del stack[-step.count :]
                stack.append(self._joined(operands, every=step.every))
            else:
                must, may = stack.pop()
                stack.append((self._all ^ may, self._all ^ must))
            if count % _STEPS_AT_ONCE == 0:
                await drain()
        [found] = stack
        return found

    def _joined(
        self, operands: Sequence[tuple[int, int]], *, every: bool
    ) -> tuple[int, int]:
        must, may = operands[0]
        for least, most in operands[1:]:
            if every:
                must, may = must & least, may & most
            else:
                must, may = must | least, may | most
        return must, may

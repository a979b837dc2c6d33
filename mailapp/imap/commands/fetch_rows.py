"""The rows of one slice of a FETCH."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from mailapp.imap.commands.context import Context
from mailapp.imap.commands.fetch_body import Stream, Value, send
from mailapp.imap.commands.fetch_plan import Plan
from mailapp.imap.responses.fetch import Cells, FlagLists, Places

_OCTETS_AT_ONCE: Final = 64 * 1024


class Rows:
    """Rows with octets in them are kept until they are worth a write.

    Args:
        context: of the session.
        flags: of the columns.
        places: of the messages.
        facts: for each kind of the plan, the values of these messages.
    """

    def __init__(
        self,
        context: Context,
        flags: FlagLists,
        places: Places,
        facts: Sequence[Sequence[bytes]],
    ) -> None:
        self._context = context
        self._flags = flags
        self._places = places
        self._facts = facts
        self._tables: dict[Plan, list[Cells | None]] = {}
        self._plan: Plan | None = None
        self._numbers: list[int] = []
        self._cells: list[Sequence[object]] = []
        self._held = 0

    def all(self, plan: Plan, numbers: Sequence[int]) -> bytes:
        """All of them at once, of a plan that needs no octets."""
        columns = [column for column in self._table(plan) if column is not None]
        return plan.form.rows(numbers, columns)

    async def add(
        self, plan: Plan, number: int, at: int, bodies: Sequence[Value | None]
    ) -> None:
        """One row, held or sent.

        Args:
            plan: what it tells.
            number: its sequence number.
            at: which of the messages it is, from 0.
            bodies: the values that need octets.

        Raises:
            BrokenOff: octets that were announced are not there.
        """
        rest = iter(bodies)
        cells = [
            next(rest) if column is None else column[at] for column in self._table(plan)
        ]
        octets = 0
        for body in bodies:
            if isinstance(body, Stream):
                self.flush()
                await self._stream(plan, number, cells)
                return
            octets += len(body or b"")
        if plan is not self._plan:
            self.flush()
            self._plan = plan
        self._numbers.append(number)
        self._cells.append(cells)
        self._held += octets
        if self._held >= _OCTETS_AT_ONCE:
            self.flush()
        await self._context.drain()

    def flush(self) -> None:
        """Send the rows that are held."""
        if self._plan is not None and self._numbers:
            columns: list[Cells] = list(zip(*self._cells, strict=True))
            self._context.send(self._plan.form.rows(self._numbers, columns))
        self._numbers, self._cells, self._held = [], [], 0

    def _table(self, plan: Plan) -> list[Cells | None]:
        table = self._tables.get(plan)
        if table is None:
            table = plan.metadata(self._flags, self._places, self._facts)
            self._tables[plan] = table
        return table

    async def _stream(self, plan: Plan, number: int, cells: Sequence[object]) -> None:
        """A row in pieces."""
        rest = iter(cells)
        start = b"* %d FETCH (" % number
        for item in plan.form.items:
            if b"%b" not in item and b"%d" not in item:
                self._context.send(start + item)
            else:
                value = next(rest)
                shown = value.head if isinstance(value, Stream) else value
                self._context.send(start + item % (shown,))
                if isinstance(value, Stream):
                    await send(self._context, value)
            start = b" "
        self._context.send(b")\r\n")

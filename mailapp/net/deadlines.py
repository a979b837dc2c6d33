"""How long the peer of an open connection may take.

Each state of a connection has a timeout (RFC 5321, section 4.5.3.2 and its like). An
answer gives the whole of it again. Where bulk input is due, octets move the deadline
too, at a minimum rate: whoever drips one octet a minute does not stay.
"""

from __future__ import annotations

import math
from typing import Any, Final, cast

from mailapp.net.entrance import Entrance, Phase, Register
from mailapp.net.pump import Pump
from mailapp.net.surroundings import Surroundings

_WRITE_RATE: Final = 64
"""Octets a second that a peer must read, on average over a timeout."""


class Timed(Entrance):
    """A connection whose deadline moves with what its pump does."""

    hurries = False
    """The connection tells when a peer may wait for the word of our kernel alone."""

    def __init__(self, around: Surroundings, register: Register, address: str) -> None:
        super().__init__(around, register, address)
        self.gained = 0
        """Octets that came since the deadline was moved last."""
        self.received = 0
        """All octets before those."""
        self._sent = 0
        self._remaining: float | None = None

    def start_closing(self) -> None:
        """The last octets are leaving."""
        self._sent = self.octets_sent()
        self.deadline = self._around.clock.seconds() + self._around.close_timeout

    def move_deadline(self, pump: Pump) -> None:
        """Anew after an answer; by what came where a minimum rate holds. Hot."""
        connection = pump.connection
        gained, self.gained = self.gained, 0
        self.received += gained
        now = self._around.clock.seconds()
        latest = now + connection.timeout
        if pump.moved:
            pump.moved = False
            self.deadline = latest
        else:
            if self._remaining is not None:
                self.deadline = now + self._remaining
            rate = connection.minimum_rate
            if rate:
                self.deadline = min(self.deadline + gained / rate, latest)
        self._remaining = None
        if self.hurries and cast(Any, connection).halfway:
            self.transport.acknowledge()

    def rest(self, pump: Pump) -> None:
        """We wait for ourselves, or the peer has to read: its time stands still."""
        now = self._around.clock.seconds()
        if self._remaining is None:
            self._remaining = self.deadline - now
        if self.finished:
            self.deadline = now + self._around.close_timeout
        elif pump.busy is not None and pump.room is None:
            self.deadline = math.inf
        else:
            self._sent = self.octets_sent()
            self.deadline = now + self._around.write_timeout

    def reads(self, now: float) -> bool:
        """Whether the peer has read enough to be given the same time again."""
        around, before = self._around, self._sent
        opened = self._phase is Phase.OPEN
        patience = around.write_timeout if opened else around.close_timeout
        self._sent = self.octets_sent()
        self.deadline = now + patience
        return self._sent - before >= patience * _WRITE_RATE

"""Events one at a time: the next comes when the one before is answered."""

from __future__ import annotations

from types import NoneType
from typing import ClassVar, Generic, TypeVar

from mailapp.core.connection import NEED_DATA, PAUSED, Signal

_E = TypeVar("_E")


class Turns(Generic[_E]):
    """What connections have in common whose state an answer moves on.

    What comes is read in the state that the last answer led to, and no earlier.
    """

    _unasked: ClassVar[type[object]] = NoneType
    """Events of this kind want no answer."""

    def __init__(self) -> None:
        self._unanswered: _E | None = None
        self._ended = False  # the peer sends no more
        self._draining = False

    def receive_eof(self) -> None:
        """The peer sends no more; what is whole before that still counts."""
        self._ended = True

    def next_event(self) -> _E | Signal:
        """The next event; each is answered before the next one comes."""
        if self._unanswered is not None:
            return PAUSED
        event = self._read()
        if event is None:
            if self._ended:
                self._close()
            return NEED_DATA
        if event.__class__ is not self._unasked:
            self._unanswered = event
        return event

    def _read(self) -> _E | None:
        """What came, as an event; None: it is not complete, or not looked at."""
        raise NotImplementedError

    def _close(self) -> None:
        """All is said: forget what was not read."""
        raise NotImplementedError

    def _answered(self) -> _E:
        """The event whose answer came."""
        event, self._unanswered = self._unanswered, None
        if event is None:
            msg = "there is nothing to answer"
            raise RuntimeError(msg)
        return event

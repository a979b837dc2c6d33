"""Turns octets into events, events into answers, answers into octets.

This is the hot path: a command that is answered at once passes through it without a
Deferred, a timer or an extra write. It knows no transport but a ``write`` function.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Coroutine, Sequence
from typing import Any, Final

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.logger import Logger

from mailapp.core.connection import NEED_DATA, PAUSED, Connection, Session
from mailapp.core.output import Output
from mailapp.net.steps import Run, nothing, run

_log: Final = Logger()

CHUNK: Final = 65536
"""Octets of output that leave in one write, about."""
_BATCH: Final = 16
"""Events between two looks at what else there is to do."""
_TURNS: Final = 4
"""Batches or chunks between two looks at the clock."""
_SLICE: Final = 0.01
"""Seconds that one connection may keep the reactor."""


class _Place:
    """Stands for a run that is being made."""

    def cancel(self) -> None:
        """There is nothing to cancel yet."""


class Pump:
    """The traffic between one connection and its session.

    ``busy``, what it waits for (a coroutine, or its next turn in the reactor), stops
    it, and so does ``full``, set by its owner while the transport takes no more.

    Args:
        connection: of the protocol.
        session: of the protocol.
        write: takes octets for the peer; it may set ``full``. May be replaced.
        settle: called whenever the pump comes to rest.
        fail: called with what connection or session raised; nothing may be asked of
            the pump afterwards but ``part`` and ``cancel``.
        clock: to give others a turn.
    """

    __slots__ = (
        "_clock", "_fail", "_next_event", "_out", "_pending", "_respond", "_send",
        "_settle", "_since", "_size", "_working", "busy", "connection", "ending",
        "full", "moved", "room", "session", "shaking", "write",
    )  # fmt: skip

    def __init__(
        self,
        connection: Connection,
        session: Session,
        write: Callable[[bytes], object],
        settle: Callable[[], None],
        fail: Callable[[BaseException], None],
        clock: IReactorTime,
    ) -> None:
        self.connection: Final = connection
        self.session: Final = session
        self.busy: Run | IDelayedCall | _Place | None = None
        self.full = False
        self.ending = False
        """Nothing more is read: close once all is written."""
        self.shaking = False
        """The go-ahead of STARTTLS was written: the handshake is next."""
        self.room: Deferred[None] | None = None
        """Of a session that waits until the peer has read; see ``net.outlet``."""
        self.moved = True
        """An answer was sent, or an event came that wants none, since last asked."""
        self._next_event = connection.next_event
        self._respond = session.respond
        self._send = connection.send
        self.write = write
        self._settle = settle
        self._fail = fail
        self._clock = clock
        self._working = False
        self._since = 0.0
        self._out: list[bytes] = []
        self._size = 0
        self._pending: deque[Output] = deque()

    def receive(self, octets: bytes) -> None:
        """Take octets, and do at once what can be done."""
        try:
            self.connection.receive(octets)
        except Exception as problem:
            self._fail(problem)
            return
        if self.busy is None and not self.full:
            self.work()

    def work(self, answer: Any = None) -> None:
        """Do all that can be done now, then settle.

        Args:
            answer: to the event that was waited for; None for none.
        """
        if self._working:  # called from within a write or a first step
            if answer is not None:
                self._take(self._send(answer))
            return
        self._working = True
        try:
            if answer is not None:
                self._take(self._send(answer))
            turns = 0
            while self.busy is None and not (self.full or self.shaking):
                if self._pending:
                    self._pull()
                elif self.ending or not self._events():
                    break
                turns += 1
                if not turns % _TURNS:
                    self._give_way(turns)
            self.flush()
        except Exception as problem:
            self._working = False
            self._fail(problem)
        else:
            self._working = False
            self._settle()

    def say(self, outputs: Sequence[Output]) -> None:
        """Write what answers no event: parting words, behind what is under way."""
        if self.shaking:
            return
        try:
            self._take(outputs)
        except Exception as problem:
            self._fail(problem)
        else:
            self.work()

    def add(self, octets: bytes) -> None:
        """Gather what answers no event, behind what was said before."""
        self._out.append(octets)
        self._size += len(octets)
        if self._size >= CHUNK:
            self.flush()

    def flush(self) -> None:
        """Write what was gathered."""
        if out := self._out:
            octets = out[0] if len(out) == 1 else b"".join(out)
            out.clear()
            self._size = 0
            self.write(octets)

    def part(self, words: Callable[[], Sequence[Output]]) -> bool:
        """After a failure: write these words if the peer will understand them.

        Returns:
            False if a stream broke off, so that no word would make sense.
        """
        if self._pending:
            return False
        self._out.extend(octets for octets in words() if isinstance(octets, bytes))
        self.flush()
        return True

    def cancel(self) -> None:
        """The peer is gone: stop what is under way, and streams with it."""
        busy, self.busy = self.busy, _Place()
        if busy is not None:
            busy.cancel()
        while self._pending:
            _close(self._pending.popleft())

    def forget(self) -> None:
        """Let go of both halves, after ``cancel``: they may hold the pump."""
        del self.connection, self.session, self._next_event, self._respond, self._send

    def _events(self) -> bool:
        """Answer a batch of events.

        Returns:
            whether there may be more to do.
        """
        next_event, respond, send = self._next_event, self._respond, self._send
        for _ in range(_BATCH):
            event = next_event()
            if event is NEED_DATA or event is PAUSED:
                return False
            coroutine = respond(event)
            try:
                awaited = coroutine.send(None)
            except StopIteration as stop:
                answer = stop.value
            else:
                self._wait(coroutine, awaited, self._answered, self._raised)
                return True
            if answer is None:
                if not self.connection.minimum_rate:
                    self.moved = True
            elif self._take(send(answer)):
                return True
        return True

    def _take(self, outputs: Sequence[Output]) -> bool:
        """Queue output; tell whether a stream, TLS or the end comes before an event."""
        self.moved = True
        pending = self._pending
        for output in outputs:
            if not pending and output.__class__ is bytes:
                self._out.append(output)
                self._size += len(output)
            else:
                pending.append(output)
        if self._size >= CHUNK:
            self.flush()
        if self.connection.wants_close:
            self.ending = True
        elif self.connection.wants_tls:
            self.flush()
            self.shaking = True
        return self.ending or self.shaking or self.full or bool(pending)

    def _pull(self) -> None:
        """Take the next octets of what is pending."""
        output = self._pending[0]
        if isinstance(output, bytes):
            self._pending.popleft()
            self.add(output)
            return
        step: Any = output.chunks.__anext__()
        try:
            awaited = step.send(None)
        except StopIteration as stop:
            self.add(stop.value)
        except StopAsyncIteration:
            self._pending.popleft()
        else:
            self.flush()
            self._wait(step, awaited, self._chunk_came, self._chunk_failed)

    def _chunk_came(self, octets: bytes) -> None:
        self.busy = None
        self.add(octets)
        self.work()

    def _chunk_failed(self, problem: BaseException) -> None:
        if isinstance(problem, StopAsyncIteration):
            self.busy = None
            self._pending.popleft()
            self.work()
        else:
            self._raised(problem)

    def _wait(
        self,
        coroutine: Coroutine[Any, Any, Any],
        awaited: object,
        done: Callable[[Any], None],
        failed: Callable[[BaseException], None],
    ) -> None:
        place = self.busy = _Place()
        waiting = Run(coroutine, awaited, done, failed)
        if self.busy is place:
            self.busy = waiting

    def _answered(self, answer: Any) -> None:
        self.busy = None
        self.work(answer)

    def _raised(self, problem: BaseException) -> None:
        self.busy = None
        self._fail(problem)

    def _give_way(self, turns: int) -> None:
        """Leave the rest for the next turn of the reactor if this one took long."""
        now = self._clock.seconds()
        if turns == _TURNS:
            self._since = now
        elif now - self._since > _SLICE:
            self.busy = self._clock.callLater(0, self._answered, None)


def _close(output: Output) -> None:
    """Let a stream that breaks off give back what it holds."""
    close = getattr(getattr(output, "chunks", None), "aclose", None)
    if close is not None:
        run(close(), nothing, _unclosed)


def _unclosed(problem: BaseException) -> None:
    _log.error("closing a stream: {problem!r}", problem=problem, event="stream.failed")

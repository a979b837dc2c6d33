"""Plays a connection and its session in memory, with no transport and no reactor.

:class:`Wire` does what the driver promises (events to the session, answers to the
connection); :func:`play` plays a vector on it. A vector is played whole, octet by
octet and at random cuts, and what the server says must be the same each time.
"""

from __future__ import annotations

import base64
import hashlib
import random
import re
from collections.abc import Callable, Coroutine, Sequence
from typing import Any

from twisted.internet.defer import Deferred

from mailapp.core.connection import NEED_DATA, PAUSED, Connection, Session
from mailapp.core.output import Output, Stream
from mailapp.core.peer import TLS, Peer
from tests.svt import Step, Vector, unescape

Cut = Callable[[bytes], Sequence[bytes]]
"""How the client's octets are cut into what the transport delivers."""


def whole(octets: bytes) -> Sequence[bytes]:
    """In one piece."""
    return [octets]


def octetwise(octets: bytes) -> Sequence[bytes]:
    """One octet at a time."""
    return [octets[i : i + 1] for i in range(len(octets))]


def random_cuts(seed: int) -> Cut:
    """At random places, the same ones for the same seed."""
    rng = random.Random(seed)  # noqa: S311 - no secret

    def cut(octets: bytes) -> Sequence[bytes]:
        count = min(len(octets) - 1, rng.randint(0, 5)) if len(octets) > 1 else 0
        places = sorted(rng.sample(range(1, len(octets)), count)) if count else []
        ends = [*places, len(octets)]
        return [octets[a:b] for a, b in zip([0, *places], ends, strict=True)]

    return cut


CUTS: dict[str, Cut] = {
    "whole": whole,
    "octetwise": octetwise,
    **{f"random {seed}": random_cuts(seed) for seed in range(5)},
}


class _Outlet:
    """What :class:`mailapp.net.outlet.Outlet` is, to a client that always reads."""

    def __init__(self, sent: bytearray) -> None:
        self._sent = sent

    def begin(self) -> None:
        """Time does not pass."""

    def write(self, octets: bytes) -> None:
        """Nothing is kept."""
        self._sent += octets

    def flush(self) -> None:
        """It is there already."""

    def pause(self) -> None:
        """Never."""


class Wire:
    """A client's view of one connection.

    Attributes:
        sent: what the server wrote and the test has not read yet.
        closed: the server closed the connection.
        pending: a response waits for a Deferred.
    """

    def __init__(self, connection: Connection, session: Session) -> None:
        self.connection = connection
        self.session = session
        self.sent = bytearray()
        self.closed = False
        self.pending = False
        self.before_tls = 0
        attach = getattr(session, "attach", None)
        if attach is not None:
            attach(_Outlet(self.sent))
        self._pump()

    def feed(self, octets: bytes, cut: Cut = whole) -> None:
        """The client sends; what comes after a close is lost, as in life."""
        for piece in cut(octets):
            if self.closed:
                return
            self.connection.receive(piece)
            self._pump()

    def start_tls(self, tls: TLS) -> None:
        """Both sides do the handshake."""
        self.connection.tls_started()
        self.session.tls_started(tls)
        self._pump()

    def client_closes(self) -> None:
        """The client is gone."""
        if not self.closed:
            self.connection.receive_eof()
            self._pump()
            self._close()

    def time_out(self) -> None:
        """The deadline passes."""
        self._write(self.connection.time_out())
        self._close()

    def dismiss(self) -> None:
        """The review finds that the session is not welcome any more."""
        self._write(self.connection.dismiss())
        self._close()

    def take(self) -> bytes:
        """All that the server wrote since the last time."""
        octets = bytes(self.sent)
        self.sent.clear()
        return octets

    def _close(self) -> None:
        if not self.closed:
            self.closed = True
            self.session.closed()

    def _pump(self) -> None:
        while not (self.pending or self.closed):
            if self.connection.wants_close:
                self._close()
                return
            event = self.connection.next_event()
            if event is NEED_DATA or event is PAUSED:
                return
            self._step(self.session.respond(event), None)

    def _step(self, coroutine: Coroutine[Any, Any, Any], value: Any) -> None:
        try:
            awaited = coroutine.send(value)
        except StopIteration as stop:
            self.pending = False
            if stop.value is not None:
                self._write(self.connection.send(stop.value))
            return
        if not isinstance(awaited, Deferred):
            msg = f"a session awaits {awaited!r}"
            raise TypeError(msg)
        self.pending = True

        def resume(result: Any) -> None:
            self._step(coroutine, result)
            self._pump()

        _ = awaited.addBoth(resume)

    def _write(self, outputs: Sequence[Output]) -> None:
        for output in outputs:
            if isinstance(output, Stream):
                self._drain(output)
            else:
                self.sent += output

    def _drain(self, stream: Stream) -> None:
        while True:
            try:
                stream.chunks.__anext__().__await__().__next__()
            except StopIteration as stop:
                self.sent += stop.value
            except StopAsyncIteration:
                return


class Mismatch(AssertionError):
    """The server said something else."""


class _Reader:
    """Reads what the server sent, step by step."""

    def __init__(
        self, wire: Wire, cut: Cut, tls: TLS, other: Callable[[str], None]
    ) -> None:
        self.wire = wire
        self.other = other
        self.cut = cut
        self.tls = tls
        self.variables: dict[str, str] = {}

    def line(self) -> str:
        octets, found, rest = bytes(self.wire.sent).partition(b"\r\n")
        if not found:
            msg = f"no line, only {octets[:80]!r}"
            raise Mismatch(msg)
        self.wire.sent[:] = rest
        return octets.decode("latin-1")

    def substitute(self, operand: str) -> str:
        text = unescape(operand)
        for name, value in self.variables.items():
            text = text.replace("{" + name + "}", value)
        text = re.sub(
            r"\{md5:([^{}]*)\}",
            lambda m: hashlib.md5(m[1].encode("latin-1")).hexdigest(),  # noqa: S324
            text,
        )
        return re.sub(
            r"\{b64:([^{}]*)\}",
            lambda m: base64.b64encode(m[1].encode("latin-1")).decode(),
            text,
        )

    def do(self, step: Step) -> None:  # noqa: C901, PLR0912 - one row a directive
        operand = step.operand
        match step.operation:
            case "C:":
                text = self.substitute(operand) + "\r\n"
                self.wire.feed(text.encode("latin-1"), self.cut)
            case "C!":
                octets = self.substitute(operand).encode("latin-1")
                self.wire.feed(octets, self.cut)
            case "CX":
                self.wire.client_closes()
            case "O:":
                self.other(self.substitute(operand))
            case "TL":
                self.wire.start_tls(self.tls)
            case "S:":
                self._check(self.line(), self.substitute(operand))
            case "S~":
                self._matches(operand)
            case "S+":
                self._reply(operand)
            case "S?":
                self._some(operand)
            case "S#":
                count = int(operand)
                if len(self.wire.sent) < count:
                    msg = f"{len(self.wire.sent)} octets instead of {count}"
                    raise Mismatch(msg)
                del self.wire.sent[:count]
            case "S.":
                while self.line() != ".":
                    pass
            case "S_":
                self._check(bytes(self.wire.sent).decode("latin-1"), "")
            case "SX":
                self._check(bytes(self.wire.sent).decode("latin-1"), "")
                if not self.wire.closed:
                    msg = "the server did not close"
                    raise Mismatch(msg)

    def _check(self, got: str, expected: str) -> None:
        if got != expected:
            msg = f"got {got!r}"
            raise Mismatch(msg)

    def _matches(self, operand: str) -> None:
        got = self.line()
        banner = re.search(r"<[^<>@ ]+@[^<>@ ]+>", got)
        if banner:
            self.variables.setdefault("banner", banner[0])
        if not re.fullmatch(operand, got):
            msg = f"got {got!r}"
            raise Mismatch(msg)

    def _some(self, operand: str) -> None:
        least, most, pattern = operand.split(" ", 2)
        count = 0
        while count < int(most):
            got = bytes(self.wire.sent).partition(b"\r\n")[0].decode("latin-1")
            if not re.fullmatch(pattern, got):
                break
            self.line()
            count += 1
        if count < int(least):
            msg = f"{count} lines, then {self.line()!r}"
            raise Mismatch(msg)

    def _reply(self, operand: str) -> None:
        code, *options = operand.split(" ")
        words = set()
        while True:
            got = self.line()
            if got[:3] != code or got[3:4] not in {"-", " ", ""}:
                msg = f"got {got!r}"
                raise Mismatch(msg)
            words.add(got[4:].split(" ")[0].upper())
            if got[3:4] != "-":
                break
        for option in options:
            missing = set(option.partition("=")[2].upper().split(",")) - words
            if option.startswith("has=") and missing:
                msg = f"missing {missing}"
                raise Mismatch(msg)


def _nobody(_command: str) -> None:
    raise Mismatch("there is no other client")


def play(
    vector: Vector,
    compose: Callable[[Peer], tuple[Connection, Session]],
    cut: Cut = whole,
    *,
    peer: Peer | None = None,
    tls: TLS | None = None,
    other: Callable[[str], None] = _nobody,
) -> Wire:
    """Play a vector; give the wire, for a look at what is left.

    Args:
        vector: what is said.
        compose: what serves a connection.
        cut: how octets come.
        peer: the client.
        tls: what the handshake gives.
        other: gives a command as another client.

    Raises:
        Mismatch: the server said something else, with the file and line.
    """
    wire = Wire(*compose(peer or Peer("192.0.2.1", 12345)))
    reader = _Reader(wire, cut, tls or TLS(version="TLSv1.3"), other)
    for step in vector.steps:
        try:
            reader.do(step)
        except Mismatch as problem:
            where = f"{vector.file}:{step.line} [{vector.id}] {step.operation}"
            msg = f"{where} {step.operand!r}: {problem}"
            raise Mismatch(msg) from None
    return wire

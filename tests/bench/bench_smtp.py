"""How long the SMTP tiers take for a message, without driver and storage.

    python -m tests.bench.bench_smtp

Prints microseconds for each message of 4 KB (MAIL, RCPT, DATA, content, each in its own
segment), the same pipelined, and MB/s of the content decoder.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

from zope.interface import implementer

from mailapp.core.address import Address
from mailapp.core.connection import Signal
from mailapp.core.envelope import Envelope
from mailapp.core.peer import Peer
from mailapp.delivery.interfaces import IBody, IDelivery
from mailapp.delivery.types import Delivered, RecipientOutcome, Route
from mailapp.policy.interfaces import Content, IPolicy, Origin
from mailapp.policy.verdict import ACCEPT, Accept
from mailapp.smtp.data import DataDecoder
from mailapp.smtp.profile import Profile
from mailapp.smtp.protocol import compose_smtp

CHUNK = 64 * 1024
MESSAGE = (
    b"From: <a@example.org>\r\nTo: <b@example.test>\r\nSubject: bench\r\n"
    b"Message-ID: <1@example.org>\r\nDate: Mon, 5 Oct 2026 10:00:00 +0000\r\n\r\n"
    + (b"x" * 76 + b"\r\n")
    * 50
)


@implementer(IBody)
class NoBody:
    """Content that goes nowhere."""

    async def write(self, octets: bytes) -> None:
        """Take the octets."""

    async def commit(self) -> Sequence[RecipientOutcome]:
        """Lie."""
        return (Delivered(),)

    def abort(self) -> None:
        """Forget nothing."""


@implementer(IDelivery)
class NoDelivery:
    """Takes everything."""

    async def route(self, address: Address, *, relays: bool = False) -> Route:
        """Anywhere."""
        return Route(address, ())

    def begin(self, envelope: Envelope, routes: Any, fields: Any = ()) -> NoBody:
        """Anything."""
        return NoBody()


@implementer(IPolicy)
class NoPolicy:
    """Accepts everything."""

    async def connect(self, peer: Peer) -> Accept:
        """Welcome."""
        return ACCEPT

    async def helo(self, peer: Peer, name: str) -> Accept:
        """Nice name."""
        return ACCEPT

    async def mail(self, origin: Origin) -> Accept:
        """Nice sender."""
        return ACCEPT

    async def rcpt(self, origin: Origin, address: Address, accepted: int) -> Accept:
        """Nice recipient."""
        return ACCEPT

    async def body(self, envelope: Envelope, content: Content) -> Accept:
        """Nice message."""
        return ACCEPT


class Dialogue:
    """A connection and its session, pumped as the driver does it."""

    def __init__(self) -> None:
        compose = compose_smtp(
            Profile("mx.example.test"),
            NoDelivery(),
            NoPolicy(),
            now=lambda: 0.0,
            token=lambda: "0",
        )
        self.connection, self.session = compose(Peer("192.0.2.1"))
        self.feed(b"")
        self.feed(b"EHLO client.example.org\r\n")

    def feed(self, octets: bytes) -> bytes:
        """Send octets; give what the server wrote."""
        connection, respond = self.connection, self.session.respond
        connection.receive(octets)
        written = b""
        while not isinstance(event := connection.next_event(), Signal):
            try:
                respond(event).send(None)
            except StopIteration as stop:
                if stop.value is not None:
                    written += b"".join(connection.send(stop.value))  # type: ignore[arg-type]  # no streams in SMTP
        return written


def microseconds(segments: Sequence[bytes], count: int) -> float:
    """For one message that comes in these segments: the best of five runs."""
    dialogue = Dialogue()
    best = float("inf")
    written = b""
    for _ in range(5):
        begun = time.process_time()
        for _ in range(count):
            for segment in segments:
                written = dialogue.feed(segment)
        best = min(best, time.process_time() - begun)
        if not written.startswith(b"250 2.0.0 OK id="):
            raise AssertionError(written)
    return best / count * 1e6


def decoder_speed(line: bytes, octets: int = 1 << 25) -> float:
    """MB/s of the decoder with 64 KiB chunks of this line."""
    chunk = line * (CHUNK // len(line))
    best = float("inf")
    for _ in range(5):
        decoder = DataDecoder(1000)
        begun = time.process_time()
        for _ in range(octets // len(chunk)):
            decoder.decode(chunk)
        best = min(best, time.process_time() - begun)
    return octets / best / 1e6


def main() -> None:
    """Measure and print."""
    mail = b"MAIL FROM:<a@example.org> SIZE=4096\r\n"
    rcpt = b"RCPT TO:<b@example.test>\r\n"
    data = b"DATA\r\n"
    end = MESSAGE + b".\r\n"
    count = 2000
    rows = {
        "4 KB, lockstep, us": microseconds([mail, rcpt, data, end], count),
        "4 KB, pipelined, us": microseconds([mail + rcpt + data, end], count),
        "decoder, lines of 78, MB/s": decoder_speed(b"x" * 76 + b"\r\n"),
        "decoder, every line with a dot, MB/s": decoder_speed(
            b".." + b"x" * 74 + b"\r\n"
        ),
        "decoder, lines of 13, MB/s": decoder_speed(b"hello world\r\n"),
        "decoder, 8-bit, MB/s": decoder_speed(b"\xc3\xa4" * 38 + b"\r\n"),
    }
    for name, value in rows.items():
        print(f"{name:40}{value:10.1f}")  # noqa: T201 - the purpose of the program


if __name__ == "__main__":
    main()

"""A server with a large backlog: it starts, stays small, and new mail goes at once."""

from __future__ import annotations

import os
import sys
import time
import zlib
from pathlib import Path
from typing import Final

from attrs import evolve

from mailapp.core.address import Address
from mailapp.core.envelope import Recipient
from mailapp.queue.changes import Change, Tried, encode_change
from mailapp.queue.record import encode_trailer
from mailapp.queue.types import Attempt, Outcome
from tests.interop.hop import Hop
from tests.interop.neighbours import NeighbourCase, submit, wait_until
from tests.interop.served import Served, begin
from tests.unit.queue.postman import envelope

ENTRIES: Final = 100_000 if os.environ.get("MAILAPP_MANY") else 3000
_DOMAINS: Final = 500
_IDLE: Final = 1.0
_BUSY: Final = 0.03
"""Seconds of CPU in a tenth of a second that are work."""
_CONTENT: Final = b"Subject: waits\r\n\r\n" + b"hello\r\n" * 20


def fill(queue: Path, count: int, now: float) -> None:
    """Put deferred messages there that are due in one to two hours."""
    places = queue / "entries"
    places.mkdir(parents=True, exist_ok=True)
    crc = zlib.crc32(_CONTENT)
    for number in range(count):
        name, domain = f"old{number:07d}", f"d{number % _DOMAINS}.test"
        waiting = evolve(envelope(name), recipients=(Recipient(Address("x", domain)),))
        trailer = encode_trailer(
            waiting,
            queued_at=now - 7200,
            eight_bit=False,
            content_octets=len(_CONTENT),
            content_crc=crc,
        )
        attempt = Attempt(
            Outcome.DEFERRED, now - 60, "4.4.1", "no answer", f"mx.{domain} [192.0.2.1]"
        )
        change = Change([Tried(0, attempt, now + 3600 + number % 3600)])
        (places / name).write_bytes(_CONTENT + trailer)
        (places / f"{name}.log").write_bytes(encode_change(change))


class BacklogTests(NeighbourCase):
    """Thousands wait for other servers; 100,000 with MAILAPP_MANY."""

    with_b = False

    def test_new_message(self) -> None:
        """It goes within 5 s, while the old ones are looked through and after that."""
        hop = Hop(("127.0.0.8", self.port))
        self.addCleanup(hop.stop)
        self.names.add("new.test", "127.0.0.8")
        before = self.a.rss()
        self.a.stop()
        fill(self.a.data / "queue", ENTRIES, time.time())
        (self.a.data / "mailapp.log").unlink()
        begun = time.monotonic()
        server = begin(self.a.setup, self.a.data)
        self.addCleanup(server.stop)
        server.wait_ready()
        started = time.monotonic() - begun
        during = self.deliver(server, hop)
        looked = settle(server, begun)
        after = self.deliver(server, hop)
        grown = server.rss() - before
        sys.stderr.write(
            f"\n  {ENTRIES} wait: ready after {started:.1f} s, all looked at after"
            f" {looked:.1f} s; {grown:.1f} MiB,"
            f" {grown * 1024 * 1024 / ENTRIES:.0f} octets each;"
            f" new messages went in {during:.2f} s and {after:.2f} s\n"
        )
        self.assertLess(during, 5.0)
        self.assertLess(after, 5.0)
        self.assertLess(grown, 30 + ENTRIES / 2000)

    def deliver(self, server: Served, hop: Hop) -> float:
        """Submit a message to the host; the seconds until it has it."""
        count = len(hop.messages)
        begun = time.monotonic()
        submit(server, ["x@new.test"], self.message(f"{self.token}-{count}"))
        wait_until(lambda: len(hop.messages) > count, "the new message")
        return time.monotonic() - begun


def settle(server: Served, begun: float) -> float:
    """Wait until it does nothing any more; when that was."""
    used, idle_since = server.cpu(), time.monotonic()
    while time.monotonic() - idle_since < _IDLE:
        time.sleep(0.1)
        now = server.cpu()
        if now - used > _BUSY:
            idle_since = time.monotonic()
        used = now
    return idle_since - begun
